import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbook.core.errors import WorkbookError
from workbook.core.fit import fit_sample, read_size


def sample_of(height, width):
    generator = torch.Generator().manual_seed(0)
    return {
        "image": torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator),
        "mask": torch.randint(0, 2, (1, height, width), generator=generator).float(),
    }


@pytest.mark.parametrize(
    ("size", "expected"), [(None, None), (8, (8, 8)), ((4, 6), (4, 6)), ([4, 6], (4, 6))]
)
def test_sizes_are_read_as_height_and_width(size, expected):
    assert read_size(size) == expected


@pytest.mark.parametrize("size", [0, -1, (4,), (4, 0), (4, 5, 6), (4.0, 5), True, 4.0, "4"])
def test_an_impossible_size_is_refused(size):
    with pytest.raises(WorkbookError, match="size is"):
        read_size(size)


def test_resize_doubles_a_binary_mask_without_moving_it():
    sample = {
        "image": torch.zeros(3, 2, 2, dtype=torch.uint8),
        "mask": torch.tensor([[[0.0, 1.0], [0.0, 0.0]]]),
    }
    fitted = fit_sample(sample, (4, 4), "resize")
    expected = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]).float()
    assert torch.equal(fitted["mask"][0], expected)
    assert fitted["image"].dtype == torch.uint8
    assert fitted["shape"].tolist() == [4, 4]
    assert "shape_mask" not in fitted


def test_resized_image_and_mask_stay_aligned():
    image = torch.zeros(3, 40, 30, dtype=torch.uint8)
    image[:, 10:30, 6:18] = 255
    fitted = fit_sample({"image": image, "mask": image[:1].float() / 255}, (57, 71), "resize")
    # Only the four corners may differ, which bilinear rounds off; half a pixel's shift shows in 55 places.
    assert ((fitted["image"][:1] > 127) != (fitted["mask"] > 0.5)).sum() <= 4


def test_a_soft_mask_keeps_levels_between():
    mask = torch.tensor([[[0.0, 1.0]]])
    image = torch.zeros(3, 1, 2, dtype=torch.uint8)
    soft = fit_sample({"image": image, "mask": mask}, (1, 4), "resize", soft=True)["mask"]
    hard = fit_sample({"image": image, "mask": mask}, (1, 4), "resize")["mask"]
    assert soft.flatten().tolist() == [0, 0.25, 0.75, 1]  # bilinear, by hand
    assert hard.flatten().tolist() == [0, 0, 1, 1]


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.integers(1, 12), st.integers(1, 12)), st.tuples(st.integers(1, 12), st.integers(1, 12)))
def test_padding_keeps_the_pixels_and_marks_them(native, size):
    before = sample_of(*native)
    after = fit_sample({**before, "edge_mask": before["mask"]}, size, "pad")
    height, width = after["shape"].tolist()
    assert (height, width) == (min(native[0], size[0]), min(native[1], size[1]))
    for key in ("image", "mask", "edge_mask", "shape_mask"):
        assert after[key].shape[-2:] == size
        padding = after[key].clone()
        padding[..., :height, :width] = 0
        assert padding.sum() == 0
    assert torch.equal(after["image"][:, :height, :width], before["image"][:, :height, :width])
    assert torch.equal(after["mask"][:, :height, :width], before["mask"][:, :height, :width])
    assert after["shape_mask"].sum() == height * width
