import json

import pytest
from small_training import tiny_folder

from workbook.core.errors import DataError
from workbook.curation.reading import open_data, open_sets


def test_each_kind_of_path_is_opened(tmp_path):
    folder = tiny_folder(tmp_path / "data")
    assert (len(open_data(folder)), open_data(folder, size=16)[0]["image"].shape[-1]) == (7, 16)
    pairs = [[f"data/Tp/{i}.png", f"data/Gt/{i}_gt.png"] for i in range(3)]
    (tmp_path / "list.json").write_text(json.dumps([*pairs, ["data/Au/5.png", "Negative"]]))
    assert len(open_data(tmp_path / "list.json")) == 4
    (tmp_path / "mixed.json").write_text(json.dumps([["ManiDataset", "data"], ["JsonDataset", "list.json"]]))
    mixed = open_data(tmp_path / "mixed.json", size=16)
    assert [len(part) for part in mixed.datasets] == [7, 4]
    (folder / "Tp").rename(tmp_path / "images")
    (folder / "Gt").rename(tmp_path / "masks")
    (tmp_path / "images" / "stray.png").write_bytes((tmp_path / "images" / "0.png").read_bytes())
    with pytest.warns(UserWarning, match="1 files left out"):
        assert len(open_data(tmp_path)) == 5


def test_sets_have_names_of_their_own(tmp_path):
    folder = tiny_folder(tmp_path / "data")
    (tmp_path / "sets.json").write_text(json.dumps({"one": "data", "two": str(folder)}))
    sets = open_sets([folder, tmp_path / "sets.json"], size=16)
    assert {name: len(data) for name, data in sets.items()} == {"data": 7, "one": 7, "two": 7}
    assert open_sets([]) == {}
    with pytest.raises(DataError, match="two test sets are called data"):
        open_sets([folder, folder])


@pytest.mark.parametrize(
    ("content", "said"),
    [('{"a": 1}', "'a' is 1"), ("[", "is not JSON"), (None, "cannot be read"), ("[]", "is empty")],
)
def test_what_cannot_be_opened_is_named(tmp_path, content, said):
    if content is not None:
        (tmp_path / "sets.json").write_text(content)
    with pytest.raises(DataError, match=f"sets.json: .*{said}"):
        open_sets([tmp_path / "sets.json"])
