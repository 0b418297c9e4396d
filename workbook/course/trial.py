"""Try a learner's answers: one notebook's exercises, in a limited process of their own.

Only the answers, and import statements of other cells, are the learner's; imports, definitions and checks are
the master's. An answer sees the definitions that stand above its check and not the results of cells: no data
is loaded, nothing is trained. What is not defended: answer and check share a process, so an answer written to
deceive can look for the check's reference, or change the check. Whoever grades reads the answers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbook.course.exercise_cells import Cell, ExerciseCells, exercises_of, pick_answers
from workbook.course.limited_process import LimitedProcess, Limits, Stopped
from workbook.course.needed_code import defined_names, imports_and_definitions, needed, used_names

PASSED, NOT_DONE, WRONG = STATES = ("passed", "not done", "wrong")


@dataclass(frozen=True)
class Trial:
    """What came of one exercise.

    Attributes:
        number: `"1.2"`.
        title: a few words.
        check_id: grade id of its check.
        points: of the check.
        state: `"passed"`, `"not done"` or `"wrong"`.
        message: what the check says, or why the answer was stopped; `""` when passed.
        seconds: by the clock.
    """

    number: str
    title: str
    check_id: str
    points: float
    state: str
    message: str
    seconds: float

    @property
    def earned(self) -> float:
        """The points, of a check that passed."""
        return self.points if self.state == PASSED else 0.0


def try_exercises(
    master: Sequence[Cell], submission: Sequence[Cell], limits: Limits | None = None
) -> list[Trial]:
    """Try all exercises of a notebook; an entry for each check cell of the master, in order.

    Whatever the submission does is told in its entry: nothing of it is run here.

    Args:
        master: cells of the complete notebook, or of its released copy.
        submission: cells of the learner's.
        limits: of the process; the time is that of an exercise.
    """
    limits = limits or Limits()
    exercises = exercises_of(master)
    tasks = tasks_of(master, submission, exercises)
    results: dict[str, tuple[str, str, float]] = {}
    left = [task for task in tasks if task["answer"]]
    while left:
        results |= _try_in_process(left, limits)
        left = [task for task in left if task["id"] not in results]
    missing = (NOT_DONE, "the answer's cell is not in the notebook", 0.0)
    return [
        Trial(
            exercise.number,
            exercise.title,
            exercise.check_id,
            exercise.points,
            *results.get(exercise.check_id, missing),
        )
        for exercise in exercises
    ]


def tasks_of(
    master: Sequence[Cell], submission: Sequence[Cell], exercises: Sequence[ExerciseCells]
) -> list[dict[str, Any]]:
    """What the process is to run for each exercise, and no more than the answer and its check need."""
    answers = pick_answers(master, submission)
    taken = set(answers.values())
    added = [
        source
        for cell in submission
        if cell.kind == "code" and cell.source not in taken
        for source in imports_and_definitions(cell.source, definitions=False)
    ]
    places = {cell.grade_id: place for place, cell in enumerate(master) if cell.grade}
    tasks = []
    for exercise in exercises:
        answer = answers[exercise.answer_id]
        above = [
            cell
            for cell in master[: places[exercise.check_id]]
            if cell.kind == "code" and not cell.solution and not cell.grade
        ]
        ours = [source for cell in above for source in imports_and_definitions(cell.source)]
        bound = set().union(*map(defined_names, ours))
        names = sorted(defined_names(exercise.answer) & used_names(exercise.check))
        theirs = [source for source in added if not defined_names(source) <= bound]
        theirs += [
            source for source in answers.values() if source and not defined_names(source) & {*names, *bound}
        ]
        providers = needed([answer or ""], [*ours, *theirs])
        tasks.append(
            {
                "id": exercise.check_id,
                "given": [source for source in providers if source in ours],
                "answer": [*(source for source in providers if source in theirs), answer] if answer else [],
                "names": names,
                "setup": needed([exercise.check], ours),
                "check": exercise.check,
            }
        )
    return tasks


def _try_in_process(tasks: list[dict[str, Any]], limits: Limits) -> dict[str, tuple[str, str, float]]:
    """The results of as many tasks as one process lives for, one at least."""
    prepare = sorted({source for task in tasks for source in [*task["given"], *task["setup"]]})
    job = {"prepare": prepare, "tasks": tasks, "memory": limits.memory, "file_size": limits.file_size}
    results: dict[str, tuple[str, str, float]] = {}
    with LimitedProcess("workbook.course.trial_process", job, limits) as process:
        process.next_message(limits.start_seconds)
        for task in tasks:
            started = time.monotonic()
            try:
                said = process.next_message(limits.seconds)
            except Stopped as error:
                results[task["id"]] = (WRONG, f"stopped: {error}", time.monotonic() - started)
                break
            state = said["state"] if said.get("state") in STATES and said.get("id") == task["id"] else WRONG
            results[task["id"]] = (state, str(said.get("message", "")), time.monotonic() - started)
            if said.get("last"):
                break
    return results
