"""Grading a class: each submission as what it is, the others unaffected, the same grades twice."""

import json
import os
from pathlib import Path

import nbformat
import pytest

from workbook.cli import main
from workbook.core.errors import DataError
from workbook.course.grade import Grade, grade_submissions, grades_csv
from workbook.course.judging import Verdict
from workbook.course.limited_process import Limits

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
WITHOUT = "05_portraits.ipynb"  # a road to walk, without exercises
pytestmark = pytest.mark.skipif(os.name != "posix", reason="the limits are those of POSIX")

READS = """
def find_rule(images, masks):
    return open("/etc/passwd").read()
"""
ENDS = """
import os
def size_cause(image, mask):
    os._exit(0)
"""
LEAVES = "raise SystemExit"
LOOPS = "while True: pass"
EQUAL = """
class Always:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __len__(self): return 0
    def __getattr__(self, name): return Always()
def group_images(photographs):
    return Always()
"""
FORKS = """
import os
def find_rule(images, masks):
    while True:
        os.fork()
"""
LOOKS = """
import sys
def size_cause(image, mask):
    frame = sys._getframe()
    while frame:
        for value in list(frame.f_locals.values()) + list(frame.f_globals.values()):
            reference = getattr(value, "reference", None)
            if callable(reference):
                return reference(image, mask)
        frame = frame.f_back
    return "found nothing"
"""
STARTS = """
import subprocess
subprocess.run(["true"])
def alpha_to_mask(rgba, soft):
    return None
"""
GUESSES = """
import random
def choose_repair(changed, mask):
    return random.choice(["keep", "drop"])
"""


def complete(name="01_data_prep.ipynb"):
    return nbformat.read(NOTEBOOKS / name, as_version=4)


def answer_cell(notebook, number):
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == f"ex-{number}")


def hand_in(folder, notebook, name="01_data_prep.ipynb"):
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / name)


@pytest.fixture(scope="module")
def submissions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("submissions")
    hand_in(folder / "right", complete())
    hand_in(folder / "right", complete(WITHOUT), WITHOUT)

    evil = complete()
    for number, source in {"1-1": READS, "1-2": ENDS, "1-3": LEAVES, "1-4": LOOPS, "1-5": EQUAL}.items():
        answer_cell(evil, number).source = source
    hand_in(folder / "evil", evil)

    strange = complete()
    for number, source in {"1-1": FORKS, "1-2": LOOKS, "1-3": STARTS}.items():
        answer_cell(strange, number).source = source
    strange.cells.remove(answer_cell(strange, "1-4"))
    twice = answer_cell(strange, "1-5")
    strange.cells.insert(
        3, nbformat.from_dict({**twice, "id": "other", "source": "def group_images(p): return p"})
    )
    lost = answer_cell(strange, "1-6")
    lost.metadata, lost["id"] = {}, "lost"
    hand_in(folder, strange, "strange_01.ipynb")

    large = complete()
    large.cells[1].outputs = [nbformat.v4.new_output("stream", text="x" * 100_000_000)]
    for cell in large.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = "pass  # an edited check changes nothing"
    answer_cell(large, "1-1").source = "def find_rule(images, masks):\n    raise NotImplementedError()"
    answer_cell(large, "1-4").source = GUESSES
    hand_in(folder / "large", large, "01.ipynb")

    (folder / "text").mkdir()
    (folder / "text" / "01_data_prep.ipynb").write_text("my homework")
    return folder


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    folder = tmp_path_factory.mktemp("master")
    hand_in(folder, complete())
    hand_in(folder, complete(WITHOUT), WITHOUT)
    return folder


@pytest.fixture(scope="module")
def graded(submissions, master):
    return {g.learner: g for g in grade_submissions(submissions, master, Limits(seconds=4.0), jobs=2)}


def points(grade):
    return [verdict.points for verdict in grade.verdicts]


def remarks(grade, number):
    return "; ".join(next(v for v in grade.verdicts if v.number == number).remarks)


def test_a_right_one_gets_all_beside_those_that_end_loop_and_fork(graded):
    assert sorted(graded) == ["evil", "large", "right", "strange", "text"]
    assert points(graded["right"]) == [3, 2, 2, 3, 3, 2]
    assert [verdict.remarks for verdict in graded["right"].verdicts] == [[]] * 6
    assert graded["right"].remarks == ()


def test_each_evil_answer_costs_its_own_points_and_is_told(graded):
    assert points(graded["evil"]) == [0, 0, 0, 0, 0, 2]
    assert "refused: reading /etc/passwd" in remarks(graded["evil"], "1.1")
    assert "ends the process" in remarks(graded["evil"], "1.2")
    assert "SystemExit" in remarks(graded["evil"], "1.3")
    assert "never ends" in remarks(graded["evil"], "1.4")
    assert "a Always where" in remarks(graded["evil"], "1.5")


