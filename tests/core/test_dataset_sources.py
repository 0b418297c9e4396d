"""Where datasets come from: a folder, a JSON file, a listing of images."""

import json

import pytest
from PIL import Image

from workbook.core.datasets import JsonDataset, ManiDataset, list_images
from workbook.core.errors import DataError
from workbook.core.pairs import NEGATIVE


def write_image(path, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (30, 20), "white").save(path)
    return path


def write_mask(path):
    return write_image(path, "L")


def test_mani_dataset_pairs_by_name(tmp_path):
    for name in ("a", "b", "c"):
        write_image(tmp_path / "Tp" / f"{name}.jpg")
    for name in ("b", "c", "d"):
        write_mask(tmp_path / "Gt" / f"{name}_gt.png")
    write_image(tmp_path / "Au" / "e.png")
    (tmp_path / "Tp" / "._b.jpg").write_bytes(b"stray")
    (tmp_path / "Tp" / "Thumbs.db").write_bytes(b"stray")
    with pytest.warns(UserWarning, match="left out: 1 without a mask, 1 masks without an image"):
        dataset = ManiDataset(tmp_path, size=8)
    assert [(p.image.name, p.mask and p.mask.name) for p in dataset.pairs] == [
        ("b.jpg", "b_gt.png"),
        ("c.jpg", "c_gt.png"),
        ("e.png", None),
    ]
    assert [path.name for path in dataset.pairing.images_without_mask] == ["a.jpg"]
    assert dataset[0]["image"].shape == (3, 8, 8)


def test_mani_dataset_follows_mirrored_folders(tmp_path, recwarn):
    for folder in ("CM", "Sp"):
        write_image(tmp_path / "Tp" / folder / "a.png")
        write_mask(tmp_path / "Gt" / folder / "a_gt.png")
    dataset = ManiDataset(tmp_path)
    assert [(p.image.parent.name, p.mask.parent.name) for p in dataset.pairs] == [("CM", "CM"), ("Sp", "Sp")]
    assert not recwarn


@pytest.mark.parametrize(
    ("folders", "message"),
    [(["Tp"], "no folder Gt"), (["Gt"], "no folder Tp"), (["Tp", "Gt"], "audit the dataset")],
)
def test_mani_dataset_says_what_is_missing(tmp_path, folders, message):
    for folder in folders:
        (tmp_path / folder).mkdir()
    with pytest.raises(DataError, match=message):
        ManiDataset(tmp_path)


def test_json_dataset_reads_imdl_benco_lists(tmp_path):
    image, mask = write_image(tmp_path / "a.png"), write_mask(tmp_path / "m.png")
    write_image(tmp_path / "sub" / "b.png")
    entries = [[str(image), str(mask)], ["sub/b.png", NEGATIVE]]
    (tmp_path / "list.json").write_text(json.dumps(entries))
    dataset = JsonDataset(tmp_path / "list.json", edge_width=3)
    assert [sample["label"].item() for sample in dataset] == [1, 0]
    assert [sample["name"] for sample in dataset] == ["a.png", "b.png"]


def test_json_dataset_may_reach_outside_when_told(tmp_path):
    write_image(tmp_path / "a.png")
    (tmp_path / "lists").mkdir()
    file = tmp_path / "lists" / "list.json"
    file.write_text(json.dumps([["../a.png", NEGATIVE]]))
    assert JsonDataset(file, allow_outside=True)[0]["name"] == "a.png"
    with pytest.raises(DataError, match="allow_outside"):
        JsonDataset(file)


def test_json_dataset_refuses_an_empty_list(tmp_path):
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(DataError, match=r"list\.json: the list is empty"):
        JsonDataset(tmp_path / "list.json")


def test_list_images_knows_the_suffixes(tmp_path):
    for name in ("a.JPG", "sub/b.tif", "c.txt", ".hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in list_images(tmp_path)] == ["a.JPG", "b.tif"]
