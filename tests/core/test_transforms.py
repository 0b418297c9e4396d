import io
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import gaussian_blur

from workbook.core.errors import WorkbookError
from workbook.core.transforms import (
    BrightnessContrast,
    RandomBlur,
    RandomChange,
    RandomCrop,
    RandomFlip,
    RandomJPEG,
    RandomRotate90,
    RandomScale,
    blur,
    compress_jpeg,
    draw_integer,
    draw_uniform,
    train_transforms,
)


def sample_of(height=40, width=30, seed=0):
    """A photograph of noise, and a mask that the image repeats in its red channel (0 or 255)."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator)
    mask = torch.zeros(1, height, width)
    mask[:, 5 : height // 2, 3 : width // 3] = 1
    image[:1] = (mask * 255).to(torch.uint8)
    return {"image": tv_tensors.Image(image), "mask": tv_tensors.Mask(mask)}


GEOMETRIC = [RandomScale(), RandomRotate90(1), RandomCrop((20, 16)), RandomFlip(1)]
PHOTOMETRIC = [BrightnessContrast(), RandomJPEG(1), RandomBlur(1)]


@pytest.mark.parametrize("transform", GEOMETRIC, ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("seed", range(4))
def test_geometric_changes_move_image_and_mask_alike(transform, seed):
    torch.manual_seed(seed)
    changed = transform(sample_of(seed=seed))
    red, mask = changed["image"][:1], changed["mask"]
    assert red.shape == mask.shape
    wrong = (red > 127) != (mask > 0.5)
    assert wrong.sum() <= 4  # scaling may round the corners off


@pytest.mark.parametrize("transform", PHOTOMETRIC, ids=lambda t: type(t).__name__)
def test_photometric_changes_leave_the_mask(transform):
    torch.manual_seed(0)
    sample = sample_of()
    changed = transform(sample)
    assert torch.equal(changed["mask"], sample["mask"])
    assert not torch.equal(changed["image"], sample["image"])
    assert changed["image"].dtype == torch.uint8


@pytest.mark.parametrize("transform", [*GEOMETRIC, *PHOTOMETRIC], ids=lambda t: type(t).__name__)
def test_changes_keep_types_and_leave_their_input(transform):
    torch.manual_seed(0)
    sample = {**sample_of(), "name": "a.jpg"}
    before = {key: sample[key].clone() for key in ("image", "mask")}
    changed = transform(sample)
    assert type(changed["image"]) is tv_tensors.Image
    assert type(changed["mask"]) is tv_tensors.Mask
    assert changed["name"] == "a.jpg"
    assert all(torch.equal(sample[key], before[key]) for key in before)


def test_probability_0_never_and_1_always():
    class Count(RandomChange):
        def change(self, image, mask):
            self.calls = getattr(self, "calls", 0) + 1
            return image, mask

    for p, expected in ((0, range(1)), (1, range(200, 201)), (0.5, range(70, 131))):
        torch.manual_seed(0)
        transform = Count(p)
        for _ in range(200):
            transform(sample_of(12, 12))
        assert getattr(transform, "calls", 0) in expected


def test_scale_stays_within_its_limit():
    torch.manual_seed(0)
    heights = [RandomScale(limit=0.2)(sample_of(100, 80))["image"].shape[-2] for _ in range(100)]
    assert 80 <= min(heights) < 85
    assert 115 < max(heights) <= 120


def test_rotation_reaches_all_turns():
    torch.manual_seed(0)
    sample = sample_of(8, 12)
    turned = {tuple(RandomRotate90(1)(sample)["image"].flatten().tolist()) for _ in range(40)}
    expected = {tuple(torch.rot90(sample["image"], k, (-2, -1)).flatten().tolist()) for k in (1, 2, 3)}
    assert turned == expected


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 25), st.integers(1, 25))
def test_crop_is_a_window_of_the_image(height, width, rows, columns):
    numbers = torch.arange(height * width).view(1, height, width)
    cut, mask = RandomCrop((rows, columns)).change(numbers, numbers)
    assert cut.shape == (1, min(height, rows), min(width, columns))
    assert torch.equal(cut, mask)
    top, left = divmod(int(cut[0, 0, 0]), width)
    assert torch.equal(cut, numbers[:, top : top + rows, left : left + columns])


def test_crop_reaches_both_ends():
    torch.manual_seed(0)
    numbers = torch.arange(4).view(1, 1, 4)
    starts = {int(RandomCrop((1, 2)).change(numbers, numbers)[0][0, 0, 0]) for _ in range(50)}
    assert starts == {0, 1, 2}


def test_brightness_and_contrast_by_hand(monkeypatch):
    numbers = iter([1.1, 0.02])  # the factor, then the shift
    monkeypatch.setattr("workbook.core.transforms.draw_uniform", lambda low, high: next(numbers))
    levels = torch.tensor([0, 100, 250], dtype=torch.uint8).view(3, 1, 1)
    changed, _ = BrightnessContrast().change(levels, levels)
    assert changed.flatten().tolist() == [5, 115, 255]  # 0 + 5.1, 110 + 5.1, cut at 255


@pytest.mark.parametrize("turned", [False, True])
def test_brightness_and_contrast_is_that_of_every_pixel(monkeypatch, turned):
    monkeypatch.setattr("workbook.core.transforms.draw_uniform", lambda low, high: (low + 2 * high) / 3)
    image = torch.randint(0, 256, (3, 9, 7), dtype=torch.uint8)
    image = image.transpose(1, 2) if turned else image
    changed, _ = BrightnessContrast(brightness=0.3, contrast=0.4).change(image, image)
    factor, shift = (0.6 + 2 * 1.4) / 3, 0.1 * 255
    assert torch.equal(changed, (image.float() * factor + (shift + 0.5)).clamp(0, 255).to(torch.uint8))


@pytest.mark.parametrize(("axis", "theirs"), [(-1, v2.RandomHorizontalFlip), (-2, v2.RandomVerticalFlip)])
def test_flips_are_those_of_torchvision_draw_for_draw(axis, theirs):
    for seed in range(6):
        torch.manual_seed(seed)
        ours = RandomFlip(0.5, axis)(sample_of())
        torch.manual_seed(seed)
        expected = theirs(0.5)(sample_of())
        assert all(torch.equal(ours[key], expected[key]) for key in expected)


def test_a_flip_along_no_axis_of_the_image_is_refused():
    with pytest.raises(WorkbookError, match="axis is 0"):
        RandomFlip(axis=0)


@pytest.mark.parametrize("width", [3, 5, 7])
def test_blur_agrees_with_torchvision(width):
    image = torch.randint(0, 256, (3, 20, 31), dtype=torch.uint8)
    assert (blur(image, width).int() - gaussian_blur(image, [width, width]).int()).abs().max() <= 1


def test_blur_passes_what_is_too_small_to_mirror():
    image = torch.randint(0, 256, (3, 2, 9), dtype=torch.uint8)
    assert torch.equal(blur(image, 7), image)


def test_random_blur_draws_every_odd_width(monkeypatch):
    widths = set()
    monkeypatch.setattr("workbook.core.transforms.blur", lambda image, width: widths.add(width) or image)
    for _ in range(60):
        RandomBlur(1, kernel=(3, 7))(sample_of(12, 12))
    assert widths == {3, 5, 7}


def test_jpeg_is_pillows_at_that_quality():
    image = sample_of()["image"]
    buffer = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=30)
    expected = torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1)
    assert torch.equal(compress_jpeg(image, 30), expected)
    assert not torch.equal(compress_jpeg(image, 90), expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomChange(1.5), "p is 1.5"),
        (lambda: RandomScale(limit=1), "limit is 1"),
        (lambda: RandomJPEG(quality=(90, 70)), "quality is"),
        (lambda: RandomBlur(kernel=(2, 6)), "kernel is"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(WorkbookError, match=message):
        make()


def test_draws_include_both_ends():
    torch.manual_seed(0)
    assert {draw_integer(2, 4) for _ in range(60)} == {2, 3, 4}
    numbers = [draw_uniform(-1, 3) for _ in range(200)]
    assert -1 <= min(numbers) < -0.8
    assert 2.8 < max(numbers) <= 3


def test_the_recipe_follows_torchs_generator_alone():
    recipe = train_transforms(copy_move=0.5, inpaint=0.5, jpeg=0.5, blur=0.5, crop=24)

    def run(seed):
        torch.manual_seed(seed)
        random.seed(None)
        np.random.seed(None)
        return [recipe(sample_of(seed=number)) for number in range(8)]

    states = random.getstate(), np.random.get_state()[1].copy()
    torch.manual_seed(0)
    recipe(sample_of())
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()
    for one, two in zip(run(3), run(3), strict=True):
        assert torch.equal(one["image"], two["image"])
        assert torch.equal(one["mask"], two["mask"])
    same = [a["image"].shape == b["image"].shape and torch.equal(a["image"], b["image"])
            for a, b in zip(run(3), run(4), strict=True)]  # fmt: skip
    assert not any(same)


def test_zeros_switch_the_recipe_off():
    off = dict.fromkeys(
        ("scale", "copy_move", "inpaint", "flip", "rotate", "brightness", "contrast", "jpeg", "blur"), 0
    )
    nothing = train_transforms(**off)
    sample = sample_of()
    assert torch.equal(nothing(sample)["image"], sample["image"])
    assert [type(step).__name__ for step in nothing.transforms] == ["Identity"]
    assert [type(step).__name__ for step in train_transforms(**{**off, "rotate": 1}).transforms] == [
        "RandomRotate90"
    ]
    steps = train_transforms(crop=9).transforms
    assert len(steps) == 10
    assert [step.axis for step in steps if isinstance(step, RandomFlip)] == [-1, -2]


def test_recipe_in_a_repr():
    assert "RandomScale(p=1.0, limit=0.2)" in repr(train_transforms())
