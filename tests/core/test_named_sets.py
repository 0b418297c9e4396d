import json

import pytest
import torch
from PIL import Image

from workbook.core import ManiDataset, Pair, PairDataset, save_checkpoint
from workbook.core.errors import CheckpointError, DataError, WorkbookError
from workbook.core.named_sets import named_checkpoints, named_sets


@pytest.fixture
def folder(tmp_path):
    for name in ("one", "two"):
        for part in ("Tp", "Gt"):
            (tmp_path / name / part).mkdir(parents=True)
        Image.new("RGB", (6, 4)).save(tmp_path / name / "Tp" / "a.png")
        Image.new("L", (6, 4), 255).save(tmp_path / name / "Gt" / "a_gt.png")
    image, mask = tmp_path / "one" / "Tp" / "a.png", tmp_path / "one" / "Gt" / "a_gt.png"
    (tmp_path / "pairs.json").write_text(json.dumps([[str(image), str(mask)], [str(image), "Negative"]]))
    return tmp_path


def test_imdl_bencos_json_of_test_sets(folder):
    # names to absolute paths of folders and of JSON lists, as in its statics/runs/test_datasets.json
    content = {"Columbia": str(folder / "pairs.json"), "CASIAv1": str(folder / "one"), "near": "two"}
    (folder / "test_datasets.json").write_text(json.dumps(content))
    found = named_sets(folder / "test_datasets.json", size=8, fit="pad")
    assert list(found) == ["Columbia", "CASIAv1", "near"]
    assert [len(data) for data in found.values()] == [2, 1, 1]
    assert all(tuple(data[0]["image"].shape) == (3, 8, 8) for data in found.values())
    assert found["near"].folder == folder / "two"


def test_whatever_is_a_dataset_gets_a_name(folder):
    pair, data = Pair(folder / "one" / "Tp" / "a.png"), ManiDataset(folder / "two")
    assert {name: type(one) for name, one in named_sets(folder / "one").items()} == {"one": ManiDataset}
    assert list(named_sets(folder / "pairs.json")) == ["pairs"]
    assert named_sets(data) == {"two": data}
    assert list(named_sets([pair])) == ["test"]
    mixed = named_sets({"a": folder / "one", "b": [pair], "c": data, "d": [{"image": 1}]}, size=8)
    assert [len(one) for one in mixed.values()] == [1, 1, 1, 1]
    assert isinstance(mixed["b"], PairDataset)
    assert mixed["c"].size is None  # a dataset has its own


def test_a_folder_is_called_by_the_whole_of_its_name(folder, monkeypatch):
    (folder / "two").rename(folder / "two.v2")
    for data in (folder / "two.v2", ManiDataset(folder / "two.v2")):
        assert list(named_sets(data)) == ["two.v2"]
    monkeypatch.chdir(folder / "one")
    assert list(named_sets(".")) == ["one"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda f: f / "none", "none: is not there"),
        (lambda f: {}, "there is no dataset"),
        (lambda f: {"a": []}, "a list is no dataset with items"),
        (lambda f: {"a": 7}, "a int is no dataset"),
        (lambda f: torch.utils.data.DataLoader([1]), r"give its dataset \(loader.dataset\)"),
    ],
)
def test_what_is_no_dataset_is_refused(folder, make, says):
    with pytest.raises(DataError, match=says):
        named_sets(make(folder))


def test_a_json_that_is_none_of_both(folder):
    file = folder / "sets.json"
    for content, says in (('{"a": 3}', "'a' is 3; write the path"), ("[1]", "entry 0"), ("{", "is not JSON")):
        file.write_text(content)
        with pytest.raises(DataError, match=says):
            named_sets(file)


def test_checkpoints_by_the_ends_of_their_paths(tmp_path):
    net = torch.nn.Linear(1, 1)
    first, second = (save_checkpoint(tmp_path / run / "best", net) for run in ("a", "b"))
    assert named_checkpoints(None) == {"model": None}
    assert named_checkpoints(first) == {"model": first}
    assert named_checkpoints(tmp_path / "a") == {"a": first}
    assert list(named_checkpoints([first, second])) == ["a/best/model", "b/best/model"]
    assert named_checkpoints({"old": tmp_path / "a"}) == {"old": first}
    with pytest.raises(CheckpointError, match=r"none: no model\.safetensors there"):
        named_checkpoints([tmp_path / "none"])
    with pytest.raises(WorkbookError, match="is given twice"):
        named_checkpoints([first, first])
    with pytest.raises(CheckpointError, match="give a path"):
        named_checkpoints([])
