"""Which exercises of a learner's folder pass, and which are next."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workbook.core.errors import DataError
from workbook.course.exercise_cells import exercises_of, read_cells
from workbook.course.exercise_files import exercise_files
from workbook.course.trial import NOT_DONE, PASSED, Trial, try_exercises

PathLike = str | os.PathLike[str]


def find_progress(
    folder: PathLike, masters: Mapping[str, PathLike] | None = None
) -> dict[str, list[Trial] | str]:
    """Try the answers of all the workbook's notebooks with exercises in a folder.

    The learner's code runs in limited processes (`workbook.course.trial`), never in this one, and nothing is
    written into the folder.

    Args:
        folder: where the notebooks are, with the names they came with.
        masters: the notebooks whose checks count, by name; those of the package by default.

    Returns:
        By notebook: a `Trial` an exercise, or a line that says why the notebook cannot be read.

    Raises:
        DataError: the folder is not there or holds none of the notebooks.
    """
    folder = Path(folder)
    masters = exercise_files() if masters is None else masters
    found = {name: folder / f"{name}.ipynb" for name in masters if (folder / f"{name}.ipynb").exists()}
    if not found:
        raise DataError(f"{folder}: holds none of the notebooks; workbook init {folder} lays them out")
    done: dict[str, list[Trial] | str] = {}
    for name, path in found.items():
        master = read_cells(masters[name])
        if not exercises_of(master):
            continue
        try:
            cells = read_cells(path)
        except DataError as error:
            done[name] = str(error)
        else:
            done[name] = try_exercises(master, cells)
    return done


def progress_text(done: Mapping[str, list[Trial] | str]) -> str:
    """The progress as people read it: a line a notebook and one an exercise, and what to do next."""
    lines = []
    for name, trials in done.items():
        if isinstance(trials, str):
            lines.append(f"{name}: {trials}")
            continue
        lines.append(f"{name}: {_solved(trials)} of {len(trials)} solved")
        for trial in trials:
            told = "" if trial.state in (PASSED, NOT_DONE) else ": " + trial.message.split("\n")[0]
            lines.append(f"  {trial.number} · {trial.title}: {trial.state}{told}")
    following = next_exercise(done)
    lines.append(f"next: {following}" if following else "all solved")
    return "\n".join(lines)


def progress_json(done: Mapping[str, list[Trial] | str]) -> dict[str, Any]:
    """The progress as programs read it."""
    notebooks = {
        name: {"error": trials}
        if isinstance(trials, str)
        else {
            "solved": _solved(trials),
            "of": len(trials),
            "exercises": [asdict(trial) | {"seconds": round(trial.seconds, 2)} for trial in trials],
        }
        for name, trials in done.items()
    }
    return {"notebooks": notebooks, "next": next_exercise(done)}


def next_exercise(done: Mapping[str, list[Trial] | str]) -> str | None:
    """The first exercise that does not pass, with its notebook; None when all do."""
    for name, trials in done.items():
        if isinstance(trials, str):
            return f"{name}, which cannot be read"
        for trial in trials:
            if trial.state != PASSED:
                return f"{trial.number} · {trial.title}, in {name}"
    return None


def _solved(trials: list[Trial]) -> int:
    return sum(trial.state == PASSED for trial in trials)


def build(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Declare the options of `workbook progress`; returns what runs it."""
    parser.epilog = "example:\n  workbook progress work"
    parser.add_argument("folder", type=Path, help="your folder, as workbook init laid it out")
    parser.add_argument("--json", action="store_true", help="write a JSON object")

    def run(args: argparse.Namespace) -> int:
        done = find_progress(args.folder)
        text = json.dumps(progress_json(done), indent=1) if args.json else progress_text(done)
        sys.stdout.write(text + "\n")
        return 0

    return run
