from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F

from workbook.core.errors import ModelError
from workbook.models import UNet


def test_the_published_number_of_parameters_layer_by_layer():
    def pair(inputs, outputs):  # two 3x3 convolutions without bias, each with a scale and a shift
        return 9 * inputs * outputs + 2 * outputs + 9 * outputs * outputs + 2 * outputs

    levels = [32, 64, 128, 256, 512]
    encoder = sum(pair(i, o) for i, o in zip([3, *levels], levels, strict=False))
    up = sum(4 * wide * narrow + narrow for narrow, wide in pairwise(levels))
    decoder = sum(pair(2 * width, width) for width in levels[:-1])
    total = sum(p.numel() for p in UNet().parameters())
    assert total == encoder + up + decoder + 33 == 7_763_041


def test_the_layers_are_joined_as_drawn():
    torch.manual_seed(0)
    model, image = UNet(features=4, depth=2).eval(), torch.randn(2, 3, 8, 12)
    a = model.encoders[0](image)
    b = model.encoders[1](F.max_pool2d(a, 2))
    c = model.bottleneck(F.max_pool2d(b, 2))
    d = model.decoders[0](torch.cat((model.upsamplers[0](c), b), 1))
    e = model.decoders[1](torch.cat((model.upsamplers[1](d), a), 1))
    torch.testing.assert_close(model(image)["pred_mask"], model.head(e).sigmoid())


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 31), (50, 9)])
@pytest.mark.parametrize(
    "options", [{}, {"noise": True}, {"scale": 2}, {"noise": True, "scale": 2}, {"scale": 3}]
)
def test_any_size_comes_back(size, options):
    model = UNet(features=2, depth=3, **options).eval()
    assert model(torch.randn(2, 3, *size))["pred_mask"].shape == (2, 1, *size)


def test_padding_inside_is_cropped_at_the_bottom_and_right():
    torch.manual_seed(0)
    model, image = UNet(features=2, depth=2).eval(), torch.randn(1, 3, 13, 15)
    padded = F.pad(image, (0, 1, 0, 3), mode="replicate")
    torch.testing.assert_close(model.logits(image), model.logits(padded)[..., :13, :15])


def test_scale_runs_the_same_network_on_the_reduced_image():
    torch.manual_seed(0)
    full, half = UNet(features=2, depth=2).eval(), UNet(features=2, depth=2, scale=2).eval()
    half.load_state_dict(full.state_dict())
    image = torch.randn(1, 3, 16, 24)
    small = full.logits(F.avg_pool2d(image, 2))
    expected = F.interpolate(small, size=(16, 24), mode="bilinear", align_corners=False)
    torch.testing.assert_close(half.logits(image), expected)


def test_noise_reaches_the_network_and_survives_the_reduction():
    torch.manual_seed(0)
    flat = torch.zeros(1, 3, 32, 32)
    noisy = flat + 0.02 * torch.randn(1, 3, 32, 32)
    for scale in (1, 2):
        model = UNet(features=2, depth=1, noise=True, scale=scale)
        front = model.front(noisy)
        assert front.shape == (1, 12, 32 // scale, 32 // scale)
        assert model.front(flat)[:, 3:].abs().max() < 1e-3
        assert front[:, 3:].abs().mean() > 0.1
    assert (front[:, 3:] < 0).any()  # residuals keep their signs


def test_the_default_loss_is_bce_and_dice_and_padding_does_not_count():
    from workbook.core.losses import BCE, Dice

    model, mask = UNet(features=2, depth=1), (torch.rand(2, 1, 8, 8) > 0.5).float()
    real = torch.ones_like(mask)
    real[..., 5:] = 0
    output = model(torch.randn(2, 3, 8, 8), mask, real)
    pred = output["pred_mask"]
    expected = BCE()(pred, mask, shape_mask=real) + Dice()(pred, mask, shape_mask=real)
    torch.testing.assert_close(output["backward_loss"], expected)
    assert output["backward_loss"] != BCE()(pred, mask) + Dice()(pred, mask)


def test_it_overfits_one_batch():
    torch.manual_seed(0)
    model = UNet(features=4, depth=2)
    mask = torch.zeros(2, 1, 16, 16)
    mask[0, :, 2:9, 4:12] = 1
    image = torch.randn(2, 3, 16, 16) + mask
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        output = model(image, mask)
        output["backward_loss"].backward()
        optimizer.step()
    assert ((output["pred_mask"] > 0.5).float() == mask).float().mean() > 0.98


def test_bf16_autocast_stays_close_and_trains():
    torch.manual_seed(0)
    model, image, mask = (
        UNet(features=4, depth=2, noise=True),
        torch.randn(2, 3, 16, 16),
        torch.ones(2, 1, 16, 16),
    )
    exact = model(image, mask)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model(image, mask)
    rounded["backward_loss"].backward()
    assert rounded["pred_mask"].dtype == rounded["backward_loss"].dtype == torch.float32
    assert (exact["pred_mask"] - rounded["pred_mask"]).abs().max() < 0.05
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_its_weights_can_be_read_back(tmp_path):
    from workbook.core.checkpoint import save_checkpoint

    saved = UNet(features=2, depth=1)
    file = save_checkpoint(tmp_path / "unet.safetensors", saved)
    again = UNet(features=2, depth=1, weights=file)
    assert all(torch.equal(a, b) for a, b in zip(saved.parameters(), again.parameters(), strict=True))
    with pytest.raises(ModelError, match=r"encoders\.0\.0\.weight is .*build UNet with the same options"):
        UNet(features=4, depth=1, weights=file)


@pytest.mark.parametrize("options", [{"features": 0}, {"depth": 0}, {"scale": 0}])
def test_sizes_that_make_no_network_are_refused(options):
    with pytest.raises(ModelError, match="each is at least 1"):
        UNet(**options)
