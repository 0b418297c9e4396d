import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbook.course.exercise_cells import Cell, exercises_of, read_cells
from workbook.course.limited_process import Limits
from workbook.course.trial import tasks_of, try_exercises
from workbook.course.trial_process import _try

ROOT = Path(__file__).parents[2]
PLAIN = "05_portraits"  # a road to walk, without exercises
NAMES = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb") if path.stem != PLAIN)
HEAD = """from workbook.checks.exercise import Exercise, Mistake

def double(number):
    half = Mistake(lambda x: x / 2, "That is half of it.")
    return Exercise(number, "double", lambda x: 2 * x, lambda rng: [(1,), (3,)], [half], seconds=2)
"""
FOREVER = "while True: pass"
STUBBORN = """import time
def f(x):
    while True:
        try:
            while True: time.sleep(0.01)
        except BaseException: pass"""
EQUAL = "class Same:\n    def __eq__(self, other): return True\n    __hash__ = None\ndef f(x): return Same()"
# What is handed in, and the state and a part of the message that it gets. The last two end their process.
ANSWERS = [
    ("def f(x): return x + x", "passed", ""),
    ("def f(x):\n    raise NotImplementedError()", "not done", "not done yet"),
    ("def f(x): return x / 2", "wrong", "That is half of it."),
    ("raise SystemExit", "wrong", "SystemExit"),
    (EQUAL, "wrong", "not yet"),
    ("def f(x): return bytearray(1 << 31)[x] + 2 * x", "wrong", "MemoryError"),
    ("def f(x):\n    print('x' * 10**7)\n    return 2 * x", "passed", ""),
    ("def f(x):\n    open('big', 'wb').write(bytes(1 << 22))\n    return 2 * x", "wrong", "OSError"),
    ("def f(x): return round(math.fsum([x, x]))", "passed", ""),
    ("def f(x): return shared(x)", "passed", ""),
    (None, "not done", "not in the notebook"),
    ("def f(x): return input()", "wrong", "EOFError"),
    (FOREVER, "wrong", "no answer in time"),
    ("import os; os._exit(0)", "wrong", "ends the process"),
]


def numbered(source, number):
    return source.replace("def f(", f"def f{number}(")


def master(count):
    cells = [Cell("code", HEAD), Cell("code", "def shared(x): return 2 * x"), Cell("code", "data = 1 / 0")]
    for number in range(1, count + 1):
        stub = f"def f{number}(x):\n    raise NotImplementedError()"
        check = f'double("{number}")(f{number})'
        cells.append(Cell("code", stub, grade_id=f"ex-{number}", solution=True))
        cells.append(Cell("code", check, grade_id=f"check-{number}", grade=True, points=2.0))
    return cells


def handed_in(answers):
    cells = [Cell("code", "import math\n1 / 0"), Cell("code", "check = print")]
    for number, (source, *_) in enumerate(answers, start=1):
        if source is not None:
            cells.append(Cell("code", numbered(source, number), grade_id=f"ex-{number}", solution=True))
    return cells


@pytest.mark.skipif(os.name != "posix", reason="limits of memory and files")
def test_whatever_is_handed_in_gets_its_state_and_the_others_theirs():
    limits = Limits(seconds=8, file_size=1 << 20, memory=1 << 30)
    trials = try_exercises(master(len(ANSWERS)), handed_in(ANSWERS), limits)
    assert [trial.check_id for trial in trials] == [f"check-{n}" for n in range(1, len(ANSWERS) + 1)]
    for trial, (source, state, told) in zip(trials, ANSWERS, strict=True):
        assert (trial.state, source) == (state, source), trial.message
        assert told in trial.message
        assert trial.earned == (2.0 if state == "passed" else 0.0)


