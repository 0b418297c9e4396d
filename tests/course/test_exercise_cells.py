import json
import random
from dataclasses import replace

import pytest

from workbook.core.errors import DataError
from workbook.course.exercise_cells import Cell, exercises_of, pick_answers, read_cells

STUB = "def {}(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"


def answer(number, name, source=None):
    text = source or STUB.format(name)
    return Cell("code", text, id=f"a{number}", grade_id=f"ex-{number}", solution=True)


MASTER = [
    Cell("markdown", "# Title", id="m"),
    Cell("code", "import numpy as np", id="i"),
    Cell("markdown", "### Exercise 1.1 · find it\nDo.", id="t1"),
    answer(1, "find"),
    Cell("code", "check.find(find)", id="c1", grade_id="check-1", grade=True, points=3.0),
    Cell("code", "def again(x): return find(x)", id="d"),
    Cell("markdown", "### Exercise 1.2 · keep it", id="t2"),
    answer(2, "keep"),
    Cell("code", "check.keep(keep)", id="c2", grade_id="check-2", grade=True, points=2.0),
]
DONE = {"ex-1": "def find(x): return x", "ex-2": "def keep(x): return -x"}


def submission():
    return [replace(cell, source=DONE.get(cell.grade_id, cell.source)) for cell in MASTER]


def test_exercises_are_read_from_headings_answers_and_checks():
    one, two = exercises_of(MASTER)
    assert (one.number, one.title, one.answer_id, one.check_id, one.points) == (
        "1.1",
        "find it",
        "ex-1",
        "check-1",
        3,
    )
    assert (two.number, two.check) == ("1.2", "check.keep(keep)")


def test_two_checks_of_one_answer_are_two_exercises():
    hidden = replace(MASTER[4], grade_id="hidden-1")
    assert [one.check_id for one in exercises_of([*MASTER[:5], hidden])] == ["check-1", "hidden-1"]


def test_without_a_heading_the_check_gives_the_number():
    (one,) = exercises_of(MASTER[3:5])
    assert (one.number, one.title) == ("check-1", "")


def test_neither_a_check_without_an_answer_nor_a_cell_that_a_person_grades_is_an_exercise():
    by_hand = replace(MASTER[3], grade=True)
    assert exercises_of([MASTER[4]]) == exercises_of([by_hand, MASTER[4]]) == []
    assert exercises_of([MASTER[3], by_hand]) == []


def no_ids(cells):
    return [Cell(cell.kind, cell.source) for cell in cells]


def only_cell_ids(cells):
    return [Cell(cell.kind, cell.source, cell.id) for cell in cells]


def new_cell_ids(cells):
    return [replace(cell, id=str(n)) for n, cell in enumerate(cells)]


def duplicated(cells):
    return [copy for cell in cells for copy in (cell, replace(cell, id="new"))]


def duplicated_and_one_left_as_it_was(cells):
    return [*cells, *(cell for cell in MASTER if cell.solution)]


def shuffled_without_ids(cells):
    return random.Random(1).sample(no_ids(cells), len(cells))


def checks_deleted(cells):
    return [cell for cell in no_ids(cells) if not cell.source.startswith("check.")]


def more_cells(cells):
    scratch = Cell("code", "keeper = 1\nprint(keeper)")
    return [copy for cell in no_ids(cells) for copy in (scratch, cell)]


@pytest.mark.parametrize(
    "change",
    [list, no_ids, only_cell_ids, new_cell_ids, duplicated, duplicated_and_one_left_as_it_was,
     shuffled_without_ids, checks_deleted, more_cells],
)  # fmt: skip
def test_answers_are_found_whatever_a_tool_did_to_the_cells(change):
    assert pick_answers(MASTER, change(submission())) == DONE


def test_answers_that_are_not_there():
    assert pick_answers(MASTER, submission()[:5]) == {"ex-1": DONE["ex-1"], "ex-2": None}
    assert pick_answers(MASTER, []) == {"ex-1": None, "ex-2": None}
    assert pick_answers(MASTER, MASTER)["ex-1"] == STUB.format("find")


@pytest.mark.parametrize("known", [{"id": "a1"}, {"grade_id": "ex-1"}])
def test_an_answer_that_is_no_python_is_known_by_its_cell(known):
    broken = "def find(x: oops"
    assert pick_answers(MASTER, [Cell("code", broken, **known)])["ex-1"] == broken


def test_a_cell_without_an_id_is_not_the_one_of_a_master_without_ids():
    assert pick_answers([replace(MASTER[3], id="")], [Cell("code", "print(1)")]) == {"ex-1": None}


def test_of_two_that_are_done_the_last_counts():
    first, last = (answer(1, "find", f"def find(x): return {value}") for value in (1, 2))
    assert pick_answers(MASTER, [first, last])["ex-1"] == last.source


def test_a_cell_of_the_master_is_no_answer():
    defines_it = Cell("code", "def find(x): return 1", id="other")
    assert pick_answers([*MASTER, defines_it], no_ids([*MASTER[:2], defines_it])) == {
        "ex-1": None,
        "ex-2": None,
    }


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_cells_are_read_without_outputs(tmp_path):
    nbgrader = {"grade_id": "ex-1", "solution": True, "grade": False, "points": "many"}
    cell = {"cell_type": "code", "source": ["a\n", "b"], "metadata": {"nbgrader": nbgrader}, "id": "x",
            "outputs": [{"text": "y" * 1000}]}  # fmt: skip
    odd = [{"cell_type": "code"}, {"source": 3, "metadata": []}, "nonsense", {"metadata": {"nbgrader": 1}}]
    cells = read_cells(write(tmp_path / "a.ipynb", {"cells": [cell, *odd]}))
    assert cells[0] == Cell("code", "a\nb", "x", "ex-1", solution=True)
    assert [one.source for one in cells[1:]] == ["", "", ""]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not a notebook"),
        (b'{"cells": [', "is not a notebook"),
        (b"\xff\xfe\x00", "is not a notebook"),
        (b"[" * 100_000, "is not a notebook"),
        ([], "has no cells"),
        ({"worksheets": []}, "format 4"),
        (b'{"cells": "' + b"x" * 200_000, "clear its outputs"),
    ],
)
def test_what_is_no_notebook_is_told_in_a_line(tmp_path, content, told):
    file = write(tmp_path / "a.ipynb", content)
    with pytest.raises(DataError, match=told) as caught:
        read_cells(file, limit=150_000)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path / "none.ipynb", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_cells(path)
