"""A submission's answers from the grader's side: a process of their own, asked and not trusted."""

from __future__ import annotations

import base64
import contextlib
import pickle
import time
from collections.abc import Sequence
from typing import Any

from workbook.checks.answer import SECONDS
from workbook.checks.verdict import NotDone, WrongAnswer
from workbook.course.limited_process import LimitedProcess, Limits, Stopped
from workbook.course.plain import loads

GRACE = 5.0  # seconds, for the process to say itself that a call took too long
ENDLESS = "no answer in time. Is there a loop that never ends?"


class Lost(WrongAnswer):
    """The answers' process has ended, or had to be ended: the next exercise needs a new one."""


class AnswersProcess(LimitedProcess):
    """Loads answers and calls them, one input at a time; what they return comes back as plain data.

    Args:
        prepare: imports that the answers need, of the master.
        wraps: by exercise number, module and name of the exercises whose answers are wrapped where they live.
        limits: `seconds` are those of all calls of an exercise.
    """

    def __init__(
        self, prepare: Sequence[str], wraps: dict[str, tuple[str, str]], limits: Limits | None = None
    ) -> None:
        limits = limits or Limits()
        job = {
            "prepare": list(prepare),
            "wraps": wraps,
            "memory": limits.memory,
            "file_size": limits.file_size,
        }
        super().__init__("workbook.course.answering", job, limits)
        self._refused: list[str] = []  # all of this process
        self._told = 0
        self._ready = False
        self._end_of_exercise = 0.0

    def load(self, given: Sequence[str], sources: Sequence[str], where: str) -> None:
        """Run the cells of an answer, in a namespace of its own; raises as `call`.

        Args:
            given: definitions of the master that it may use.
            sources: of the submission, the answer's cell last.
            where: how messages begin, `Exercise 1.1`.
        """
        with contextlib.suppress(Stopped):  # `_ask` tells
            self._wait_until_ready()
        self._end_of_exercise = time.monotonic() + self.limits.seconds
        self._ask({"load": list(sources), "given": list(given), "where": where})

    def call(self, name: str, arguments: tuple[Any, ...], where: str, exercise: str = "") -> Any:
        """What the function of that name returns.

        Args:
            name: of the function.
            arguments: what it is given.
            where: how messages begin.
            exercise: number of the exercise whose wrap is put around it, if it has one.

        Raises:
            NotDone: it is still a stub.
            WrongAnswer: it fails, takes too long, or changes its input.
            Lost: the process ended, or is of no use any more.
        """
        return self._ask({"call": name, "arguments": arguments, "where": where, "exercise": exercise})

    def take_refused(self) -> list[str]:
        """What was refused since this was last asked, a line each: files outside its folder, processes."""
        fresh = self._refused[self._told :]
        self._told = len(self._refused)
        return fresh

    def _ask(self, question: dict[str, Any]) -> Any:
        where = question["where"]
        question["seconds"] = min(SECONDS, self._end_of_exercise - time.monotonic())
        if question["seconds"] <= 0:
            raise Lost(f"{where}: all inputs together take longer than {self.limits.seconds:.0f} s.")
        assert self._process.stdin is not None
        try:
            self._wait_until_ready()
            self._process.stdin.write(base64.b64encode(pickle.dumps(question)) + b"\n")
            self._process.stdin.flush()
            said = self.next_message(question["seconds"] + GRACE)
            late, self._refused = bool(said["late"]), [str(line)[:200] for line in list(said["refused"])[:20]]
            ((kind, value),) = loads(said["reply"]).items()
        except (Stopped, OSError) as error:
            told = ENDLESS if "in time" in str(error) else str(error)
            raise Lost(f"{where}: {told}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Lost(f"{where}: it writes where only the process itself should.") from None
        if late:
            raise Lost(f"{where}: {ENDLESS}")
        if kind == "not done":
            raise NotDone(str(value))
        if kind == "wrong":
            raise WrongAnswer(str(value))
        return value

    def _end(self) -> None:
        super()._end()
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # what it was not told any more
            self._process.stdin.close()

    def _wait_until_ready(self) -> None:
        if not self._ready:
            self.next_message(self.limits.start_seconds)
            self._ready = True

    def _write(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it ended before it read its job; `_read` tells
            self._process.stdin.write(self._job + b"\n")
            self._process.stdin.flush()

    def _environment(self) -> dict[str, str]:
        own = {"PYTHONHASHSEED": "0", "CUDA_VISIBLE_DEVICES": "", "TMPDIR": self._folder.name}
        return super()._environment() | own
