"""Lay out a course for nbgrader: one assignment a notebook, with its settings and a page on what to run."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat

from workbook.core.errors import DataError
from workbook.core.whole_files import write_whole
from workbook.course.exercise_cells import exercises_of, read_cells
from workbook.course.release import REPOSITORY, colab_link, set_badge

PathLike = str | os.PathLike[str]

CONFIG = '''\
"""nbgrader's settings for this course. Nothing here needs the exchange: hand out and collect as you like."""

c = get_config()  # noqa: F821 - nbgrader's
c.CourseDirectory.course_id = "imdl-workbook"
c.Execute.timeout = 1800  # seconds a cell; notebook 3 trains, and nbgrader's 30 s are not enough for it
c.Execute.iopub_timeout = 300  # a busy machine is not a broken one
c.Execute.startup_timeout = 300
c.OverwriteCells.add_missing_cells = True  # a check that a learner deleted comes back
'''

README = """\
# A course for nbgrader

{assignments}

Activate the environment that holds the workbook and nbgrader (nbgrader calls programs of it by name), and
run in this folder:

```
nbgrader validate source/{first}/{first}.ipynb    # all checks pass on the complete notebook
nbgrader generate_assignment {first}              # release/{first}: hand this out
nbgrader autograde {first}                        # runs submitted/<learner>/{first}/{first}.ipynb
nbgrader generate_feedback {first}                # feedback/<learner>/{first}: give this back
nbgrader export                                   # grades.csv
workbook grade submitted --notebooks source --csv quick.csv    # in place of the last three
```

Between the second and the third, put what you collected into `submitted/`, a folder for each learner. No
data needs to be handed out: the notebooks write the embedded dataset beside themselves. Notebooks 3 and 4
train, which takes a minute or more each time nbgrader runs them.

**Which of the two?** nbgrader runs each whole notebook as it was handed in, with its checks restored, and
keeps a database, feedback pages and manual grading. It gives nothing for a right answer whose cell was
copied or lost its metadata, and stops where an answer ends the kernel. `workbook grade` takes only the
answers, runs them in a process of their own, without a database, and gives a table.

**What is not defended.** nbgrader runs a submission with your rights: it can read your files, `source/`
among them. `workbook grade` keeps answers from files, processes and connections as far as Python can, and
judges them in another process; machine code gets past that, and an answer can copy a reference that is
public. Those of notebooks 2, 3 and 4 are even in the memory of the process that runs the answers to them,
since some of these exercises compare what an answer does. Answers that look for one are named in the
remarks. For strangers' work use a container without a network.

The hidden tests are between `### BEGIN HIDDEN TESTS` and `### END HIDDEN TESTS` in the checks of `source/`.
Their seeds are public, too: change them for your course.
"""


def make_course(out: PathLike, notebooks: PathLike = "notebooks", repo: str | None = None) -> list[Path]:
    """Lay out a course in a new or empty folder; returns the files.

    Written are `source/<notebook>/<notebook>.ipynb`, `nbgrader_config.py` and `README.md`.

    Args:
        out: the folder.
        notebooks: the complete notebooks, of which those with exercises count; outputs are left out.
        repo: GitHub address for the badges, where `release/` will be.

    Raises:
        DataError: the folder holds something, or the notebooks are no complete ones.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: holds something already, maybe grades; choose a new folder")
    files = {file: exercises_of(read_cells(file)) for file in sorted(Path(notebooks).glob("*.ipynb"))}
    files = {file: exercises for file, exercises in files.items() if exercises}
    if not files:
        raise DataError(f"{notebooks}: holds no notebook with exercises; run this at the root of the project")
    written, lines = {}, []
    for file, exercises in files.items():
        if any("### BEGIN SOLUTION" not in each.answer for each in exercises):
            raise DataError(f"{file}: is no complete notebook, with solutions; a course is made of these")
        notebook = nbformat.read(file, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        set_badge(notebook, colab_link(file.name, f"release/{file.stem}", repo or REPOSITORY))
        written[f"source/{file.stem}/{file.name}"] = nbformat.writes(notebook) + "\n"
        points = sum(each.points for each in exercises)
        lines.append(f"- `{file.stem}`: {len(exercises)} exercises, {points:g} points")
    written["nbgrader_config.py"] = CONFIG
    written["README.md"] = README.format(first=next(iter(files)).stem, assignments="\n".join(lines))
    try:
        return [write_whole(out / name, text.encode()) for name, text in written.items()]
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror}); choose another folder") from error


def build(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Declare the options of `workbook course`; returns what runs it."""
    parser.epilog = "example:\n  workbook course ../forensics-2027 --repo https://github.com/me/course"
    add = parser.add_argument
    add("folder", type=Path, help="a new folder for the course")
    add(
        "--notebooks",
        type=Path,
        default=Path("notebooks"),
        help="the complete notebooks (default: %(default)s)",
    )
    add("--repo", help="GitHub address for the Colab badges, of the repository that will hold release/")

    def run(args: argparse.Namespace) -> int:
        for path in make_course(args.folder, args.notebooks, args.repo):
            sys.stdout.write(f"{path}\n")
        return 0

    return run
