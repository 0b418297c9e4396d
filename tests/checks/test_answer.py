import linecache
import runpy
import threading
import time

import numpy as np
import pytest
import torch

from workbook.checks import answer as answers
from workbook.checks.answer import call_answer
from workbook.checks.verdict import NotDone, WrongAnswer


def forever(x):
    while True:
        pass


def stubborn(x):
    while True:
        try:
            time.sleep(0.001)
        except BaseException:  # noqa: BLE001
            continue


def leaves(x):
    raise SystemExit(0)


def grows(x):
    x.append(1)


def blackens(x):
    x[0] = 0
    return x


@pytest.mark.parametrize(
    ("answer", "argument", "told"),
    [
        (forever, 1, "never ends"),
        (leaves, 1, "SystemExit"),
        (lambda x: 1 / 0, 1, "ZeroDivisionError: division by zero"),
        (lambda: 1, 1, "TypeError"),
        (grows, [0], "changes its input"),
        (blackens, np.ones(3), "changes its input"),
        (blackens, torch.ones(3), "changes its input"),
        (3, 1, "3 where a function is expected"),
    ],
)
def test_whatever_it_does_is_said(answer, argument, told):
    with pytest.raises(WrongAnswer, match=told):
        call_answer(answer, (argument,), "Exercise 1", seconds=0.2)


def test_an_answer_that_stops_is_told_on_which_input_and_in_which_line_of_its_cell():
    file, source = "/tmp/ipykernel_1/2.py", "def first(names):\n    return names[0]\n"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    cell = {}
    exec(compile(source, file, "exec"), cell)
    with pytest.raises(WrongAnswer) as told:
        call_answer(cell["first"], ([],), "Exercise 1")
    assert str(told.value).splitlines() == [
        "Exercise 1: the answer stops with IndexError: list index out of range",
        "  for []",
        "  in line 2 of its cell: return names[0]",
    ]


def test_an_endless_loop_is_stopped():
    before = threading.active_count()
    with pytest.raises(WrongAnswer):
        call_answer(forever, (1,), seconds=0.1)
    assert threading.active_count() == before


def test_a_loop_that_catches_all_is_left_behind():
    with pytest.raises(WrongAnswer, match="never ends"):
        call_answer(stubborn, (1,), seconds=0.1)


def stub(x):
    raise NotImplementedError("exercise 1")


def test_a_stub_is_not_done():
    with pytest.raises(NotDone, match="Exercise 1: not done yet"):
        call_answer(stub, (1,), "Exercise 1")


def test_the_callers_arguments_stay_and_gradients_are_as_they_were():
    mine = torch.ones(2)
    with pytest.raises(WrongAnswer):
        call_answer(lambda x: x.zero_(), (mine,))
    assert mine.tolist() == [1, 1]
    with torch.no_grad():
        assert not call_answer(lambda: torch.is_grad_enabled(), ())
    assert call_answer(lambda: torch.is_grad_enabled(), ())


@pytest.mark.parametrize("module", ["nb02_model", "nb03_steps"])
def test_checks_that_train_load_what_an_optimizer_imports_before_the_clock_runs(monkeypatch, module):
    calls = []
    monkeypatch.setattr(answers, "load_optimizers", lambda: calls.append(1))
    runpy.run_module(f"workbook.checks.{module}")
    assert calls == [1]
