import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from hypothesis.strategies import floats
from PIL import Image

from workbook.core import prepare_batch
from workbook.core.errors import DataError
from workbook.show.display import to_map, to_maps, to_picture, to_pictures


@pytest.fixture
def levels():
    return torch.arange(2 * 3 * 5 * 7, dtype=torch.uint8).view(2, 3, 5, 7)


def as_rgb(levels):
    return levels.permute(1, 2, 0).numpy()


def test_every_form_of_an_image_gives_the_same_picture(levels, tmp_path):
    one = levels[0]
    Image.fromarray(as_rgb(one)).save(tmp_path / "a.png")
    forms = [
        *(one, one[None], one.numpy(), as_rgb(one), one / 255, one.numpy() / 255),
        *(tmp_path / "a.png", str(tmp_path / "a.png"), Image.open(tmp_path / "a.png")),
    ]
    for form in forms:
        np.testing.assert_array_equal(to_picture(form), as_rgb(one))


def test_normalised_images_are_brought_back_within_a_level(levels):
    levels = levels * 37
    ready = prepare_batch({"image": levels})["image"]
    pictures = [*to_pictures(ready), *map(to_picture, ready)]
    for picture, image in zip(pictures, [*levels, *levels], strict=True):
        assert np.abs(picture.astype(int) - as_rgb(image)).max() <= 1


def test_a_batch_is_normalised_as_a_whole():
    # The first image's normalised values all lie in [0, 1]: alone it would be taken for brightness.
    levels = torch.stack([torch.full((3, 2, 2), 150), torch.zeros(3, 2, 2)]).to(torch.uint8)
    ready = prepare_batch({"image": levels})["image"]
    assert ready[0].min() >= 0
    assert ready[0].max() <= 1
    assert [picture.flat[0] for picture in to_pictures(ready)] == [150, 0]


def test_grey_becomes_three_channels_and_nan_black():
    np.testing.assert_array_equal(
        to_picture(torch.tensor([[0.0, float("nan")], [1.0, 0.2]]))[..., 1], [[0, 0], [255, 51]]
    )
    assert to_picture(torch.ones(1, 2, 2, dtype=torch.bool)).min() == 255


@pytest.mark.parametrize(
    "mask",
    [
        torch.tensor([[0, 255]], dtype=torch.uint8),
        torch.tensor([[[0, 1]]], dtype=torch.uint8),
        np.array([[0.0, 1.0]]),
        np.array([[False, True]]),
        torch.tensor([[[[0.0, 1.0]]]], requires_grad=True),
        Image.fromarray(np.array([[0, 255]], dtype=np.uint8)),
    ],
)
def test_every_form_of_a_mask_gives_the_same_map(mask):
    values = to_map(mask)
    assert values.dtype == np.float32
    assert values.tolist() == [[0.0, 1.0]]


def test_grey_levels_of_a_mask_stay_grey(tmp_path):
    Image.fromarray(np.array([[0, 51, 255]], dtype=np.uint8)).save(tmp_path / "m.png")
    np.testing.assert_allclose(to_map(tmp_path / "m.png"), [[0, 0.2, 1]])
    assert to_map(np.zeros((4, 5, 1))).shape == (4, 5)


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2), elements=floats(0, 1, width=32)))
def test_maps_keep_probabilities(values):
    np.testing.assert_array_equal(to_map(values), values)


@pytest.mark.parametrize("bad", [torch.zeros(5), torch.zeros(2, 3, 4, 5), torch.zeros(4, 5, 6), [1, 2], None])
def test_what_is_no_picture_is_refused(bad):
    with pytest.raises(DataError, match="no picture"):
        to_picture(bad)


def test_a_mask_has_one_channel():
    with pytest.raises(DataError, match="one channel, not 3"):
        to_map(torch.zeros(3, 2, 2))


def test_masks_are_counted():
    picture = np.zeros((1, 1, 3), dtype=np.uint8)
    assert to_maps(None, [picture]) == [None]
    with pytest.raises(DataError, match="1 images and 2 masks"):
        to_maps([None, None], [picture])
