import copy
import json
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from workbook import cli
from workbook.core.errors import DataError, WorkbookError
from workbook.course.release import (
    REPOSITORY,
    colab_link,
    learner_copy,
    place_in_repository,
    release,
    release_bytes,
)

pytest.importorskip("nbgrader")
ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
STUB = "raise NotImplementedError()"
SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)


def graded(grade_id, **kind):
    nbgrader = {"schema_version": 3, "grade_id": grade_id, "task": False}
    return {"nbgrader": nbgrader | {"solution": False, "grade": False, "locked": False} | kind}


def small():
    answer = "def f(x):\n    ### BEGIN SOLUTION\n    return x + 1\n    ### END SOLUTION"
    check = "check.f(f)\n### BEGIN HIDDEN TESTS\nassert f(7) == 8\n### END HIDDEN TESTS"
    cells = [
        new_markdown_cell("# 1 · Title\n\nText."),
        new_code_cell("import os", execution_count=1, metadata={"tags": ["recipe"]}),
        new_code_cell(answer, execution_count=2, metadata=graded("ex", solution=True)),
        new_code_cell(check, execution_count=3, metadata=graded("check", grade=True, locked=True, points=1)),
    ]
    cells[1].metadata["execution"] = {"iopub.execute_input": "now"}
    cells[3].outputs = [new_output("stream", name="stdout", text="right\n")]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return new_notebook(cells=cells)


def test_a_copy_is_cut_cleared_and_locked():
    notebook = small()
    before = copy.deepcopy(notebook)
    title, setup, answer, check = learner_copy(notebook, "01.ipynb").cells
    assert notebook == before
    assert answer.source == f"def f(x):\n    # YOUR CODE HERE\n    {STUB}"
    assert check.source == "check.f(f)"
    assert check.outputs == []
    assert {cell.execution_count for cell in (setup, answer, check)} == {None}
    assert setup.metadata == {"tags": ["recipe"]}
    assert answer.metadata.deletable is False
    assert "editable" not in answer.metadata
    assert (check.metadata.deletable, check.metadata.editable) == (False, False)
    assert len(check.metadata.nbgrader.checksum) == 32
    lines = title.source.split("\n")
    assert (lines[0], lines[-1]) == ("# 1 · Title", "Text.")
    assert lines[2].endswith(f"]({colab_link('01.ipynb')})")


def test_a_mark_scheme_is_cut():
    notebook = small()
    task = "Describe it.\n### BEGIN MARK SCHEME\nhalf for a try\n### END MARK SCHEME"
    notebook.cells.append(new_markdown_cell(task, metadata=graded("essay", task=True, points=2)))
    assert learner_copy(notebook, "01.ipynb").cells[-1].source == "Describe it."


def test_the_badge_of_a_copy_takes_the_place_of_an_older_one():
    once = learner_copy(small(), "01.ipynb")
    twice = learner_copy(once, "01.ipynb", "week-1", "https://github.com/prof/course.git/")
    assert twice.cells[0].source.count("colab-badge") == 1
    assert "github/prof/course/blob/main/week-1/01.ipynb" in twice.cells[0].source


@pytest.mark.parametrize(
    ("folder", "repo", "link"),
    [
        ("exercises", REPOSITORY, "imdl-workbook/workbook/blob/main/exercises/01.ipynb"),
        ("", "https://github.com/prof/a.b", "prof/a.b/blob/main/01.ipynb"),
        ("x/y", "https://github.com/prof/course/tree/fall/26", "prof/course/blob/fall/26/x/y/01.ipynb"),
    ],
)
def test_links(folder, repo, link):
    assert colab_link("01.ipynb", folder, repo) == f"https://colab.research.google.com/github/{link}"


@pytest.mark.parametrize(
    "repo", ["https://gitlab.com/a/b", "a/b", "https://github.com/a", "https://github.com/a/b/c"]
)
def test_colab_opens_no_other_address(repo):
    with pytest.raises(DataError, match=r"OWNER/NAME"):
        colab_link("01.ipynb", "", repo)


def test_the_repository_is_named_as_in_pyproject():
    assert f'Homepage = "{REPOSITORY}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_place_in_a_repository(tmp_path):
    (tmp_path / "course/.git").mkdir(parents=True)
    assert place_in_repository(tmp_path / "course/week/1") == "week/1"
    assert place_in_repository(tmp_path / "course") == ""
    assert place_in_repository(tmp_path / "alone") == "alone"


def written(path, change=lambda notebook: None):
    notebook = small()
    change(notebook)
    path.parent.mkdir(exist_ok=True)
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    return path


def no_end(notebook):
    notebook.cells[2].source = "### BEGIN SOLUTION\n1"


def twice_the_same_id(notebook):
    notebook.cells[3].metadata.nbgrader.grade_id = "ex"


def not_marked(notebook):
    notebook.cells[2].metadata = {}


