import contextlib
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from workbook.curation.opening import Unreadable, decode, frames, opened, orientation


def cause(path, **options):
    with pytest.raises(Unreadable) as caught, opened(path, **options) as picture:
        decode(picture)
    return str(caught.value)


def test_broken_files_are_named(tmp_path, make):
    whole = make.save(tmp_path / "whole.jpg", make.photograph(0)).read_bytes()
    for name, data, says in (
        ("empty.jpg", b"", "empty file"),
        ("text.jpg", b"I am a text", "not an image"),
        ("half.jpg", whole[: len(whole) // 2], "truncated"),
    ):
        (tmp_path / name).write_bytes(data)
        assert cause(tmp_path / name) == says
    assert cause(tmp_path / "none.jpg") == "no such file or directory"
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    assert cause(tmp_path / "loop.jpg") == "too many levels of symbolic links"


def test_a_bomb_is_not_decoded(tmp_path):
    Image.new("1", (10_000, 10_000)).save(tmp_path / "bomb.png")
    Image.new("1", (20_000, 10_000)).save(tmp_path / "larger.png")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        assert cause(tmp_path / "bomb.png") == "too large: 100 megapixels"
        assert cause(tmp_path / "larger.png").startswith("too large")


def test_frames_and_orientation(tmp_path, make):
    pictures = [Image.fromarray(make.photograph(number)) for number in range(3)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:])
    pictures[0].save(tmp_path / "a.tif", save_all=True, append_images=pictures[1:])
    pictures[0].save(tmp_path / "one.tif")
    for name, count in (("a.tif", 3), ("one.tif", 1)):
        with opened(tmp_path / name) as picture:
            assert frames(picture) == count
    exif = Image.Exif()
    exif[274] = 6
    pictures[0].save(tmp_path / "a.jpg", exif=exif)
    pictures[0].save(tmp_path / "turned.tif", tiffinfo={274: 6})
    with opened(tmp_path / "turned.tif") as picture:
        assert orientation(picture) == 1
        assert decode(picture).size == pictures[0].size[::-1] == picture.size
    with opened(tmp_path / "a.gif") as picture:
        assert frames(picture) == 3
        assert orientation(picture) == 1
    with opened(tmp_path / "a.jpg") as picture:
        assert frames(picture) == 1
        assert orientation(picture) == 6


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "gif", "webp", "bmp"])
def test_a_spoilt_file_is_read_or_named(tmp_path, make, extension, data):
    path = tmp_path / f"a.{extension}"
    Image.fromarray(make.photograph(0, (12, 16))).save(path)
    spoilt = np.frombuffer(path.read_bytes(), np.uint8).copy()
    for place in data.draw(st.lists(st.integers(0, len(spoilt) - 1), max_size=6)):
        spoilt[place] = data.draw(st.integers(0, 255))
    path.write_bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))].tobytes())
    with warnings.catch_warnings(), contextlib.suppress(Unreadable):
        warnings.simplefilter("ignore")
        with opened(path, 1_000_000) as picture:
            orientation(picture)
            frames(picture)
            decode(picture)
