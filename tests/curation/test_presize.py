import numpy as np
import pytest
from PIL import Image

from workbook.core.errors import DataError
from workbook.curation.presize import presize, target_size


@pytest.fixture
def mixed(tmp_path, make):
    for name, size in (("large", (300, 400)), ("small", (48, 64)), ("deep", (300, 60))):
        extension = "png" if name == "deep" else "jpg"
        make.save(tmp_path / f"data/Tp/{name}.{extension}", make.photograph(len(name), size))
        mask = np.zeros(size, np.uint8)
        mask[: size[0] // 2, : size[1] // 4] = 255
        make.save(tmp_path / f"data/Gt/{name}_gt.png", mask)
    return tmp_path / "data"


def test_large_pairs_are_reduced_and_small_ones_copied(mixed, tmp_path):
    before = {path: path.read_bytes() for path in mixed.rglob("*.*")}
    pairs = presize(mixed, tmp_path / "out", 100, progress=False).pairs
    for pair in pairs:
        with Image.open(pair.image) as image, Image.open(pair.mask) as mask:
            assert image.size == mask.size
            assert max(image.size) <= 100
            assert set(np.unique(np.asarray(mask))) == {0, 255}
            assert np.asarray(mask).mean() == pytest.approx(255 / 8, rel=0.05)
    assert (tmp_path / "out/Tp/small.jpg").read_bytes() == before[mixed / "Tp/small.jpg"]
    assert {path: path.read_bytes() for path in mixed.rglob("*.*")} == before
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")}
    presize(mixed, tmp_path / "out", 100, progress=False)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")} == again


def test_never_enlarged():
    assert target_size((30, 40), 1024) == (30, 40)
    assert target_size((1, 5000), 1024) == (1, 1024)


def test_a_wrong_mask_is_named(mixed, tmp_path):
    Image.new("L", (7, 9)).save(mixed / "Gt/large_gt.png")
    with pytest.raises(DataError, match=r"large.jpg: its mask is 9x7"):
        presize(mixed, tmp_path / "out", 100, progress=False)
    with pytest.raises(DataError, match="beside it"):
        presize(mixed, mixed / "out", 100, progress=False)


def test_what_pillow_would_refuse_is_reduced(mixed, tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert len(presize(mixed, tmp_path / "out", 100, progress=False).pairs) == 3
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_a_json_of_pairs_is_reduced_too(mixed, tmp_path):
    (mixed / "pairs.json").write_text('[["Tp/deep.png", "Gt/deep_gt.png"], ["Tp/large.jpg", "Negative"]]')
    pairs = presize(mixed / "pairs.json", tmp_path / "out", 100, progress=False).pairs
    assert [(pair.name, pair.authentic) for pair in pairs] == [("deep.png", False), ("large.jpg", True)]
    assert max(Image.open(pairs[1].image).size) == 100