def test_what_forks_looks_or_starts_programs_is_told_and_lost_cells_are_found(graded):
    assert points(graded["strange"]) == [0, 0, 0, 0, 3, 2]
    assert "refused: os.fork" in remarks(graded["strange"], "1.1")
    assert "look at it: it mentions _getframe, f_back" in remarks(graded["strange"], "1.2")
    assert "found nothing" in remarks(graded["strange"], "1.2")
    assert "refused: subprocess.Popen" in remarks(graded["strange"], "1.3")
    assert remarks(graded["strange"], "1.4") == "its cell is gone"
    assert "there 2 times" in remarks(graded["strange"], "1.5")
    assert remarks(graded["strange"], "1.6") == ""


def test_outputs_of_100_mb_and_edited_checks_change_nothing(graded):
    assert points(graded["large"]) == [0, 2, 2, 0, 3, 2]
    assert remarks(graded["large"], "1.1") == "not done"


def test_what_is_no_notebook_is_told(graded):
    assert points(graded["text"]) == [0] * 6
    assert graded["text"].remarks == ("01_data_prep.ipynb: is not a notebook, or was cut off; save it again",)


def test_the_command_gives_the_same_grades_again(graded, submissions, master, tmp_path, capsys):
    class_of_two = tmp_path / "two"
    class_of_two.mkdir()
    for name in ("large", "text"):
        (class_of_two / name).symlink_to(submissions / name)
    out = tmp_path / "grades.csv"
    assert main(["grade", str(class_of_two), "--notebooks", str(master), "--csv", str(out)]) == 0
    assert out.read_text() == grades_csv([graded["large"], graded["text"]])
    assert out.read_text().splitlines()[0] == "learner,1.1,1.2,1.3,1.4,1.5,1.6,total,possible,remarks"
    assert out.read_text().splitlines()[1].startswith('large,0,2,2,0,3,2,9,15,"1.1: not done; 1.4: ')
    assert capsys.readouterr().err == "large: 9\ntext: 0\n"


@pytest.mark.parametrize(
    ("csv", "told"), [("in", "is a folder"), ("in/ann/01.ipynb/x.csv", "cannot be written")]
)
def test_a_place_that_cannot_be_written_is_told(master, tmp_path, capsys, csv, told):
    (tmp_path / "in" / "ann").mkdir(parents=True)
    (tmp_path / "in" / "ann" / "01.ipynb").write_text("no")
    words = ["grade", str(tmp_path / "in"), "--notebooks", str(master), "--csv", str(tmp_path / csv)]
    assert main(words) == 2
    assert f"{csv}: {told}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("notebooks", "told"), [("nothing", "holds no notebooks"), ("released", "holds no solution")]
)
def test_the_master_must_be_complete(tmp_path, notebooks, told):
    (tmp_path / "nothing").mkdir()
    released = complete()
    for cell in released.cells:
        cell.source = cell.source.replace("### BEGIN SOLUTION", "")
    hand_in(tmp_path / "released", released)
    with pytest.raises(DataError, match=told):
        grade_submissions(tmp_path, tmp_path / notebooks)


def test_the_projects_own_notebooks_are_a_master_though_the_last_has_no_exercise(tmp_path):
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "05_portraits.ipynb").write_text("not read: there is nothing to grade")
    (grade,) = grade_submissions(tmp_path, NOTEBOOKS)
    assert {verdict.number[0] for verdict in grade.verdicts} == set("1234")
    assert (grade.total, grade.remarks) == (0, ())


def test_a_master_without_an_exercise_is_told(tmp_path):
    hand_in(tmp_path, nbformat.read(NOTEBOOKS / "05_portraits.ipynb", as_version=4), "05_portraits.ipynb")
    with pytest.raises(DataError, match="hold no exercise"):
        grade_submissions(tmp_path, tmp_path)


def test_no_spreadsheet_takes_a_name_for_a_formula():
    for sign in "=+-@":
        table = grades_csv([Grade(f"{sign}cmd()", (Verdict("1.1", 1),), ("+1",))])
        assert table.splitlines()[1] == f"'{sign}cmd(),0,0,1,'+1"


def test_json_of_another_kind_is_no_notebook(master, tmp_path):
    (tmp_path / "ann").mkdir()
    for number, text in enumerate(("[1]", json.dumps({"cells": 3}), "[" * 100_000)):
        (tmp_path / "ann" / "01.ipynb").write_text(text)
        (grade,) = grade_submissions(tmp_path, master)
        assert [(v.number, v.points) for v in grade.verdicts] == [(f"1.{n}", 0) for n in range(1, 7)], number
        assert len(grade.remarks) == 1
