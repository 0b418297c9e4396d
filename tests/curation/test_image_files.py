from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from workbook.curation.image_files import converted, upright


@pytest.mark.parametrize("extension", ["jpg", "png", "webp"])
def test_upright_changes_the_orientation_and_nothing_else(tmp_path, make, extension):
    exif = Image.Exif()
    exif[274] = 6
    exif[271] = "the maker of the camera"
    path = tmp_path / f"a.{extension}"
    Image.fromarray(make.photograph(0)).save(path, exif=exif)
    with Image.open(BytesIO(upright(path))) as after, Image.open(path) as before:
        assert after.getexif().get(274, 1) == 1
        assert after.getexif()[271] == "the maker of the camera"
        assert after.tobytes() == before.tobytes()
    if extension == "jpg":
        assert sum(a != b for a, b in zip(upright(path), path.read_bytes(), strict=True)) == 1


def test_a_broken_exif_block_is_left_alone(tmp_path):
    path = tmp_path / "a.jpg"
    for block in (b"", b"II", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"):
        body = b"Exif\0\0" + block
        path.write_bytes(b"\xff\xd8\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + b"\xff\xda")
        assert upright(path) == path.read_bytes()


def test_16_bits_become_8(tmp_path):
    wide = np.array([[0, 257, 65535]], np.uint16)
    Image.fromarray(wide).save(tmp_path / "a.png")
    with Image.open(BytesIO(converted(tmp_path / "a.png"))) as picture:
        assert np.asarray(picture).tolist() == [[0, 1, 255]]
