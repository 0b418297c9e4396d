import pandas as pd
import pytest

from workbook.core.errors import CheckpointError, WorkbookError
from workbook.core.evaluation import Evaluation, write_curves

NAN = float("nan")


@pytest.fixture
def result():
    def row(checkpoint, dataset, kind, score, value, low=NAN, high=NAN):
        return {"checkpoint": checkpoint, "dataset": dataset, "kind": kind, "score": score, "value": value,
                "low": low, "high": high, "images": 3, "note": ""}  # fmt: skip

    table = [
        row("old", "casia_1", "all", "pixel_f1", 0.25, 0.125, 0.5),
        row("old", "casia_1", "splice", "pixel_f1", 0.75),
        row("old", "casia_1", "all", "image_auc", NAN),
        row("new", "casia_1", "all", "pixel_f1", 0.5),
    ]
    images = [{"checkpoint": "old", "dataset": "casia_1", "name": "a, b.png", "pixel_f1": 0.1}]
    return Evaluation(pd.DataFrame(table), pd.DataFrame(images))


def test_latex_by_hand(result):
    assert result.to_latex(2) == (
        "\\begin{tabular}{lcc}\n\\toprule\n"
        "checkpoint & casia\\_1, pixel\\_f1 & casia\\_1, image\\_auc \\\\\n\\midrule\n"
        "old & 0.25 [0.12, 0.50] & -- \\\\\n"
        "new & 0.50 &  \\\\\n"
        "\\bottomrule\n\\end{tabular}\n"
    )


def test_files_come_back(result, tmp_path):
    folder = result.save(tmp_path / "out")
    assert sorted(file.name for file in folder.iterdir()) == ["images.csv", "scores.csv", "scores.tex"]
    pd.testing.assert_frame_equal(pd.read_csv(folder / "scores.csv").assign(note=""), result.table)
    assert pd.read_csv(folder / "images.csv")["name"].tolist() == ["a, b.png"]
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match=r"scores\.csv: cannot be written"):
        result.save(tmp_path / "file")


def test_one_value(result):
    assert result.value("pixel_f1", checkpoint="old") == 0.25
    assert result.value("pixel_f1", kind="splice") == 0.75
    with pytest.raises(WorkbookError, match="2 rows have"):
        result.value("pixel_f1")
    with pytest.raises(WorkbookError, match="no column 'protocol'"):
        result.value("pixel_f1", protocol="x")


def test_a_notebook_shows_the_table(result):
    assert "<table" in result._repr_html_()
    assert "casia_1" in repr(result)


def test_steps_are_the_numbers_in_the_checkpoints_names_or_their_places(result, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write_curves(tmp_path, result.table)
    found = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in found.Scalars("casia_1/pixel_f1")] == [(0, 0.25), (1, 0.5)]
    assert [e.value for e in found.Scalars("casia_1/splice/pixel_f1")] == [0.75]
    assert "casia_1/image_auc" not in found.Tags()["scalars"]  # undefined
