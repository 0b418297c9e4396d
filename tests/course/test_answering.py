"""The work of the answers' process, called here: its questions and replies, without the pipes."""

import pytest
import torch

from workbook.course.answering import _answer, _load_wraps

SOURCE = """
import random
import numpy, torch
def double(x): return 2 * x
def stub(x): raise NotImplementedError()
def guess(): return random.random(), numpy.random.rand(), torch.rand(1).item()
not_a_function = 3
"""


@pytest.fixture
def names():
    names = {"__name__": "__main__"}
    given = ["factor = 2", "broken = data[0]"]
    question = {"load": [SOURCE], "given": given, "where": "Exercise 1.1", "seconds": 5}
    assert _answer(question, names, {}) == {"result": None}
    assert names["factor"] == 2
    return names


def ask(names, call, *arguments, exercise="", wraps=None):
    question = {"call": call, "arguments": arguments, "where": "Exercise 1.1", "seconds": 5}
    return _answer(question | {"exercise": exercise}, names, wraps or {})


def test_what_is_loaded_is_called(names):
    assert ask(names, "double", 4) == {"result": 8}
    assert ask(names, "double", 4, exercise="1.1", wraps={"1.1": lambda f: lambda x: -f(x)}) == {"result": -8}


def test_what_cannot_be_called_is_told(names):
    assert ask(names, "stub", 1) == {"not done": "Exercise 1.1: not done yet."}
    assert ask(names, "gone", 1) == {"wrong": "Exercise 1.1: its cell does not define gone."}
    for wraps in ({}, {"1.1": lambda f: lambda x: f(x)}):
        told = ask(names, "not_a_function", 1, exercise="1.1", wraps=wraps)
        assert "3 where a function is expected" in told["wrong"]
    assert "TypeError" in ask(names, "double")["wrong"]


def test_chance_is_the_same_each_time(names):
    first = ask(names, "guess")
    assert ask(names, "guess") == first


def test_a_cell_that_fails_is_told():
    question = {"load": ["raise SystemExit"], "given": [], "where": "Exercise 1.1", "seconds": 5}
    assert "SystemExit" in _answer(question, {}, {})["wrong"]


def test_wraps_come_from_their_module_which_is_then_forgotten(monkeypatch):
    import sys

    for name in [name for name in sys.modules if name.startswith("workbook.checks.nb")]:
        monkeypatch.setitem(sys.modules, name, sys.modules[name])  # put back afterwards
    wrap = _load_wraps({"2.4": ("workbook.checks.nb02_model", "soft_iou")})["2.4"]
    found = wrap(lambda pred_mask, mask: (pred_mask * mask).sum())(torch.ones(2), torch.ones(2))
    assert found["loss"] == 2
    assert "workbook.checks.nb02_model" not in sys.modules
