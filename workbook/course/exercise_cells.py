"""The cells of a notebook's exercises, and which cell of a learner's notebook holds which answer."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbook.core.errors import DataError
from workbook.course.needed_code import defined_names

MAX_BYTES = 256 * 2**20  # a notebook with 100 MB of outputs is read; whatever is larger is not one of ours
TASK = re.compile(r"^#+ Exercise (\S+) · (.+)$", re.MULTILINE)
STUB = "raise NotImplementedError"

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Cell:
    """A cell without its outputs.

    Attributes:
        kind: `"code"`, `"markdown"` or `"raw"`.
        source: its text.
        id: the cell's id, `""` where the file has none.
        grade_id: nbgrader's id, `""` for a cell without.
        solution: whether it holds an answer.
        grade: whether it checks one.
        points: of a check.
    """

    kind: str
    source: str
    id: str = ""
    grade_id: str = ""
    solution: bool = False
    grade: bool = False
    points: float = 0.0


@dataclass(frozen=True)
class ExerciseCells:
    """An exercise of the master: its answer cell and one check cell.

    Attributes:
        number: as in its heading, `"1.2"`; the check's grade id where there is no heading.
        title: from its heading.
        answer_id: grade id of the answer cell.
        check_id: grade id of the check cell.
        points: of the check.
        answer: source of the master's own answer cell, a stub or a solution.
        check: source of the check cell.
    """

    number: str
    title: str
    answer_id: str
    check_id: str
    points: float
    answer: str
    check: str


def read_cells(path: PathLike, limit: int = MAX_BYTES) -> list[Cell]:
    """Read the cells of a notebook that may have been through anybody's hands; outputs are not kept.

    Raises:
        DataError: it is no notebook of format 4, cannot be read, or is larger than `limit` bytes.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= limit else b""
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if size > limit:
        told = f"{size / 2**20:.0f} MB, more than {limit / 2**20:.0f}"
        raise DataError(f"{path}: {told}; clear its outputs and save it again")
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not a notebook, or was cut off; save it again") from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise DataError(f"{path}: has no cells; a notebook of format 4 is needed, as Jupyter saves it")
    return [_read_cell(cell) for cell in cells if isinstance(cell, dict)]


def _read_cell(cell: dict[str, Any]) -> Cell:
    source, metadata = cell.get("source", ""), cell.get("metadata")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    nbgrader = nbgrader if isinstance(nbgrader, dict) else {}
    points = nbgrader.get("points", 0)
    return Cell(
        kind=str(cell.get("cell_type", "")),
        source=source if isinstance(source, str) else "",
        id=str(cell.get("id", "")),
        grade_id=str(nbgrader.get("grade_id", "")),
        solution=nbgrader.get("solution") is True,
        grade=nbgrader.get("grade") is True,
        points=float(points) if isinstance(points, int | float) else 0.0,
    )


def exercises_of(master: Sequence[Cell]) -> list[ExerciseCells]:
    r"""The exercises of a notebook, an entry for each check cell, in order.

    >>> task = Cell("markdown", "### Exercise 1.1 · add\nAdd.")
    >>> answer = Cell("code", "def f(): ...", grade_id="ex", solution=True)
    >>> check = Cell("code", "check.f(f)", grade_id="check", grade=True, points=2)
    >>> [exercise] = exercises_of([task, answer, check])
    >>> exercise.number, exercise.title, exercise.answer_id, exercise.points
    ('1.1', 'add', 'ex', 2)
    """
    found, task, answer = [], None, None
    for cell in master:
        if cell.kind == "markdown" and (match := TASK.search(cell.source)):
            task = match.groups()
        elif cell.kind == "code" and cell.solution and not cell.grade:
            answer = cell
        elif cell.kind == "code" and cell.grade and not cell.solution and answer is not None:
            number, title = task or (cell.grade_id, "")
            found.append(
                ExerciseCells(
                    number, title, answer.grade_id, cell.grade_id, cell.points, answer.source, cell.source
                )
            )
    return found


def pick_answers(master: Sequence[Cell], submission: Sequence[Cell]) -> dict[str, str | None]:
    """The source of each answer of the master in a learner's notebook; None where it holds none.

    An answer is known by its grade id, else by its cell's id, else by what it defines, in a cell that is not
    one of the master's others. Of several, as after a cell was duplicated, the last one that is not the stub
    is taken.
    """
    code = [cell for cell in submission if cell.kind == "code"]
    answers = [cell for cell in master if cell.kind == "code" and cell.solution and not cell.grade]
    given = {cell.source.strip() for cell in master if cell.kind == "code" and not cell.solution}
    picked: dict[str, str | None] = {}
    for answer in answers:
        names = defined_names(answer.source)
        found = (
            [cell for cell in code if cell.grade_id == answer.grade_id]
            or [cell for cell in code if cell.id and cell.id == answer.id]
            or [
                cell
                for cell in code
                if cell.source.strip() not in given and names & defined_names(cell.source)
            ]
        )
        done = [cell for cell in found if STUB not in cell.source]
        picked[answer.grade_id] = (done or found)[-1].source if found else None
    return picked
