from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from workbook.core.errors import DataError
from workbook.core.images import mask_levels, read_image, read_mask

SHARED = Path(__file__).parents[2] / "../shared/data"

SHAPE = np.zeros((6, 8), dtype=np.uint8)
SHAPE[2:4, 3:7] = 1  # the tampered region that every coding below must give back
TRUTH = torch.from_numpy(SHAPE * 255)[None]


def rgba(colour, alpha):
    return Image.fromarray(np.dstack([np.broadcast_to(colour, (*SHAPE.shape, 3)), alpha]).astype(np.uint8))


def palette(colours, indices=SHAPE):
    image = Image.frombytes("P", (indices.shape[1], indices.shape[0]), indices.tobytes())
    image.putpalette(colours)
    return image


grey = (SHAPE * 255)[..., None]
CODINGS = {
    "L": Image.fromarray(SHAPE * 255),
    "RGB": Image.fromarray(SHAPE * 255).convert("RGB"),
    "1-bit": Image.fromarray(SHAPE * 255).convert("1"),
    "0/1 coded": Image.fromarray(SHAPE),
    "0/1 coded RGB": Image.fromarray(SHAPE).convert("RGB"),
    "RGBA, alpha constant": rgba(grey, np.full_like(SHAPE, 255)),
    "RGBA, alpha constant 0": rgba(grey, np.zeros_like(SHAPE)),
    "RGBA, only in alpha": rgba(0, SHAPE * 255),
    "RGBA, only in alpha, white": rgba(255, SHAPE * 255),
    "RGBA, both": rgba(grey, np.where(SHAPE, 255, 40)),
    "RGBA, alpha beside a photograph": rgba(
        np.random.default_rng(0).integers(0, 255, (6, 8, 3)), SHAPE * 255
    ),
    "RGBA, 0/1 alpha": rgba(0, SHAPE),
    "LA, constant": Image.merge("LA", [Image.fromarray(SHAPE * 255), Image.new("L", (8, 6), 255)]),
    "LA, only in alpha": Image.merge("LA", [Image.new("L", (8, 6), 0), Image.fromarray(SHAPE * 255)]),
    "palette, black and white": palette([0, 0, 0, 255, 255, 255]),
    "palette, white and black": palette([255, 255, 255, 0, 0, 0], 1 - SHAPE),
    "palette, classes in dark red": palette([0, 0, 0, 128, 0, 0]),
    "palette, grey 0 and 1": palette([0, 0, 0, 1, 1, 1]),
    "16-bit": Image.fromarray(SHAPE.astype(np.uint16) * 65535),
    "16-bit, coded 0/255": Image.fromarray(SHAPE.astype(np.uint16) * 255),
    "16-bit, coded 0/1": Image.fromarray(SHAPE.astype(np.uint16)),
}


@pytest.mark.parametrize("coding", CODINGS)
def test_every_coding_of_a_mask_gives_the_same_levels(coding, tmp_path):
    CODINGS[coding].save(tmp_path / "mask.png")
    levels = read_mask(tmp_path / "mask.png")
    assert levels.dtype == torch.uint8
    assert torch.equal(levels, TRUTH)


def test_transparent_palette_entry_is_read_as_alpha(tmp_path):
    image = palette([0, 0, 0, 0, 0, 0])
    image.save(tmp_path / "mask.png", transparency=0)
    assert torch.equal(read_mask(tmp_path / "mask.png"), TRUTH)


def test_a_lone_1_is_a_code_in_a_png_but_noise_in_a_jpeg(tmp_path):
    almost_black = Image.new("L", (16, 16), 1)
    almost_black.save(tmp_path / "mask.png")
    almost_black.save(tmp_path / "mask.jpg", quality=100)
    assert read_mask(tmp_path / "mask.png").unique().tolist() == [255]
    assert read_mask(tmp_path / "mask.jpg").max() <= 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(2, 255), min_size=4, max_size=4))
def test_grey_levels_are_kept(levels):
    values = np.array(levels, dtype=np.uint8).reshape(2, 2)
    assert (mask_levels(Image.fromarray(values)) == values).all()


def test_16_bit_levels_are_scaled(tmp_path):
    Image.fromarray(np.array([[0, 0x3FC0, 0xFFFF]], dtype=np.uint16)).save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png").flatten().tolist() == [0, 64, 255]
    assert read_image(tmp_path / "a.png")[0].flatten().tolist() == [0, 64, 255]


@pytest.mark.parametrize("levels", [[0, 0.5, 1], [0, 128, 255], [0, 0x8080, 0xFFFF]])
def test_float_levels_are_scaled_by_their_largest(levels, tmp_path):
    Image.fromarray(np.array([levels], dtype=np.float32)).save(tmp_path / "a.tif")
    assert read_mask(tmp_path / "a.tif").flatten().tolist() == [0, 128, 255]


