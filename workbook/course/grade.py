"""Grade what a class handed in, in one step and without a database: a row of points for each learner.

Of a submission only the answers are taken (by grade id, else by cell id, else by what they define),
everything else comes from the complete notebooks. A submission's answers live in a process of their own,
with an empty folder, limits of time and memory, and no way to other processes, connections or files
(`guard.py`); what they return is compared here. No data is loaded and nothing trained: an answer sees the
imports and definitions of the complete notebook.

Not defended:
- A reference that anybody can read can be copied: this project is public. Answers that mention the checks,
  the call stack and the like are named in the remarks.
- Where a check compares what an answer does (2.1, 2.4, 2.5, 3.1 to 3.4 and 4.5), code of the check calls it
  in the answers' process, which holds that check's whole notebook for it: an answer of notebooks 2 to 4 finds
  every reference of its notebook in memory, in those eight exercises also along the call stack. The
  references of notebook 1 are in no process that runs answers.
- Machine code gets past the guard: grade strangers' work in a container without a network.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbook.core.errors import DataError, WorkbookError
from workbook.core.whole_files import write_whole
from workbook.course.exercise_cells import Cell, exercises_of, read_cells
from workbook.course.limited_process import Limits
from workbook.course.submission import Submission, find_submissions

if TYPE_CHECKING:
    from workbook.course.judging import Verdict

PathLike = str | os.PathLike[str]
Master = dict[str, list[Cell]]  # cells by the stem of the notebook


@dataclass(frozen=True)
class Grade:
    """One learner's row.

    Attributes:
        learner: the name.
        verdicts: on all exercises of the course, in order.
        remarks: on the files as a whole.
    """

    learner: str
    verdicts: tuple[Verdict, ...]
    remarks: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """Points earned."""
        return sum(verdict.points for verdict in self.verdicts)


def grade_submissions(
    submissions: PathLike,
    notebooks: PathLike = "notebooks",
    limits: Limits | None = None,
    jobs: int | None = None,
    report: Callable[[str], None] | None = None,
) -> list[Grade]:
    """Grade all submissions below a folder; a row for each learner, by name, whatever they handed in.

    Args:
        submissions: see `find_submissions` for how files are named.
        notebooks: the complete notebooks, with solutions and hidden tests.
        limits: of a notebook's answers; the seconds are those of an exercise.
        jobs: processes at a time; as many as there are cores if not given.
        report: called with a line for each learner who is done.

    Raises:
        DataError: there are no submissions, or the complete notebooks are none.
        WorkbookError: on Windows, which has no limits of this kind.
    """
    if os.name != "posix":
        raise WorkbookError("workbook grade needs Linux or macOS; use WSL, or nbgrader (workbook course)")
    master = _read_master(Path(notebooks))
    found = find_submissions(submissions, list(master))
    grades = []
    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        for grade in pool.map(partial(_grade, master=master, limits=limits), found):
            grades.append(grade)
            if report:
                report(f"{grade.learner}: {grade.total:g}")
    return grades


def grades_csv(grades: Sequence[Grade]) -> str:
    """The table: `learner`, a column an exercise, `total`, `possible`, `remarks`.

    >>> from workbook.course.judging import Verdict
    >>> print(grades_csv([Grade("ann", (Verdict("1.1", 3, 3), Verdict("1.2", 2, 0, ["not done"])))]), end="")
    learner,1.1,1.2,total,possible,remarks
    ann,3,0,3,5,1.2: not done
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    numbers = [verdict.number for verdict in grades[0].verdicts] if grades else []
    table.writerow(["learner", *numbers, "total", "possible", "remarks"])
    for grade in grades:
        remarks = [*grade.remarks, *(f"{v.number}: {line}" for v in grade.verdicts for line in v.remarks)]
        possible = sum(verdict.possible for verdict in grade.verdicts)
        points = [f"{value:g}" for value in (*(v.points for v in grade.verdicts), grade.total, possible)]
        table.writerow([_as_text(grade.learner), *points, _as_text("; ".join(remarks))])
    return text.getvalue()


def _read_master(folder: Path) -> Master:
    files = sorted(folder.glob("*.ipynb")) or sorted(folder.glob("*/*.ipynb"))  # nbgrader's source/
    if not files:
        raise DataError(
            f"{folder}: holds no notebooks; name the folder of the complete ones with --notebooks"
        )
    master = {file.stem: read_cells(file) for file in files}
    if not any(map(exercises_of, master.values())):
        raise DataError(f"{folder}: its notebooks hold no exercise that nbgrader's metadata mark")
    for stem, cells in master.items():
        if exercises_of(cells) and not any("### BEGIN SOLUTION" in cell.source for cell in cells):
            raise DataError(
                f"{folder / stem}.ipynb: holds no solution; name the folder of the complete notebooks"
            )
    return master


def _grade(one: Submission, master: Master, limits: Limits | None) -> Grade:
    from workbook.course.judging import Verdict, judge  # torch, which the help does without

    remarks, notebooks = list(one.remarks), {}
    for stem, file in one.notebooks.items():
        if not exercises_of(master[stem]):  # a notebook to read, not to grade
            continue
        try:
            notebooks[stem] = (master[stem], read_cells(file))
        except DataError as error:
            remarks.append(str(error).replace(str(file), file.name))
    verdicts = {verdict.number: verdict for verdict in judge(list(notebooks.values()), limits)}
    everything = [exercise for cells in master.values() for exercise in exercises_of(cells)]
    row = [verdicts.get(each.number, Verdict(each.number, each.points)) for each in everything]
    return Grade(one.learner, tuple(row), tuple(remarks))


def _as_text(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell


def build(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Declare the options of `workbook grade`; returns what runs it."""
    parser.epilog = "example:\n  workbook grade submitted --csv grades.csv"
    add, limits = parser.add_argument, Limits()
    add("submissions", type=Path, help="folder of <learner>/01_data_prep.ipynb, or of <learner>_01.ipynb")
    add(
        "--csv",
        type=Path,
        required=True,
        metavar="OUT",
        help="file for the grades; replaced when all are graded",
    )
    add(
        "--notebooks",
        type=Path,
        default=Path("notebooks"),
        help="the complete notebooks (default: %(default)s)",
    )
    add("--seconds", type=float, default=limits.seconds, help="for an exercise (default: %(default)g)")
    add(
        "--memory",
        type=float,
        default=limits.memory / 2**30,
        help="GiB for a submission (default: %(default)g)",
    )
    add("--jobs", type=int, help="submissions at a time (default: one a core)")

    def run(args: argparse.Namespace) -> int:
        if args.csv.is_dir():
            raise DataError(f"{args.csv}: is a folder; name a file for the grades")
        given = Limits(seconds=args.seconds, memory=int(args.memory * 2**30))
        grades = grade_submissions(args.submissions, args.notebooks, given, args.jobs, _tell)
        try:
            write_whole(args.csv, grades_csv(grades).encode())
        except OSError as error:
            raise DataError(
                f"{args.csv}: cannot be written ({error.strerror}); choose another file"
            ) from error
        sys.stdout.write(f"{args.csv}\n")
        return 0

    return run


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
