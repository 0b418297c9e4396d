"""Call a learner's function: on copies of the inputs, with a time limit, and see that it changes nothing."""

from __future__ import annotations

import copy
import ctypes
import linecache
import threading
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from workbook.checks.difference import difference, short
from workbook.checks.verdict import NotDone, WrongAnswer

SECONDS = 10.0
CELLS = ("ipykernel_", "ipython-input")  # what the file names of a notebook's cells hold
TRIES = 20  # to stop a thread that catches what stops it, before it is left behind


class TimeIsUp(BaseException):
    """Raised inside an answer that takes too long; no `except Exception` of the answer catches it."""


class Elsewhere:
    """An answer that lives in another process, where it is wrapped, called and limited.

    An exercise that is called with one asks it by `try_on`, and never runs it.
    """

    def try_on(self, number: str, case: tuple[Any, ...]) -> Any:
        """What the answer to that exercise makes of an input, as plain data; raises as `call_answer`."""
        raise NotImplementedError


def call_answer(answer: Any, arguments: tuple[Any, ...], where: str = "", seconds: float = SECONDS) -> Any:
    """What a learner's function returns for copies of the arguments.

    Args:
        answer: the function, which may do anything.
        arguments: what it is given; the caller's own stay as they are.
        where: how messages begin, e.g. `Exercise 1.1`.
        seconds: the time limit.

    Raises:
        NotDone: the answer raises NotImplementedError, as the stub does.
        WrongAnswer: it is no function, raises something else, takes too long, or changes what it was given.

    >>> call_answer(len, ([1, 2],))
    2
    """
    if not callable(answer):
        raise WrongAnswer(f"{where}: {short(answer)} where a function is expected.")
    given = tuple(copy.deepcopy(argument) for argument in arguments)
    result = _run(answer, given, arguments, where, seconds)
    for number, (mine, theirs) in enumerate(zip(arguments, given, strict=True), start=1):
        if _is_data(mine) and (changed := difference(mine, theirs)):
            raise WrongAnswer(
                f"{where}: the answer changes its input (argument {number}, {changed}). Work on a copy."
            )
    return result


def load_optimizers() -> None:
    """Make an optimizer: for the first one torch imports its compiler, seconds that are not the answer's."""
    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1).zero_grad()


def _run(
    answer: Callable[..., Any],
    given: tuple[Any, ...],
    arguments: tuple[Any, ...],
    where: str,
    seconds: float,
) -> Any:
    """Run with what is `given`, copies of the arguments, which an error is told with.

    In a thread, which can be told to stop on every system, also under Windows and inside a kernel.
    """
    outcome: dict[str, Any] = {}

    def work() -> None:
        torch.set_grad_enabled(grad)  # a thread begins with its own
        try:
            outcome["result"] = answer(*given)
        except TimeIsUp:
            outcome["late"] = True
        except BaseException as error:  # noqa: BLE001 - SystemExit and all else an answer may raise
            outcome["error"] = error

    threads, grad = torch.get_num_threads(), torch.is_grad_enabled()
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    tries = 0
    while thread.is_alive() and tries < TRIES:
        outcome["late"] = True
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(TimeIsUp)
        )
        thread.join(0.1)
        tries += 1
    torch.set_num_threads(threads)
    if "late" in outcome:
        raise WrongAnswer(f"{where}: no answer in time. Is there a loop that never ends?")
    error = outcome.get("error")
    if isinstance(error, NotImplementedError):
        raise NotDone(f"{where}: not done yet.") from None
    if error is not None:
        told = " ".join(str(error).split())
        inputs = ", ".join(map(short, arguments))
        lines = [f"{where}: the answer stops with {type(error).__name__}: {told}", f"  for {inputs}"]
        raise WrongAnswer("\n".join(lines + _own_line(error))) from error
    return outcome["result"]


def _own_line(error: BaseException) -> list[str]:
    """Where in its cell the answer stopped; nothing where it is no notebook's."""
    steps = traceback.extract_tb(error.__traceback__)
    own = [step for step in steps if any(mark in step.filename for mark in CELLS)]
    if not own:
        return []
    text = linecache.getline(own[-1].filename, own[-1].lineno or 0).strip()
    return [f"  in line {own[-1].lineno} of its cell: {text}"]


def _is_data(value: Any) -> bool:
    """Whether a change of the value can be seen: arrays, numbers and plain containers of them."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_data, value))
    if isinstance(value, dict):
        return all(map(_is_data, value.values()))
    return isinstance(value, (np.ndarray, torch.Tensor, int, float, str)) or value is None
