import json
import shutil

import pytest

from workbook import cli
from workbook.core.errors import DataError
from workbook.course import progress
from workbook.course.exercise_cells import read_cells
from workbook.course.exercise_files import exercise_files
from workbook.course.progress import find_progress, next_exercise, progress_json, progress_text
from workbook.course.trial import Trial


@pytest.fixture
def folder(tmp_path):
    """One exercise solved, one wrong, one that must not run here; two deleted."""
    for path in exercise_files().values():
        shutil.copy(path, tmp_path)
    file = tmp_path / "01_data_prep.ipynb"
    notebook = json.loads(file.read_text(encoding="utf-8"))
    answers = {
        "ex-1-1": "def find_rule(images, masks):\n    raise SystemExit(1)",
        "ex-1-2": "import pathlib\npathlib.Path('here').touch()\n"
        "def size_cause(image, mask):\n    return 'same'",
        "ex-1-6": "def joint_flip(image, mask, seed):\n    if np.random.default_rng(seed).random() < 0.5:\n"
        "        return image.flip(-1), mask.flip(-1)\n    return image, mask",
    }
    for cell in notebook["cells"]:
        source = answers.get(cell["metadata"].get("nbgrader", {}).get("grade_id"))
        cell["source"] = cell["source"] if source is None else source
    file.write_text(json.dumps(notebook), encoding="utf-8")
    (tmp_path / "02_model.ipynb").write_text("{")
    for name in ("03_train", "04_eval"):
        (tmp_path / f"{name}.ipynb").unlink()
    return tmp_path


def test_a_folder_is_tried_and_nothing_is_run_here(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert cli.main(["progress", str(folder), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    first, second = said["notebooks"].values()
    assert (first["solved"], first["of"]) == (1, 6)
    states = [one["state"] for one in first["exercises"]]
    assert states == ["wrong", "wrong", "not done", "not done", "not done", "passed"]
    assert "SystemExit" in first["exercises"][0]["message"]
    assert "is not a notebook" in second["error"]
    assert said["next"] == "1.1 · Find the pairing rule, in 01_data_prep"
    left = ["01_data_prep.ipynb", "02_model.ipynb", "05_portraits.ipynb"]
    assert sorted(path.name for path in folder.iterdir()) == left


def trial(number, state, message=""):
    return Trial(number, "a title", f"check-{number}", 2.0, state, message, 0.123)


def test_what_people_read():
    done = {
        "01_a": [trial("1.1", "passed"), trial("1.2", "not done", "not done yet.")],
        "02_b": [trial("2.1", "wrong", "not yet\n  for 3")],
        "03_c": "03_c.ipynb: is not a notebook",
    }
    assert progress_text(done).split("\n") == [
        "01_a: 1 of 2 solved",
        "  1.1 · a title: passed",
        "  1.2 · a title: not done",
        "02_b: 0 of 1 solved",
        "  2.1 · a title: wrong: not yet",
        "03_c: 03_c.ipynb: is not a notebook",
        "next: 1.2 · a title, in 01_a",
    ]
    assert progress_text({"01_a": [trial("1.1", "passed")]}).endswith("all solved")
    assert next_exercise({"a": [trial("1.1", "wrong"), trial("1.2", "not done")]}) == "1.1 · a title, in a"
    assert next_exercise({"a": [trial("1.1", "passed")], "b": "b: no"}) == "b, which cannot be read"
    assert progress_json(done)["notebooks"]["01_a"]["exercises"][0]["seconds"] == 0.12


def test_a_folder_without_notebooks(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match="workbook init"):
            find_progress(folder)


def test_the_checks_that_count_can_be_named(tmp_path, monkeypatch):
    tried = []
    monkeypatch.setattr(progress, "try_exercises", lambda *given: tried.append(given) or [])
    (tmp_path / "05_x.ipynb").write_text('{"cells": [{"cell_type": "markdown", "source": "mine"}]}')
    master, without = exercise_files()["01_data_prep"], exercise_files()["05_portraits"]
    (tmp_path / "07_z.ipynb").write_text('{"cells": [{"cell_type": "markdown", "source": "mine, too"}]}')
    masters = {"05_x": master, "06_y": master, "07_z": without}
    assert find_progress(tmp_path, masters=masters) == {"05_x": []}  # 06 is not there, 07 has no exercise
    ((theirs, mine),) = tried
    assert (len(theirs), [cell.source for cell in mine]) == (len(read_cells(master)), ["mine"])
