import pytest
from PIL import Image

from workbook.core import ManiDataset, Pair
from workbook.core.errors import DataError
from workbook.curation.copying import copy_pairs


@pytest.fixture
def pairs(tmp_path):
    found = []
    for name, masked in (("Sp/a.jpg", True), ("CM/a.jpg", True), ("b.png", True), ("c.png", False)):
        image, mask = tmp_path / "data" / name, (tmp_path / "masks" / name).with_suffix(".png")
        for file in (image, mask):
            file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 6), (len(found), 0, 0)).save(image)
        Image.new("L", (9, 6), 255).save(mask)
        found.append(Pair(image, mask if masked else None))
    return found


def test_the_copy_pairs_again_byte_for_byte(pairs, tmp_path):
    copied = copy_pairs(pairs, tmp_path / "copy")
    data = ManiDataset(tmp_path / "copy")
    assert {(pair.image, pair.mask) for pair in data.pairs} == {(pair.image, pair.mask) for pair in copied}
    assert [pair.authentic for pair in copied] == [False, False, False, True]
    assert len({pair.image.name for pair in copied}) == 4  # two are called a.jpg
    for pair, copy in zip(pairs, copied, strict=True):
        assert copy.image.read_bytes() == pair.image.read_bytes()


def test_it_appears_whole_or_not_at_all(pairs, tmp_path):
    pairs[2].image.unlink()
    with pytest.raises(DataError, match=r"b\.png: cannot be copied"):
        copy_pairs(pairs, tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "masks"]
    copy_pairs(pairs[:2], tmp_path / "copy")
    with pytest.raises(DataError, match="copy: is there already"):
        copy_pairs(pairs[:2], tmp_path / "copy")
    with pytest.raises(DataError, match="no pairs to copy"):
        copy_pairs([], tmp_path / "other")
