"""The process in which a submission's answers live; see `answers_process.py`, which asks it.

Questions are pickles from the grader, which is trusted here; replies are plain JSON, since nothing that comes
from here is trusted there. It gets one input at a time and never what is right. The checks' references are
not in it, but for notebooks with exercises that compare what an answer does and not what it returns (2 to 4:
models, training steps): these need their module, and an answer that goes looking for a reference of that
notebook can find it.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import os
import pickle
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from workbook.checks.answer import call_answer
from workbook.checks.verdict import NotDone, WrongAnswer
from workbook.course.guard import stand_guard
from workbook.course.plain import dumps
from workbook.course.trial_process import prepare, silence

Wraps = dict[str, Callable[..., Any]]


def main() -> None:
    """Read a job from the standard input, then questions, a line each; write a line for each of them.

    A job holds `prepare` (imports of the master), `wraps` (of exercises, by number: module and name),
    `memory`, `file_size` and `key`.
    """
    questions, out = os.fdopen(os.dup(0), "rb"), silence()
    job = json.loads(questions.readline())
    wraps = _load_wraps(job["wraps"])
    prepare(job)
    refused = stand_guard(os.getcwd())
    names: dict[str, Any] = {}
    _write_all(out, (json.dumps({"key": job["key"], "ready": True}) + "\n").encode())
    while line := questions.readline():
        question = pickle.loads(base64.b64decode(line))
        if "load" in question:
            names = {"__name__": "__main__"}
        began = time.monotonic()
        try:
            reply = dumps(_answer(question, names, wraps))
        except Exception as error:  # noqa: BLE001 - a container that holds itself, or has a will
            reply = dumps(
                {"wrong": f"{question['where']}: what it returns cannot be read: {type(error).__name__}"}
            )
        late = time.monotonic() - began >= question["seconds"]
        said = {"key": job["key"], "reply": reply, "late": late, "refused": refused}
        _write_all(out, (json.dumps(said) + "\n").encode())
    os._exit(0)  # waits for nothing that answers left


def _answer(question: dict[str, Any], names: dict[str, Any], wraps: Wraps) -> dict[str, Any]:
    """The reply to one question: `load` an answer's cell, or `call` what a name means by then."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    where, arguments = question["where"], question.get("arguments", ())
    function: Any
    if "load" in question:
        for source in question["given"]:
            with contextlib.suppress(Exception):  # a definition that needs data, which grading does without
                _run(source, names)
        function = partial(_run_all, question["load"], names)
    elif question["call"] not in names:
        return {"wrong": f"{where}: its cell does not define {question['call']}."}
    else:
        function = names[question["call"]]
        if callable(function) and question["exercise"] in wraps:
            function = wraps[question["exercise"]](function)
    try:
        return {"result": call_answer(function, arguments, where, question["seconds"])}
    except NotDone as error:
        return {"not done": str(error)}
    except WrongAnswer as error:
        return {"wrong": str(error)}


def _run_all(sources: list[str], names: dict[str, Any]) -> None:
    for source in sources:
        _run(source, names)


def _run(source: str, names: dict[str, Any]) -> None:
    exec(compile(source, "<answer>", "exec"), names)  # what this process is for


def _load_wraps(wanted: dict[str, tuple[str, str]]) -> Wraps:
    """The wraps of exercises; the modules they come from cannot be imported again."""
    found = {
        number: importlib.import_module(where).__dict__[name].wrap for number, (where, name) in wanted.items()
    }
    for name in [name for name in sys.modules if name.startswith("workbook.checks.nb")]:
        del sys.modules[name]
    return found


def _write_all(out: int, data: bytes) -> None:
    while data:
        data = data[os.write(out, data) :]
