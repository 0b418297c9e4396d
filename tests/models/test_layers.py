import numpy as np
import pytest
import torch

from workbook.core.batch import MEAN, STD
from workbook.models.layers import SRM_FILTERS, NoiseResidual, pad_to_multiple


def normalised(pixels):
    """uint8 (B, 3, H, W) as the model sees it."""
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    return (pixels.float() / 255 - mean) / std


def test_against_a_brute_force_loop():
    pixels = torch.randint(
        0, 256, (2, 3, 7, 9), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    found = NoiseResidual(clip=100)(normalised(pixels)).numpy() * 100
    padded = np.pad(pixels.numpy().astype(float), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge")
    for b, c, f, y, x in np.ndindex(2, 3, 3, 7, 9):
        kernel, divisor = SRM_FILTERS[f]
        expected = (padded[b, c, y : y + 5, x : x + 5] * np.array(kernel)).sum() / divisor
        assert found[b, 3 * c + f, y, x] == pytest.approx(np.clip(expected, -100, 100), abs=1e-2)


def test_a_single_bright_pixel_leaves_the_filters_themselves():
    pixels = torch.full((1, 3, 9, 9), 100, dtype=torch.uint8)
    pixels[0, 1, 4, 4] += 12
    residual = NoiseResidual(clip=12)(normalised(pixels))[0] * 12
    for f, (kernel, divisor) in enumerate(SRM_FILTERS):
        expected = torch.tensor(kernel) * 12 / divisor  # the filters are symmetric
        torch.testing.assert_close(residual[3 + f, 2:7, 2:7], expected.float(), atol=1e-3, rtol=0)
    assert residual[:3].abs().max() < 1e-3  # the other colours know nothing of it
    assert residual[6:].abs().max() < 1e-3


def test_the_filters_see_neither_brightness_nor_slopes():
    for kernel, _ in SRM_FILTERS:
        kernel = np.array(kernel)
        rows, columns = np.indices(kernel.shape)
        assert kernel.sum() == (kernel * rows).sum() == (kernel * columns).sum() == 0


def test_residuals_are_clipped_and_scaled():
    pixels = torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8)
    residual = NoiseResidual()(normalised(pixels))
    assert residual.abs().max() == 1
    raw = NoiseResidual(clip=300)(normalised(pixels)) * 300
    torch.testing.assert_close(residual, raw.clamp(-3, 3) / 3, atol=1e-3, rtol=0)


def test_bf16_autocast_changes_nothing():
    image = normalised(torch.randint(100, 104, (1, 3, 16, 16), dtype=torch.uint8))
    layer = NoiseResidual()
    with torch.autocast("cpu", torch.bfloat16):
        residual = layer(image)
    assert residual.dtype == torch.float32
    assert torch.equal(residual, layer(image))


def test_nothing_to_learn_and_nothing_to_store():
    layer = NoiseResidual()
    assert not list(layer.parameters())
    assert not layer.state_dict()
    assert layer(torch.zeros(1, 3, 5, 6)).shape == (1, NoiseResidual.out_channels, 5, 6)


@pytest.mark.parametrize(
    ("size", "expected"), [((16, 32), (16, 32)), ((17, 31), (32, 32)), ((1, 1), (16, 16))]
)
def test_padding_repeats_the_last_row_and_column(size, expected):
    image = torch.rand(1, 2, *size)
    padded = pad_to_multiple(image, 16)
    assert padded.shape[-2:] == expected
    assert torch.equal(padded[..., : size[0], : size[1]], image)
    assert (padded[..., size[0] :, : size[1]] == image[..., -1:, :]).all()
    assert (padded[..., size[1] :] == padded[..., size[1] - 1 : size[1]]).all()
