"""A course as an instructor gets it, and nbgrader's own commands on it."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from workbook.cli import main
from workbook.core.errors import DataError
from workbook.course.instructor_course import make_course

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
KEPT = ("1-2", "1-3", "1-5")  # of 2, 2 and 3 points
IMPORTS = "import numpy as np\n\nfrom workbook.checks import nb01_data_prep as check"


def reduced():
    """Notebook 1 without its data and pictures: real exercises and checks, a kernel of seconds."""
    notebook = nbformat.read(NOTEBOOKS / "01_data_prep.ipynb", as_version=4)
    wanted = {f"{kind}-{number}" for number in KEPT for kind in ("ex", "check")}
    kept = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") in wanted]
    title = nbformat.v4.new_markdown_cell("# Data")
    notebook.cells = [title, nbformat.v4.new_code_cell(IMPORTS), *kept]
    return notebook


def cell(notebook, grade_id):
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def nbgrader(course, *words):
    """Run one of nbgrader's commands as the course's README says: in its folder, the environment active."""
    bin_, project = str(Path(sys.executable).parent), str(NOTEBOOKS.parent)
    environment = os.environ | {
        "PATH": bin_ + os.pathsep + os.environ["PATH"],
        "PYTHONPATH": project,
        "OMP_NUM_THREADS": "1",
        "JUPYTER_PLATFORM_DIRS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *words],
        cwd=course,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


@pytest.mark.slow
def test_nbgraders_commands_grade_right_partly_wrong_and_tampered(tmp_path):
    (tmp_path / "notebooks").mkdir()
    nbformat.write(reduced(), tmp_path / "notebooks" / "01.ipynb")
    course = tmp_path / "course"
    make_course(course, tmp_path / "notebooks")

    assert "Success" in nbgrader(course, "validate", "source/01/01.ipynb")
    nbgrader(course, "generate_assignment", "01")
    released = nbformat.read(course / "release/01/01.ipynb", as_version=4)
    assert "HIDDEN" not in cell(released, "check-1-2").source
    assert "NotImplementedError" in cell(released, "ex-1-2").source

    right = reduced()
    for kind in ("1-2", "1-3", "1-5"):
        cell(right, f"check-{kind}").source = cell(released, f"check-{kind}").source
    partly = nbformat.from_dict(right)
    cell(partly, "ex-1-3").source = "def alpha_to_mask(rgba, soft):\n    return rgba"
    tampered = nbformat.read(course / "release/01/01.ipynb", as_version=4)
    for number in KEPT:
        cell(tampered, f"check-{number}").source = "print('all right')"
    cell(tampered, "ex-1-2").source = cell(reduced(), "ex-1-2").source
    for learner, notebook in {"right": reduced(), "partly": partly, "tampered": tampered}.items():
        folder = course / "submitted" / learner / "01"
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / "01.ipynb")

    nbgrader(course, "autograde", "01")
    restored = nbformat.read(course / "autograded/tampered/01/01.ipynb", as_version=4)
    assert cell(restored, "check-1-2").source == cell(reduced(), "check-1-2").source
    nbgrader(course, "generate_feedback", "01")
    assert (course / "feedback/partly/01/01.html").stat().st_size > 10_000
    nbgrader(course, "export")
    table = (course / "grades.csv").read_text(encoding="utf-8")
    rows = {row["student_id"]: row for row in csv.DictReader(table.splitlines())}
    assert {name: float(row["score"]) for name, row in rows.items()} == {
        "right": 7,
        "partly": 5,
        "tampered": 2,
    }
    assert {float(row["max_score"]) for row in rows.values()} == {7}


def test_a_course_of_the_real_notebooks(tmp_path):
    assert (
        main(
            ["course", str(tmp_path / "c"), "--notebooks", str(NOTEBOOKS), "--repo", "https://github.com/a/b"]
        )
        == 0
    )
    sources = sorted((tmp_path / "c" / "source").glob("*/*.ipynb"))
    assert [path.parent.name for path in sources] == [path.stem for path in sources]
    assert [path.name for path in sources] == sorted(path.name for path in NOTEBOOKS.glob("0[1-4]*.ipynb"))
    for path in sources:
        whole, source = (nbformat.read(p, as_version=4) for p in (NOTEBOOKS / path.name, path))
        marks = [[c.metadata.get("nbgrader") for c in notebook.cells] for notebook in (whole, source)]
        assert marks[0] == marks[1]
        assert [c.source for c in whole.cells[1:]] == [c.source for c in source.cells[1:]]
        assert not any(c.get("outputs") for c in source.cells)
        badge = f"github/a/b/blob/main/release/{path.stem}/{path.name}"
        assert badge in source.cells[0].source
    readme = (tmp_path / "c" / "README.md").read_text(encoding="utf-8")
    assert "- `01_data_prep`: 6 exercises, 15 points" in readme
    commands = [line for line in readme.splitlines() if line.startswith(("nbgrader ", "workbook "))]
    assert len(commands) == 6


def test_the_settings_are_ones_that_nbgrader_knows(tmp_path):
    from nbgrader import coursedir, preprocessors
    from traitlets.config import PyFileConfigLoader

    make_course(tmp_path / "c", NOTEBOOKS)
    config = PyFileConfigLoader("nbgrader_config.py", path=str(tmp_path / "c")).load_config()
    for section, values in config.items():
        known = getattr(preprocessors, section, None) or getattr(coursedir, section)
        assert set(values) <= set(known.class_trait_names(config=True))
    assert config.Execute.timeout > 600


def test_a_folder_that_holds_something_stays_as_it_is(tmp_path):
    (tmp_path / "gradebook.db").write_text("a year's grades")
    with pytest.raises(DataError, match="holds something already"):
        make_course(tmp_path, NOTEBOOKS)
    assert [path.name for path in tmp_path.iterdir()] == ["gradebook.db"]


def test_places_that_are_none(tmp_path):
    (tmp_path / "notebooks").mkdir()
    nbformat.write(reduced(), tmp_path / "notebooks" / "01.ipynb")
    (tmp_path / "file").touch()
    for out, told in (("file", "holds something already"), ("file/course", "cannot be written")):
        with pytest.raises(DataError, match=told):
            make_course(tmp_path / out, tmp_path / "notebooks")
    with pytest.raises(DataError, match="holds no notebook with exercises"):
        make_course(tmp_path / "course", tmp_path)


def test_the_learners_copies_make_no_course(tmp_path):
    notebook = reduced()
    cell(notebook, "ex-1-3").source = "raise NotImplementedError"
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks" / "01.ipynb")
    with pytest.raises(DataError, match="is no complete notebook"):
        make_course(tmp_path / "c", tmp_path / "notebooks")
    assert not (tmp_path / "c").exists()
