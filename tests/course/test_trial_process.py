import io
import json
import os
import sys

import pytest

from workbook.course import trial_process


def tried(answer, check="assert f(2) == 4", given=(), setup=()):
    task = {"answer": [answer], "check": check, "names": ["f"], "given": list(given), "setup": list(setup)}
    return trial_process._try(task)


DOUBLE = "def f(x): return 2 * x"


@pytest.mark.parametrize(
    ("answer", "state", "told"),
    [
        (DOUBLE, "passed", ""),
        ("def f(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()", "not done", ""),
        ("def f(x): return x", "wrong", "AssertionError"),
        ("def f(x: return", "wrong", "SyntaxError"),
        ("raise SystemExit(0)", "wrong", "SystemExit: 0"),
        ("def f(x): exit()", "wrong", "SystemExit"),
        ("def f(x): raise KeyboardInterrupt", "wrong", "KeyboardInterrupt"),
        ("def g(x): return 2 * x", "wrong", "does not define f"),
        ("class E(Exception):\n    def __str__(self): raise E\ndef f(x): raise E", "wrong", "E"),
        ("from nowhere_at_all import x", "wrong", "ModuleNotFoundError: No module"),
        ("def f(x): raise ValueError('one\\ntwo')", "wrong", "ValueError: one two"),
    ],
)
def test_what_comes_of_an_answer(answer, state, told):
    said = tried(answer)
    assert said[0] == state
    assert told in said[1]
    assert "\n" not in said[1]


def test_a_check_speaks_for_itself():
    check = "from workbook.checks.verdict import WrongAnswer\nraise WrongAnswer('Exercise 1.1:\\n  Hint')"
    assert tried(DOUBLE, check) == ("wrong", "Exercise 1.1:\n  Hint")


def test_an_answer_puts_nothing_in_the_place_of_the_checks_own_names():
    setup, check = ["def check(f): assert f(2) == 4"], "check(f)"
    assert tried(DOUBLE, check, setup=setup)[0] == "passed"
    assert tried("def f(x): return 0\ndef check(f): pass", check, setup=setup)[0] == "wrong"


def test_an_answer_sees_what_the_notebook_defines_and_what_fails_is_left_out():
    given = ["import math", "def broken(x=data): pass", "def twice(x): return 2 * x"]
    assert tried("def f(x): return twice(math.floor(x))", given=given)[0] == "passed"
    assert "NameError" in tried("def f(x): return broken(x)", given=given)[1]


def test_main_says_a_line_a_task_and_ends(monkeypatch):
    """With its own descriptors, so that what the answers print goes nowhere."""
    task = {"check": "f(2)", "names": ["f"], "given": [], "setup": []}
    tasks = [
        task | {"id": "a", "answer": ["import os\ndef f(x): os.write(1, b'loud')"]},
        task | {"id": "b", "answer": [DOUBLE]},
        task | {"id": "c", "answer": ["def f(x): raise ValueError('x' * 9999)"]},
    ]
    job = {"prepare": ["import nowhere_at_all"], "tasks": tasks, "memory": 1, "file_size": 1, "key": "k"}
    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(job).encode()))
    read, write = os.pipe()
    ended, saved = [], [os.dup(descriptor) for descriptor in (0, 1, 2)]
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(trial_process, "limit_resources", lambda *limits: ended.append(limits))
    monkeypatch.setattr(os, "_exit", ended.append)
    os.dup2(write, 1)
    try:
        trial_process.main()
    finally:
        for descriptor, old in enumerate(saved):
            os.dup2(old, descriptor)
            os.close(old)
        os.close(write)
    with os.fdopen(read) as lines:
        said = [json.loads(next(lines)) for _ in range(4)]
    assert [one["key"] for one in said] == ["k"] * 4
    assert said[0]["ready"] is True
    assert [(one["id"], one["state"], one["last"]) for one in said[1:]] == [
        ("a", "passed", False),
        ("b", "passed", False),
        ("c", "wrong", False),
    ]
    assert len(said[3]["message"]) == trial_process.CUT
    assert ended == [(1, 1), 0]
