from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from workbook.core.errors import DataError
from workbook.core.saved_maps import output_stems, save_maps, write_png

PATHS = st.builds(
    lambda folder, stem, suffix: Path(folder) / (stem + suffix),
    st.sampled_from(["x", "y/x", "z"]),
    st.sampled_from(["a", "b", "x_a", "a_1", "A"]),
    st.sampled_from([".png", ".jpg"]),
)


@given(st.lists(PATHS))
def test_no_two_predictions_share_a_file(paths):
    stems = output_stems(paths, [path.name for path in paths])
    assert len(stems) == len(paths)
    assert len(set(stems)) == len(set(map(str.lower, stems))) == len(stems)
    assert not any("/" in stem for stem in stems)


def test_a_name_alone_is_kept():
    assert output_stems([Path("x/a.jpg"), Path("y/b.png")], ["a.jpg", "b.png"]) == ["a", "b"]


def test_levels_and_marks_come_back(tmp_path):
    prob = torch.tensor([[[0.0, 0.5, 1.0]]])
    files = save_maps(tmp_path / "new", "a", prob, prob > 0.5)
    assert [file.name for file in files] == ["a_prob.png", "a_pred.png"]
    assert np.array(Image.open(files[0])).tolist() == [[0, 128, 255]]
    assert np.array(Image.open(files[1])).tolist() == [[0, 0, 255]]
    save_maps(tmp_path / "new", "a", 1 - prob, prob < 0.5)  # again: our own are replaced
    assert np.array(Image.open(files[1])).tolist() == [[255, 0, 0]]
    assert len(list((tmp_path / "new").iterdir())) == 2


@pytest.mark.parametrize("content", [b"no image at all", "png"])
def test_a_file_that_is_not_ours_is_never_replaced(tmp_path, content):
    file = tmp_path / "a_pred.png"
    if content == "png":
        Image.new("L", (1, 1), 7).save(file)
    else:
        file.write_bytes(content)
    before = file.read_bytes()
    with pytest.raises(DataError, match=r"a_pred\.png: is there already"):
        save_maps(tmp_path, "a", torch.zeros(1, 1, 1), torch.zeros(1, 1, 1, dtype=torch.bool))
    assert file.read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"a\.png: cannot be written \(.+\); choose another folder"):
        write_png(tmp_path / "file" / "a.png", np.zeros((1, 1), np.uint8))
