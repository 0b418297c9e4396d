"""How long does `workbook grade` take for a class, and are the grades the same the second time?

A class is made up: each learner hands in all notebooks, with answers that are right, still stubs, or
wrong in one of three ways (nothing returned, an exception, an endless loop at one exercise of every
tenth learner). All is graded twice. Told are the seconds by the clock, those of the processors, and
whether the two tables are equal; on a machine with other work, look at the processor seconds, divided by
the cores.

    python benchmarks/grading.py --submissions 30 --jobs 2
"""

from __future__ import annotations

import argparse
import copy
import os
import re
import resource
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np

from workbook.course.grade import grade_submissions, grades_csv

ROOT = Path(__file__).parents[1]
SOLUTION = re.compile(r"### BEGIN SOLUTION.*### END SOLUTION", re.DOTALL)
LINES = {
    "not done": "raise NotImplementedError()",
    "nothing": "return None",
    "exception": "return undefined_name",
    "endless": "while True: pass",
}


def hand_in(folder, number, notebooks, rng):
    """Write one learner's notebooks; returns the points that these answers should earn."""
    earned = 0.0
    loops = int(rng.integers(22)) if number % 10 == 9 else None
    place = 0
    for name, complete in notebooks.items():
        mine = copy.deepcopy(complete)
        for cell in mine.cells:
            marks = cell.metadata.get("nbgrader", {})
            if marks.get("solution"):
                kind = rng.choice(["right", "not done", "nothing", "exception"], p=[0.7, 0.1, 0.1, 0.1])
                kind = "endless" if place == loops else kind
                if kind != "right":
                    cell.source = SOLUTION.sub(LINES[kind], cell.source)
                place += 1
            elif marks.get("grade"):
                earned += marks.points * (kind == "right")
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(mine, folder / name)
    return earned


def spent():
    """Seconds of the processors, of this process and of those it has ended."""
    of = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in of)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--submissions", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    files = sorted((ROOT / "notebooks").glob("*.ipynb"))
    notebooks = {file.name: nbformat.read(file, as_version=4) for file in files}
    rng, tables = np.random.default_rng(0), []
    with tempfile.TemporaryDirectory() as root:
        names = [f"learner{number:02d}" for number in range(args.submissions)]
        wanted = [hand_in(Path(root, name), number, notebooks, rng) for number, name in enumerate(names)]
        print("| run | submissions | jobs | seconds | processor seconds | load before |")
        print("|---|---|---|---|---|---|")
        for run in (1, 2):
            load, began, used = os.getloadavg()[0], time.monotonic(), spent()
            grades = grade_submissions(root, ROOT / "notebooks", jobs=args.jobs)
            tables.append(grades_csv(grades))
            row = (
                run,
                args.submissions,
                args.jobs,
                f"{time.monotonic() - began:.0f}",
                f"{spent() - used:.0f}",
            )
            print(f"| {' | '.join(map(str, row))} | {load:.1f} |", flush=True)
            wrong = [g.learner for g, points in zip(grades, wanted, strict=True) if g.total != points]
            print(f"\nGraded otherwise than they were made: {wrong or 'none'}.\n")
    print(f"The same table twice: {tables[0] == tables[1]}.")


if __name__ == "__main__":
    main()
