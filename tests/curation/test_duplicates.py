from pathlib import Path

from PIL import Image

from workbook.curation.duplicates import find_equal, group_by, same_pixels, sample_key


def test_pixels_count_and_formats_do_not(tmp_path, make):
    picture = Image.fromarray(make.photograph(0))
    paths = [tmp_path / name for name in ("a.png", "a.bmp", "b.png")]
    picture.save(paths[0])
    picture.save(paths[1])
    changed = picture.copy()
    changed.putpixel((4, 5), (0, 0, 0))
    changed.save(paths[2])
    keys = [sample_key(Image.open(path)) for path in paths]
    assert keys[0] == keys[1]
    assert list(find_equal(dict(zip(paths, keys, strict=True)))) == [paths[:2]]
    assert same_pixels(paths[0], paths[1])
    assert not same_pixels(paths[0], paths[2])
    paths[2].write_bytes(b"")
    assert not same_pixels(paths[0], paths[2])


def test_groups_keep_the_order():
    keys = {Path(name): key for name, key in (("c", 1), ("a", 2), ("b", 1), ("d", 3))}
    assert list(group_by(keys)) == [[Path("c"), Path("b")]]


def test_a_pixel_beside_the_sample_counts_too(tmp_path, make):
    """Of images with one sample each is compared with each, not with the first alone."""
    pictures = [Image.fromarray(make.photograph(0)) for _ in range(3)]
    for picture in pictures[1:]:
        picture.putpixel((2, 3), (1, 2, 3))
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for picture, path in zip(pictures, paths, strict=True):
        picture.save(path)
    keys = {path: sample_key(picture) for path, picture in zip(paths, pictures, strict=True)}
    assert len(set(keys.values())) == 1
    assert list(find_equal(keys)) == [paths[1:]]
