import json
from collections import Counter

import pytest
import torch
from PIL import Image

from workbook.core.balanced import BalancedDataset
from workbook.core.datasets import JsonDataset, ManiDataset, PairDataset
from workbook.core.errors import DataError, WorkbookError
from workbook.core.pairs import Pair, write_pairs


@pytest.fixture
def folder(tmp_path):
    """A ManiDataset of one pair in `mani`, and a list of four authentic images in `list.json`."""
    for part in ("Tp", "Gt", "Au"):
        (tmp_path / "mani" / part).mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "mani/Tp/tampered.png")
    Image.new("L", (8, 8), 255).save(tmp_path / "mani/Gt/tampered_gt.png")
    images = [tmp_path / f"{number}.png" for number in range(4)]
    for image in images:
        Image.new("RGB", (8, 8)).save(image)
    write_pairs([Pair(image) for image in images], tmp_path / "list.json")
    return tmp_path


def test_each_dataset_gives_the_same_number_of_samples(folder):
    parts = [ManiDataset(folder / "mani"), JsonDataset(folder / "list.json")]
    mixture = BalancedDataset(parts, samples_per_dataset=40)
    assert len(mixture) == 80
    names = [mixture[index]["name"] for index in range(len(mixture))]
    assert set(names[:40]) == {"tampered.png"}
    assert set(names[40:]) == {"0.png", "1.png", "2.png", "3.png"}
    assert max(Counter(names[40:]).values()) < 25
    assert mixture[-1]["label"] == 0
    with pytest.raises(IndexError):
        mixture[80]
    assert repr(mixture).startswith(
        "BalancedDataset: 80 samples an epoch, 40 from each of\n  ManiDataset: 1 pairs"
    )


def test_the_default_is_protocol_cats_number(folder):
    assert len(BalancedDataset([JsonDataset(folder / "list.json")])) == 1840


@pytest.mark.parametrize("relative", [True, False])
def test_a_spec_file_as_imdl_benco_writes_it(folder, relative):
    root = "" if relative else f"{folder}/"
    spec = [["ManiDataset", f"{root}mani"], ["JsonDataset", f"{root}list.json"]]
    (folder / "balanced.json").write_text(json.dumps(spec))
    mixture = BalancedDataset(folder / "balanced.json", samples_per_dataset=2, size=4, edge_width=3)
    assert [type(part) for part in mixture.datasets] == [ManiDataset, JsonDataset]
    assert [sample["label"].item() for sample in mixture] == [1, 1, 0, 0]
    assert mixture[0]["edge_mask"].shape == (1, 4, 4)


def test_a_spec_as_a_list(folder):
    mixture = BalancedDataset([["JsonDataset", str(folder / "list.json")]], samples_per_dataset=1)
    assert isinstance(mixture.datasets[0], PairDataset)


def test_the_draw_is_torchs_global_generator(folder):
    mixture = BalancedDataset([JsonDataset(folder / "list.json")], samples_per_dataset=30)

    def names(seed):
        torch.manual_seed(seed)
        return [mixture[index]["name"] for index in range(30)]

    assert names(1) == names(1) != names(2)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("not json", "cannot be read as JSON"),
        ('{"ManiDataset": "mani"}', "holds a dict"),
        ("[]", "at least one dataset"),
        ('[["ManiDatset", "mani"]]', "did you mean ManiDataset"),
        ('[["ManiDataset"]]', r"write \[class name, path\]"),
        ('[["ManiDatset", "mani"]]', r"balanced\.json: ManiDatset is no dataset class"),
        ("[3]", r"balanced\.json: 3 is not a part of a balanced dataset"),
        ('[["ManiDataset", "nowhere"]]', "has no folder Tp"),
    ],
)
def test_a_wrong_spec_is_refused(folder, spec, message):
    (folder / "balanced.json").write_text(spec)
    with pytest.raises(DataError, match=message):
        BalancedDataset(folder / "balanced.json")


def test_a_missing_spec_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"balanced\.json: cannot be read"):
        BalancedDataset(tmp_path / "balanced.json")


def test_an_empty_dataset_in_the_mixture_is_refused(folder):
    class Empty:
        def __len__(self):
            return 0

    with pytest.raises(DataError, match="none of them empty"):
        BalancedDataset([JsonDataset(folder / "list.json"), Empty()])


def test_options_and_numbers_that_make_no_sense_are_refused(folder):
    parts = [JsonDataset(folder / "list.json")]
    with pytest.raises(WorkbookError, match=r"\['size'\] belong to the datasets"):
        BalancedDataset(parts, size=4)
    with pytest.raises(WorkbookError, match="samples_per_dataset is 0"):
        BalancedDataset(parts, samples_per_dataset=0)
    with pytest.raises(WorkbookError, match=r"samples_per_dataset is 2\.5"):
        BalancedDataset(parts, samples_per_dataset=2.5)
    with pytest.raises(WorkbookError, match="got a JsonDataset; give a spec's file, or a list"):
        BalancedDataset(parts[0])
    for listed in ([str(folder)], [*parts, ["JsonDataset", str(folder / "list.json")]]):
        with pytest.raises(DataError, match=r"not a part of a balanced dataset; write \[class name, path\]"):
            BalancedDataset(listed)


def test_lists_of_a_spec_may_be_allowed_to_leave_their_folder(folder):
    inner = folder / "inner"
    inner.mkdir()
    image = next(path for path in folder.rglob("*.png"))
    (inner / "list.json").write_text(json.dumps([[f"../{image.relative_to(folder)}", "Negative"]]))
    spec = [["ManiDataset", str(folder / "mani")], ["JsonDataset", str(inner / "list.json")]]
    with pytest.raises(DataError, match="allow_outside=True"):
        BalancedDataset(spec)
    assert len(BalancedDataset(spec, samples_per_dataset=1, allow_outside=True)) == 2