def test_a_thread_that_cannot_be_ended_is_left_with_its_process():
    alone = "import threading\ndef f(x): return 2 * x if threading.active_count() == 2 else 'not alone'"
    answers = [(STUBBORN,), (alone,)]
    first, second = try_exercises(master(2), handed_in(answers))
    assert (first.state, second.state) == ("wrong", "passed")
    assert "no answer in time" in first.message


@pytest.mark.parametrize(
    "said", [{}, {"state": "graded", "id": "check-1"}, {"state": "passed", "id": "check-2"}]
)
def test_what_the_process_itself_would_not_say_is_wrong(said, monkeypatch):
    messages = iter([{"ready": True}, said])
    process = SimpleNamespace(next_message=lambda seconds: next(messages))
    monkeypatch.setattr("workbook.course.trial.LimitedProcess", lambda *given: nullcontext(process))
    (trial,) = try_exercises(master(1), handed_in([("def f(x): return 2 * x",)]))
    assert (trial.state, trial.earned) == ("wrong", 0)


def test_a_notebook_without_an_answer_starts_no_process(monkeypatch):
    monkeypatch.setattr("workbook.course.trial.LimitedProcess", None)
    assert [trial.state for trial in try_exercises(master(2), [])] == ["not done"] * 2
    assert try_exercises([], []) == []


def test_an_answer_gets_what_it_needs_and_nothing_of_the_masters_answers():
    cells = [
        Cell("code", "import os\ndef shared(x): return os.sep + x"),
        Cell("code", "def f(x): return 'right'", grade_id="ex-1", solution=True),
        Cell("code", "check(f)", grade_id="check-1", grade=True, points=1.0),
        Cell("code", "def below(): ..."),
        Cell("code", "def g(x): return 'right'", grade_id="ex-2", solution=True),
        Cell("code", "check(g)", grade_id="check-2", grade=True, points=1.0),
    ]
    f, g = "def f(x): return shared(helper(math.pi)) + below()", "def g(x): return f(x) + below()"
    theirs = [Cell("code", "import math\nimport os\ndef helper(): ...")]
    theirs += [Cell("code", source, grade_id=f"ex-{n}", solution=True) for n, source in ((1, f), (2, g))]
    first, second = tasks_of(cells, theirs, exercises_of(cells))
    ours = ["import os", "def shared(x):\n    return os.sep + x"]
    assert (first["given"], first["answer"]) == (ours, ["import math", f])
    assert second["given"] == [*ours, "def below():\n    ..."]
    assert second["answer"] == ["import math", f, g]
    assert "right" not in str([first, second])


def states(cells, submission):
    """Of answers that are our own: in this process, which is quick."""
    tasks = tasks_of(cells, submission, exercises_of(cells))
    return {task["id"]: _try(task) for task in tasks}


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_as_shipped_is_not_done_and_with_its_solution_passes(name):
    shipped = read_cells(ROOT / "exercises" / f"{name}.ipynb")
    complete = read_cells(ROOT / "notebooks" / f"{name}.ipynb")
    found = states(shipped, shipped)
    assert len(found) >= 4
    assert all(state == "not done" and told.endswith("not done yet.") for state, told in found.values()), (
        found
    )
    answers = {cell.grade_id: cell.source for cell in complete if cell.solution}
    pasted = [replace(cell, source=answers.get(cell.grade_id, cell.source)) for cell in shipped]
    assert set(states(shipped, pasted).values()) == {("passed", "")}


@pytest.mark.parametrize("name", NAMES)
def test_no_other_cell_of_a_notebook_needs_an_answer(name):
    from workbook.course.needed_code import defined_names, used_names

    cells = [cell for cell in read_cells(ROOT / "exercises" / f"{name}.ipynb") if cell.kind == "code"]
    answers = set().union(*(defined_names(cell.source) for cell in cells if cell.solution))
    others = [cell for cell in cells if not cell.solution and not cell.grade]
    ours = set().union(*(defined_names(cell.source) for cell in others))
    assert {name for cell in others for name in used_names(cell.source) & answers - ours} == set()
