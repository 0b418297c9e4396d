import numpy as np
import pytest
from PIL import Image, ImageFilter

from workbook.curation.mask_values import judge_content, near_boundary, read_mask


def kinds(picture, **options):
    return [(kind, detail.get("cause")) for kind, detail, _ in read_mask(picture, **options).findings]


@pytest.fixture
def binary(make):
    return Image.fromarray(make.region())


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1", "P", "LA", "CMYK"])
def test_a_binary_mask_is_sound_in_every_mode(binary, mode):
    reading = read_mask(binary.convert(mode))
    assert reading.findings == []
    assert np.array_equal(reading.values, np.asarray(binary))


def test_coded_01(binary):
    picture = binary.point(lambda value: value // 255)
    assert kinds(picture) == [("coded_01", None)]
    assert np.array_equal(read_mask(picture).values, np.asarray(binary))


def test_a_mask_in_the_alpha_channel(binary):
    black, colourful = Image.new("L", binary.size), Image.effect_noise(binary.size, 40)
    for channels in ((black, black, black), (colourful, binary, black)):
        picture = Image.merge("RGBA", (*channels, binary))
        assert kinds(picture) == [("alpha_only", None)]
        assert np.array_equal(read_mask(picture).values, np.asarray(binary))


def test_a_grey_mask_with_some_alpha_is_read_from_its_greys(binary):
    alpha = Image.effect_noise(binary.size, 40)
    picture = Image.merge("LA", (binary, alpha))
    assert kinds(picture) == []
    assert np.array_equal(read_mask(picture).values, np.asarray(binary))


def test_what_makes_a_mask_grey_is_named(binary):
    array = np.asarray(binary)
    soft = np.linspace(0, 255, array.size).reshape(array.shape).astype(np.uint8)
    assert kinds(binary.filter(ImageFilter.GaussianBlur(1))) == [("not_binary", "antialiased")]
    assert kinds(binary.filter(ImageFilter.GaussianBlur(2))) == [("not_binary", "soft")]
    spur = np.asarray(binary).copy()
    spur[2, 2:8] = 255  # one pixel wide, so it fades below a half
    spur = Image.fromarray(spur).filter(ImageFilter.GaussianBlur(1))
    assert kinds(spur) == [("not_binary", "antialiased")]
    assert kinds(Image.fromarray(soft)) == [("not_binary", "soft")]
    assert kinds(Image.fromarray(np.where(array > 0, 128, 0).astype(np.uint8))) == [("not_binary", "levels")]
    noisy = np.clip(array.astype(int) + np.random.default_rng(0).integers(-9, 9, array.shape), 0, 255)
    assert kinds(Image.fromarray(noisy.astype(np.uint8))) == [("not_binary", "compression")]
    red = Image.merge("RGB", (binary, Image.new("L", binary.size), Image.new("L", binary.size)))
    assert kinds(red) == [("not_binary", "coloured")]
    assert read_mask(red).values.max() == 255  # its grey value would be 76, below one half


def test_a_grey_matte_is_sound_where_it_is_wanted(binary):
    assert kinds(binary.filter(ImageFilter.GaussianBlur(1)), soft=True) == []


@pytest.mark.parametrize("top", [1.0, 65535.0])
def test_16_bits_and_floats_are_scaled(binary, top):
    wide = np.asarray(binary) / 255 * top
    wide = wide.astype(np.float32) if top == 1.0 else wide.astype(np.uint16)
    wide[0, 0] = top * 0.4
    reading = read_mask(Image.fromarray(wide))
    assert reading.findings[0][0] == "not_binary"
    assert reading.values[0, 0] == 102
    assert np.array_equal(reading.values >= 128, wide > top / 2)


def test_grey_pixels_are_counted_by_hand():
    picture = Image.fromarray(np.array([[0, 255, 100], [0, 255, 200]], np.uint8))
    assert read_mask(picture).findings[0][1]["grey_pixels"] == 2


def test_content():
    marked = np.zeros((8, 8), bool)
    assert judge_content(marked)[0][0] == "empty_mask"
    assert judge_content(~marked)[0][0] == "full_mask"
    marked[2:5, 2:5] = True
    assert judge_content(marked) == []
    assert judge_content(~marked)[0][0] == "inverted_mask"


def test_near_boundary_against_brute_force():
    marked = np.random.default_rng(0).random((9, 11)) > 0.8
    expected = np.zeros_like(marked)
    for row, column in np.ndindex(*marked.shape):
        along = [marked[max(0, row - 2) : row + 3, column], marked[row, max(0, column - 2) : column + 3]]
        expected[row, column] = any((line != marked[row, column]).any() for line in along)
    assert np.array_equal(near_boundary(marked, 2), expected)


@pytest.mark.parametrize("shown", ["everywhere", "inside"])
def test_a_grey_photograph_with_a_matte_is_read_from_its_alpha(make, shown):
    matte = Image.fromarray(make.region()).filter(ImageFilter.GaussianBlur(2))
    grey = Image.fromarray(make.photograph(0)).convert("L")
    if shown == "inside":
        grey = Image.fromarray(np.where(np.asarray(matte) > 0, np.asarray(grey), 0).astype(np.uint8))
    picture = Image.merge("LA", (grey, matte))
    for form in (picture, picture.convert("RGBA")):
        assert kinds(form, soft=True) == [("alpha_only", None)]
        assert np.array_equal(read_mask(form, soft=True).values, np.asarray(matte))


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "F"])
def test_the_marked_share_is_that_of_the_pixels(binary, mode):
    share = float((np.asarray(binary) >= 128).mean())
    picture = Image.fromarray(np.asarray(binary).astype(np.float32)) if mode == "F" else binary.convert(mode)
    assert read_mask(picture).area == pytest.approx(share)
    grey = binary.point(lambda value: value // 2 + 20)
    assert read_mask(grey).area == pytest.approx(share)