@pytest.mark.parametrize("spoil", [no_end, twice_the_same_id, not_marked])
def test_nothing_is_written_unless_all_can_be_cut(tmp_path, spoil):
    written(tmp_path / "nb/01.ipynb")
    written(tmp_path / "nb/02.ipynb", spoil)
    with pytest.raises(DataError, match=r"^02.ipynb: nbgrader's \w+ refuses it") as caught:
        release(tmp_path / "nb", tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_bad_folders(tmp_path):
    with pytest.raises(DataError, match="holds no notebooks"):
        release(tmp_path, tmp_path / "out")
    file = written(tmp_path / "nb/01.ipynb")
    with pytest.raises(DataError, match="choose another OUT"):
        release(tmp_path / "nb", tmp_path / "nb")
    with pytest.raises(DataError, match="cannot be written"):
        release(tmp_path / "nb", file)
    for text in ("{", "[]", "{}"):
        (tmp_path / "nb/02.ipynb").write_text(text)
        with pytest.raises(DataError, match=r"02.ipynb: cannot be read as a notebook"):
            release(tmp_path / "nb", tmp_path / "out")
    (tmp_path / "nb/02.ipynb").unlink()
    (tmp_path / "nb/02.ipynb").mkdir()
    with pytest.raises(DataError, match=r"cannot be read as a notebook \(IsADirectoryError\)"):
        release(tmp_path / "nb", tmp_path / "out")


def test_without_nbgrader_one_line_names_the_extra(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "nbgrader", None)
    with pytest.raises(WorkbookError, match="teach"):
        learner_copy(small(), "01.ipynb")
    written(tmp_path / "nb/01.ipynb")
    assert cli.main(["release", str(tmp_path / "nb"), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert told.startswith("workbook release: nbgrader is not installed")
    assert told.count("\n") == 1


def test_the_command_writes_an_instructors_own(tmp_path, capsys):
    written(tmp_path / "nb/01.ipynb")
    (tmp_path / "course/.git").mkdir(parents=True)
    out = tmp_path / "course/week-1"
    words = ["release", str(tmp_path / "nb"), "--out", str(out), "--repo", "https://github.com/prof/course"]
    assert cli.main(words) == 0
    assert capsys.readouterr().out == f"{out / '01.ipynb'}\n"
    written_bytes = (out / "01.ipynb").read_bytes()
    assert b"prof/course/blob/main/week-1/01.ipynb" in written_bytes
    assert (
        written_bytes
        == release_bytes(tmp_path / "nb", "week-1", "https://github.com/prof/course")["01.ipynb"]
    )


@pytest.fixture(scope="module")
def copies():
    before = {path.name: path.read_bytes() for path in NOTEBOOKS}
    made = release_bytes(ROOT / "notebooks")
    assert {path.name: path.read_bytes() for path in NOTEBOOKS} == before
    return made


def test_the_exercises_are_in_step_with_the_notebooks(copies):
    there = {path.name: path.read_bytes() for path in (ROOT / "exercises").glob("*.ipynb")}
    stale = [name for name in copies.keys() | there.keys() if copies.get(name) != there.get(name)]
    assert stale == [], "make exercises"


def test_the_same_bytes_each_time(copies):
    assert release_bytes(ROOT / "notebooks") == copies


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_solution_and_no_output_is_in_a_copy(copies, path):
    source, made = nbformat.read(path, 4), nbformat.reads(copies[path.name].decode(), 4)
    bare = ["".join(cell.source.split()) for cell in made.cells]
    everything = "\n".join(bare)
    # Later code may use what an exercise taught, loss.backward(); answer cells and prose must not.
    solvable = [cell.cell_type == "markdown" or "solution" in str(cell.metadata) for cell in made.cells]
    seen = "\n".join(text for text, look in zip(bare, solvable, strict=True) if look)
    solutions = [found for cell in source.cells for found in SOLUTION.findall(cell.source)]
    assert len(solutions) >= (0 if path.stem == "05_portraits" else 4)  # a road to walk, without exercises
    for solution in solutions:
        lines = ["".join(line.split()) for line in solution.splitlines()]
        assert "".join(lines) not in everything
        assert [line for line in lines if len(line) > 25 and line in seen] == []
        assert not all(line in everything for line in lines)
    assert everything.count("".join(STUB.split())) == len(solutions)
    assert "SOLUTION" not in everything
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert not any("attachments" in cell for cell in made.cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_all_else_is_as_it_was(copies, path):
    source, made = nbformat.read(path, 4), nbformat.reads(copies[path.name].decode(), 4)
    pairs = list(zip(source.cells, made.cells, strict=True))
    assert [one.id for one, _ in pairs] == [other.id for _, other in pairs]
    changed = [one for one, other in pairs if one.source != other.source]
    assert changed[0].source.startswith("# ")
    marks = [cell.metadata.nbgrader for cell in changed[1:]]
    assert all(mark.solution or mark.grade for mark in marks)  # hidden tests are cut from checks
    assert json.loads(copies[path.name])["metadata"]["kernelspec"]["name"] == "python3"
