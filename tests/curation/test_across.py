import numpy as np
import pytest
from PIL import Image

from workbook.core.pairs import Pair
from workbook.curation.across import exclude_shared, find_shared, shared_table
from workbook.curation.applying import apply_plan
from workbook.curation.layouts import find_layout, find_pairs


def shared_of(first, second):
    return find_shared(first, second, progress=False)


@pytest.fixture
def copies(tmp_path, make):
    """Twelve photographs, and of the first three a copy, a recompressed one and a smaller one."""
    first = [make.save(tmp_path / f"first/{n:02d}.png", make.photograph(n, (96, 128))) for n in range(12)]
    pictures = [Image.open(path) for path in first[:3]]
    (tmp_path / "second").mkdir()
    pictures[0].save(tmp_path / "second/copy.bmp")
    pictures[1].save(tmp_path / "second/recompressed.jpg", quality=40)
    pictures[2].resize((70, 52)).save(tmp_path / "second/smaller.jpg", quality=80)
    make.save(tmp_path / "second/zzz.png", make.photograph(99, (96, 128)))
    return first, sorted((tmp_path / "second").iterdir())


def test_copies_are_found_in_every_guise(copies):
    found = shared_of(*copies)
    names = [(match.first.name, match.second.name, match.equal) for match in found]
    assert names == [
        ("00.png", "copy.bmp", True),
        ("01.png", "recompressed.jpg", False),
        ("02.png", "smaller.jpg", False),
    ]
    assert list(shared_table(found).columns) == ["first", "second", "similarity", "equal"]
    assert all(match.similarity > 0.95 for match in found)


def test_pictures_of_one_colour_match_only_their_equals(tmp_path, make):
    paths = [
        make.save(tmp_path / f"{level}{copy}.png", np.full((20, 30, 3), level, np.uint8))
        for level in (10, 200)
        for copy in "ab"
    ]
    found = {(match.first.name, match.second.name) for match in shared_of(paths[::2], paths[1::2])}
    assert found == {("10a.png", "10b.png"), ("200a.png", "200b.png")}


def test_unreadable_and_no_images(copies, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"")
    assert shared_of([broken], copies[1]) == []
    assert shared_of([], copies[1]) == []


def test_shared_images_are_excluded_by_plan(dataset, tmp_path):
    pairs = find_pairs(dataset).pairs
    test = [pair for pair in pairs if "ani0002" in pair.name.lower() and not pair.authentic]
    found = shared_of([pair for pair in pairs if not pair.authentic], test)
    plan = exclude_shared(found, pairs, find_layout(dataset))
    left = apply_plan(plan, dataset, tmp_path / "out", progress=False).pairs
    assert {pair.name for pair in pairs} - {pair.name for pair in left} == {pair.name for pair in test}
    assert not any("ani0002" in path.name for path in (tmp_path / "out/Gt").iterdir())


def test_real_photographs_match_their_copies_only(shared, tmp_path):
    photographs = sorted((shared / "portraits/images").iterdir())[:40]
    for path in photographs[:8]:
        with Image.open(path) as picture:
            small = picture.convert("RGB").resize((picture.width // 2, picture.height // 2))
            small.save(tmp_path / path.name, quality=50)
    found = shared_of([Pair(path) for path in photographs], sorted(tmp_path.iterdir()))
    assert [match.first.name for match in found] == [match.second.name for match in found]
    assert len(found) == 8


def test_pictures_that_resemble_each_other_are_not_one(tmp_path, make):
    one, other = make.photograph(1, (96, 128)), make.photograph(2, (96, 128))
    first = make.save(tmp_path / "one.png", one)
    second = make.save(tmp_path / "blend.png", (0.6 * one + 0.4 * other).astype(np.uint8))
    assert shared_of([first], [second]) == []
