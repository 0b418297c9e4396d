import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from workbook.core.errors import DataError, WorkbookError
from workbook.core.perturbations import (
    PERTURBATIONS,
    Perturbation,
    blur,
    find_perturbations,
    image_seed,
    jpeg,
    noise,
    resize,
)


@pytest.fixture
def image():
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(1, 3, 6, 8), (48, 64), mode="bicubic")[0]
    return (smooth.clamp(0, 1) * 255).byte()


def test_the_strengths_of_the_robustness_test():
    assert {name: sorted(one.strengths) for name, one in PERTURBATIONS.items() if name != "resize"} == {
        "jpeg": [50, 60, 70, 80, 90, 100],
        "blur": [0, 3, 7, 11, 15, 19, 23],
        "noise": [3, 7, 11, 15, 19, 23],
    }


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_each_keeps_the_size_repeats_itself_and_gets_worse(image, name):
    one, before = PERTURBATIONS[name], image.clone()
    errors = []
    for strength in one.strengths:
        changed = one(image, strength, seed=image_seed(0, 3))
        assert torch.equal(changed, one(image, strength, seed=image_seed(0, 3)))
        assert changed.shape == image.shape
        assert changed.dtype == torch.uint8
        errors.append((changed.float() - image.float()).square().mean().item())
    assert errors == sorted(errors)
    assert errors[-1] > 1
    assert torch.equal(image, before)


def test_jpeg_is_pillows(image):
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=70)
    expected = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)
    assert torch.equal(jpeg(image, 70), expected)


def test_blur_is_gaussian(image):
    expected = Image.fromarray(image.permute(1, 2, 0).numpy()).filter(
        ImageFilter.GaussianBlur(0.15 * 11 + 0.35)
    )
    difference = blur(image, 11).float() - torch.from_numpy(np.array(expected)).permute(2, 0, 1)
    assert difference[:, 8:-8, 8:-8].abs().mean() < 1.5  # Pillow approximates it by boxes
    assert torch.equal(blur(image, 0), image)


def test_noise_has_its_deviation_and_an_image_its_own():
    grey = torch.full((3, 100, 100), 128, dtype=torch.uint8)
    one = PERTURBATIONS["noise"]
    first, other = (one(grey, 10, image_seed(0, i)).float() for i in (0, 1))
    assert first.std().item() == pytest.approx(10, rel=0.05)
    assert first.mean().item() == pytest.approx(128, abs=0.3)
    assert np.corrcoef(first.flatten(), other.flatten())[0, 1] == pytest.approx(0, abs=0.03)
    stronger = one(grey, 20, image_seed(0, 0)).float()
    torch.testing.assert_close(stronger - 128, 2 * (first - 128), atol=1.5, rtol=0)  # the same draw, larger


def test_resizing_by_one_changes_nothing(image):
    assert torch.equal(resize(image, 1), image)


@pytest.mark.parametrize(
    "function",
    [
        lambda im, s: im[:, ::2],
        lambda im, s: im.float(),
        lambda im, s: im[:1],
        lambda im, s: None,
    ],
)
def test_what_changes_size_or_type_is_refused(image, function):
    with pytest.raises(WorkbookError, match=r"mine at 3: made .* keep size and type"):
        Perturbation("mine", function, (3,))(image, 3, seed=0)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda im: jpeg(im, 0), "quality is 0"),
        (lambda im: blur(im, 4), "kernel is 4"),
        (lambda im: resize(im, 1.5), "factor is 1.5"),
        (lambda im: find_perturbations("blurr"), "did you mean 'blur'"),
        (lambda im: find_perturbations({"jpeg": []}), r"strengths are \(\)"),
        (lambda im: find_perturbations({"jpeg": ["a"]}), "give numbers"),
    ],
)
def test_settings_that_cannot_be(image, call, says):
    with pytest.raises(WorkbookError, match=says):
        call(image)


def test_an_image_too_small_to_blur(image):
    with pytest.raises(DataError, match="a kernel of 23 is too large"):
        blur(image[:, :11], 23)


def test_a_function_of_ones_own_with_and_without_a_generator(image):
    darker, noisy = find_perturbations(
        {"darker": (lambda im, s: im // s, [2]), "noisy": (lambda im, s, g: noise(im, s, g), (5,))}
    )
    assert torch.equal(darker(image, 2, 0), image // 2)
    assert torch.equal(noisy(image, 5, 8), PERTURBATIONS["noise"](image, 5, 8))
    assert [one.name for one in find_perturbations(["jpeg", darker])] == ["jpeg", "darker"]
    assert len(find_perturbations(None)) == 4
