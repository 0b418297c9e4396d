"""Judge a submission: the master's check cells run here, the submission's answers elsewhere.

A check cell is the master's, hidden tests and all. What it calls by the name of an answer is a stand-in,
which asks the answers' process and gets plain data back: nothing of a submission ever runs where it is
judged, the answers meet hidden inputs one at a time, and never what is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from workbook.checks.answer import Elsewhere
from workbook.checks.exercise import Exercise
from workbook.checks.verdict import NotDone
from workbook.course.answers_process import AnswersProcess, Lost
from workbook.course.exercise_cells import Cell, exercises_of
from workbook.course.limited_process import Limits
from workbook.course.trial import tasks_of

# What an honest answer has no use for: worth a look by a person.
STRANGE = re.compile(
    r"workbook\.checks|\b(?:check\.|sys\.modules|_getframe|f_back|inspect|gc\.|ctypes|__subclasses__|_posixsubprocess)"
)
CUT = 500  # characters of a remark

Ask = Callable[..., Any]


@dataclass
class Verdict:
    """How one exercise went.

    Attributes:
        number: of the exercise, `"1.2"`.
        possible: points of its check.
        points: earned; all or none.
        remarks: why none, and what is strange.
    """

    number: str
    possible: float
    points: float = 0.0
    remarks: list[str] = field(default_factory=list)


class StandIn(Elsewhere):
    """An answer that lives in another process: called, or tried on an exercise's input, it is asked there.

    Args:
        ask: as `AnswersProcess.call`.
        name: of the function.
        where: how messages begin.
    """

    def __init__(self, ask: Ask, name: str, where: str) -> None:
        self._ask, self._name, self._where = ask, name, where

    def __call__(self, *arguments: Any) -> Any:
        """What it returns, as plain data."""
        return self._ask(self._name, arguments, self._where)

    def try_on(self, number: str, case: tuple[Any, ...]) -> Any:
        """See `Elsewhere`."""
        return self._ask(self._name, case, self._where, number)


def judge(
    notebooks: Sequence[tuple[Sequence[Cell], Sequence[Cell]]], limits: Limits | None = None
) -> list[Verdict]:
    """A verdict on each exercise, in order, whatever the answers do.

    Args:
        notebooks: of each notebook handed in the cells of the complete one, and of the learner's. All
        answers share
            a process, each with a namespace of its own; where one ends it, the next get a new one.
        limits: of the answers' process; the seconds are those of an exercise.
    """
    trials = [trial for master, submission in notebooks for trial in _trials(master, submission)]
    process: AnswersProcess | None = None
    with ExitStack() as stack:
        for trial in trials:
            if not trial.task["answer"]:
                continue
            if process is None:
                process = _start(trials, limits)
                stack.enter_context(process)
            lost = _judge(trial, process)
            trial.verdict.remarks += [f"refused: {line}" for line in process.take_refused()]
            if lost:
                stack.close()
                process = None
    return [trial.verdict for trial in trials]


@dataclass(frozen=True)
class _Trial:
    """A task of `tasks_of`, what the master defines for its check, and what comes of it."""

    task: dict[str, Any]
    names: dict[str, Any]
    verdict: Verdict


def _trials(master: Sequence[Cell], submission: Sequence[Cell]) -> Iterator[_Trial]:
    exercises = exercises_of(master)
    for exercise, task in zip(exercises, tasks_of(master, submission, exercises), strict=True):
        verdict = Verdict(exercise.number, exercise.points)
        verdict.remarks += _copies(submission, exercise.answer_id)
        if not task["answer"]:
            verdict.remarks.append("its cell is gone")
        elif found := sorted(set(STRANGE.findall("\n".join(task["answer"])))):
            verdict.remarks.append(f"look at it: it mentions {', '.join(found)}")
        # The references are kept out of the answers' process.
        task["given"] = [source for source in task["given"] if "workbook.checks" not in source]
        yield _Trial(task, _run(task["setup"]), verdict)


def _judge(trial: _Trial, process: AnswersProcess) -> bool:
    """Fill in a verdict; whether the process is of no use any more."""
    task, verdict = trial.task, trial.verdict
    where = f"Exercise {verdict.number}"
    try:
        process.load(task["given"], task["answer"], where)
        stand_ins = {name: StandIn(process.call, name, where) for name in task["names"]}
        exec(compile(task["check"], "<check>", "exec"), trial.names | stand_ins)  # the master's
        verdict.points = verdict.possible
    except NotDone:
        verdict.remarks.append("not done")
    except AssertionError as error:  # WrongAnswer, or a hidden assertion
        verdict.remarks.append(_line(error, where) or "a hidden test fails")
        return isinstance(error, Lost)
    except Exception as error:  # noqa: BLE001 - what the master's own code makes of a strange result
        verdict.remarks.append(f"its check stops with {type(error).__name__}: {_line(error, where)}")
    return False


def _start(trials: Sequence[_Trial], limits: Limits | None) -> AnswersProcess:
    given = {source for trial in trials for source in trial.task["given"]}
    return AnswersProcess(sorted(source for source in given if "import" in source), _wraps(trials), limits)


def _wraps(trials: Sequence[_Trial]) -> dict[str, tuple[str, str]]:
    """Where the exercises are whose answers must be wrapped where they live, by number."""
    modules = {value for trial in trials for value in trial.names.values() if isinstance(value, ModuleType)}
    return {
        each.number: (module.__name__, name)
        for module in modules
        for name, each in vars(module).items()
        if isinstance(each, Exercise) and each.wrap is not None
    }


def _run(sources: Sequence[str]) -> dict[str, Any]:
    """What the master's own statements define."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for source in sources:
        exec(compile(source, "<master>", "exec"), names)
    return names


def _copies(submission: Sequence[Cell], answer_id: str) -> list[str]:
    many = sum(cell.kind == "code" and cell.grade_id == answer_id for cell in submission)
    return [f"its cell is there {many} times; the last that is done counts"] if many > 1 else []


def _line(error: BaseException, where: str) -> str:
    text = " ".join(str(error).split())
    text = re.sub(rf"^{re.escape(where)}(?:, [^:]*)?: ", "", text)
    return text if len(text) <= CUT else text[: CUT - 4] + " ..."