def test_negative_float_levels_are_refused(tmp_path):
    Image.fromarray(np.full((4, 4), -1, dtype=np.float32)).save(tmp_path / "mask.tif")
    with pytest.raises(DataError, match=r"mask\.tif.*0\.\.65535"):
        read_mask(tmp_path / "mask.tif")


PHOTOGRAPH = np.random.default_rng(1).integers(0, 256, (6, 8, 3), dtype=np.uint8)
GREY = np.repeat(PHOTOGRAPH[..., :1], 3, axis=2)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("RGB", PHOTOGRAPH), ("RGBA", PHOTOGRAPH), ("L", GREY), ("LA", GREY), ("P", GREY), ("I;16", GREY)],
)
def test_image_modes_become_rgb(mode, expected, tmp_path):
    grey = Image.fromarray(PHOTOGRAPH[..., 0])
    image = {
        "RGB": Image.fromarray(PHOTOGRAPH),
        "RGBA": Image.fromarray(np.dstack([PHOTOGRAPH, PHOTOGRAPH[..., :1]])),
        "L": grey,
        "LA": Image.merge("LA", [grey, Image.new("L", grey.size, 9)]),
        "P": palette(np.repeat(np.arange(256), 3).tolist(), PHOTOGRAPH[..., 0]),
        "I;16": Image.fromarray(PHOTOGRAPH[..., 0].astype(np.uint16) * 257),
    }[mode]
    image.save(tmp_path / "a.png")
    pixels = read_image(tmp_path / "a.png")
    assert pixels.dtype == torch.uint8
    assert (pixels.permute(1, 2, 0).numpy() == expected).all()


def test_cmyk_becomes_rgb(tmp_path):
    Image.new("RGB", (16, 16), (200, 30, 30)).convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    mean = read_image(tmp_path / "a.jpg").float().mean((1, 2))
    assert torch.allclose(mean, torch.tensor([200.0, 30.0, 30.0]), atol=4)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_exif_orientation_is_applied_to_image_and_mask(suffix, tmp_path):
    upright = Image.new("L", (8, 16))
    upright.paste(255, (0, 0, 8, 8))  # white on top
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn by 90 degrees clockwise to see it upright"
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / f"a.{suffix}", exif=exif)
    image, mask = read_image(tmp_path / f"a.{suffix}"), read_mask(tmp_path / f"a.{suffix}")
    assert image.shape == (3, 16, 8)
    assert mask.shape == (1, 16, 8)
    assert image[:, 0].min() > 250
    assert image[:, -1].max() < 5
    assert mask[:, 0].min() > 250


@pytest.mark.parametrize("read", [read_image, read_mask])
@pytest.mark.parametrize("damage", ["missing", "empty", "text", "truncated", "folder"])
def test_unreadable_files_are_named(read, damage, tmp_path):
    path = tmp_path / "broken.jpg"
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
        data = path.read_bytes()
        path.write_bytes({"empty": b"", "text": b"no image", "truncated": data[: len(data) // 2]}[damage])
    with pytest.raises(DataError, match=r"broken\.jpg: the (image|mask) cannot be read") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_name_outside_ascii(tmp_path):
    Image.new("RGB", (4, 3)).save(tmp_path / "日本 é.png")
    assert read_image(tmp_path / "日本 é.png").shape == (3, 3, 4)


def test_the_published_masks_of_casia_v1():
    archive = SHARED / "casia1/CASIA 1.0 groundtruth.zip"
    if not archive.exists():
        pytest.skip("no CASIA v1 at hand")
    import zipfile

    with zipfile.ZipFile(archive) as masks:
        names = [name for name in masks.namelist() if name.endswith(".png")]
        assert len(names) == 920
        for name in names[::20]:
            with masks.open(name) as file, Image.open(file) as image:
                # These masks carry nothing in alpha: the plain mean of the colours is an independent referee.
                mean = np.array(image.convert("RGB")).mean(axis=2)
                levels = mask_levels(image)
            assert ((levels > 127) == (mean > 127.5)).all(), name
            assert 0 < (levels > 127).mean() < 1, name


def test_a_matte_over_a_grey_photograph_is_in_its_alpha():
    rng = np.random.default_rng(0)
    photograph = np.repeat(rng.integers(20, 230, (8, 12, 1), dtype=np.uint8), 3, axis=2)
    matte = np.clip(np.linspace(-300, 500, 12), 0, 255).astype(np.uint8)[None].repeat(8, 0)
    rgba = np.dstack([photograph, matte])
    assert np.array_equal(mask_levels(Image.fromarray(rgba)), matte)
    mask = np.dstack([matte, matte, matte, photograph[..., 0]])
    assert np.array_equal(mask_levels(Image.fromarray(mask)), matte)


def test_colours_that_do_not_show_say_nothing():
    alpha = np.array([[0, 90, 255]], dtype=np.uint8)
    black_on_clear_white = np.dstack([np.where(alpha > 0, 0, 255)] * 3 + [alpha]).astype(np.uint8)
    assert mask_levels(Image.fromarray(black_on_clear_white)).tolist() == [[0, 90, 255]]
