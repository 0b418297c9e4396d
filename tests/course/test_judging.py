"""What is decided on the grader's side; whole submissions are in test_grade.py."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from workbook.checks.exercise import Exercise
from workbook.checks.verdict import WrongAnswer
from workbook.course.exercise_cells import Cell
from workbook.course.judging import STRANGE, StandIn, _judge, _line, _trials, judge

TASK = Cell("markdown", "### Exercise 1.1 · add\nAdd.")
ANSWER = Cell("code", "def f(x): ...", id="a", grade_id="ex-1-1", solution=True)
CHECK = Cell("code", "assert f(2) == 4", grade_id="check-1-1", grade=True, points=2.0)


def test_an_exercise_asks_the_stand_in_and_runs_nothing():
    asked = []

    def ask(name, arguments, where, exercise=""):
        asked.append((name, arguments, exercise))
        return 2 * arguments[0]

    twice = Exercise(
        "0.1", "twice", lambda x: 2 * x, lambda rng: [(1,), (3,)], wrap=lambda f: pytest.fail("wrapped here")
    )
    assert twice(StandIn(ask, "f", "")).inputs == 2
    assert StandIn(ask, "f", "")(5) == 10
    assert asked == [("f", (1,), "0.1"), ("f", (3,), "0.1"), ("f", (5,), "")]
    with pytest.raises(WrongAnswer, match="3 where 2 is expected"):
        twice(StandIn(lambda *asked: 3, "f", ""))


def test_an_answer_whose_cell_is_gone_needs_no_process():
    (verdict,) = judge([([TASK, ANSWER, CHECK], [TASK, CHECK])])
    assert (verdict.number, verdict.possible, verdict.points) == ("1.1", 2, 0)
    assert verdict.remarks == ["its cell is gone"]


def test_the_references_are_kept_out_of_the_answers_process():
    head = Cell("code", "from workbook.checks import nb01_data_prep as check\nimport math")
    looks = replace(ANSWER, source="def f(x): return check.joint_flip.reference(math.pi)")
    (trial,) = _trials([head, TASK, ANSWER, replace(CHECK, source="check.joint_flip(f)")], [looks])
    assert trial.task["given"] == ["import math"]
    assert trial.verdict.remarks == ["look at it: it mentions check."]


def test_what_a_check_makes_of_a_strange_result_is_told():
    (trial,) = _trials([TASK, ANSWER, replace(CHECK, source="f(2).shape")], [ANSWER])
    process = SimpleNamespace(load=lambda *given: None, call=lambda *asked: 3)
    assert not _judge(trial, process)
    told = "its check stops with AttributeError: 'int' object has no attribute 'shape'"
    assert (trial.verdict.points, trial.verdict.remarks) == (0, [told])


@pytest.mark.parametrize(
    "source",
    ["import workbook.checks", "check.f.reference", "sys._getframe(1)", "import ctypes", "gc.get_objects()",
     "sys.modules", "frame.f_back", "import inspect", "int.__subclasses__()", "import _posixsubprocess"],
)  # fmt: skip
def test_what_looks_for_the_reference_is_seen(source):
    assert STRANGE.search(source)


@pytest.mark.parametrize("source", ["checked = 1", "x = recheck.y", "def collect(gcd): ..."])
def test_what_does_not_is_not(source):
    assert not STRANGE.search(source)


def test_a_remark_is_one_line_without_its_beginning():
    told = WrongAnswer("Exercise 1.2, detect: not yet.\n  for 1\n  2 where 3 is expected")
    assert _line(told, "Exercise 1.2") == "not yet. for 1 2 where 3 is expected"
    assert _line(AssertionError(), "Exercise 1.2") == ""
    assert len(_line(AssertionError("x" * 9999), "Exercise 1.2")) == 500
