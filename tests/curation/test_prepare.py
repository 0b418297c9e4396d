import numpy as np
import pytest
from PIL import Image

from workbook.core import DataError
from workbook.curation import find_leaks, photographs, prepare


def make_dataset(root, hosts=12):
    rng = np.random.default_rng(0)
    for name in ("Tp", "Gt", "Au"):
        (root / name).mkdir(parents=True)
    for number in range(1, hosts + 1):
        pixels = rng.integers(0, 255, (32, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "Au" / f"Au_ani_{number:04d}.png")
        stem = f"Sp_D_NNN_A_pla{number:04d}_ani{number:04d}_{number:04d}"
        pixels[8:20, 8:24] = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "Tp" / f"{stem}.png")
        mask = np.zeros((32, 48), np.uint8)
        mask[8:20, 8:24] = 255
        Image.fromarray(mask).save(root / "Gt" / f"{stem}_gt.png")
    return root


def test_a_folder_of_ones_own_is_split_by_photograph_and_only_read(tmp_path):
    source = make_dataset(tmp_path / "mine")
    before = {path: path.read_bytes() for path in source.rglob("*.png")}
    parts = prepare(source, tmp_path / "work")
    assert set(parts) == {"train", "valid", "test"}
    assert sum(map(len, parts.values())) == 24
    assert len(parts["train"]) > len(parts["test"]) >= 2
    assert not find_leaks(parts)
    assert before == {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    assert all((tmp_path / "work") in pair.image.parents for pair in parts["test"])


def test_two_folders_of_one_name_do_not_share_a_copy(tmp_path):
    one, two = make_dataset(tmp_path / "a/mine"), make_dataset(tmp_path / "b/mine", hosts=15)
    first, second = (prepare(folder, tmp_path / "work") for folder in (one, two))
    assert sum(map(len, second.values())) == 30
    assert all(pair.image.exists() for pairs in first.values() for pair in pairs)
    copies = [{pair.image.parents[1] for pair in parts["train"]} for parts in (first, second)]
    assert not copies[0] & copies[1]


def test_the_embedded_dataset_keeps_its_test_photographs_apart(casia_mini, tmp_path):
    (tmp_path / "casia-mini").symlink_to(casia_mini)
    parts = prepare(None, tmp_path)
    assert len(parts["test"]) == 40
    identities = [{i for pair in parts[name] for i in photographs(pair.image)} for name in ("train", "test")]
    assert not identities[0] & identities[1]
    assert len(parts["train"]) > 90
    assert parts["valid"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        prepare(tmp_path / "nowhere", tmp_path / "work")
