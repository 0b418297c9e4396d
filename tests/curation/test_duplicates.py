from pathlib import Path

from PIL import Image

from workbook.curation.duplicates import group_equal, pixel_key, same_pixels


def test_pixels_count_and_formats_do_not(tmp_path, make):
    picture = Image.fromarray(make.photograph(0))
    paths = [tmp_path / name for name in ("a.png", "a.bmp", "b.png")]
    picture.save(paths[0])
    picture.save(paths[1])
    changed = picture.copy()
    changed.putpixel((3, 4), (0, 0, 0))
    changed.save(paths[2])
    keys = [pixel_key(Image.open(path)) for path in paths]
    assert keys[0] == keys[1] != keys[2]
    assert same_pixels(paths[0], paths[1])
    assert not same_pixels(paths[0], paths[2])
    paths[2].write_bytes(b"")
    assert not same_pixels(paths[0], paths[2])


def test_groups_keep_the_order():
    keys = {Path(name): key for name, key in (("c", 1), ("a", 2), ("b", 1), ("d", 3))}
    assert list(group_equal(keys)) == [[Path("c"), Path("b")]]
