"""What learners handed in: which file is whose, and which notebook it is."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workbook.core.errors import DataError

PathLike = str | os.PathLike[str]


@dataclass
class Submission:
    """One learner's files.

    Attributes:
        learner: the name of the folder, or what stands before the notebook's number in a file's name.
        notebooks: of each notebook handed in its file, by the stem of the complete notebook.
        remarks: what is strange about the files.
    """

    learner: str
    notebooks: dict[str, Path] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def find_submissions(folder: PathLike, stems: Sequence[str]) -> list[Submission]:
    """The submissions below a folder, by learner.

    A learner's files are in a folder of that learner's name, at any depth, or lie flat in `folder` as
    `<learner>_01.ipynb`. A notebook goes by its stem or its number: `01_data_prep.ipynb`, `01.ipynb` and
    `01_data_prep (1).ipynb` are all the first.

    Args:
        folder: what was collected.
        stems: of the complete notebooks, `01_data_prep` and so on.

    Raises:
        DataError: the folder does not exist or holds nothing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; name the one with a folder or file for each learner")
    found: dict[str, Submission] = {}
    for place in sorted(folder.iterdir()):
        if place.name.startswith("."):
            continue
        if place.is_dir():
            one = found.setdefault(place.name, Submission(place.name))
            for file in sorted(path for path in place.rglob("*") if path.is_file()):
                if not any(part.startswith(".") for part in file.relative_to(place).parts):
                    _add(one, file, file.stem, stems)
            continue
        numbers = "|".join(re.escape(stem.split("_")[0]) for stem in stems)
        match = re.fullmatch(rf"(.+?)[_-]((?:{numbers})(?!\d).*)", place.stem)
        learner, stem = match.groups() if match else (place.stem, "")
        _add(found.setdefault(learner, Submission(learner)), place, stem, stems)
    if not found:
        raise DataError(f"{folder}: holds no submission; it needs a folder or a file for each learner")
    return sorted(found.values(), key=lambda each: each.learner)


def _add(one: Submission, file: Path, stem: str, stems: Sequence[str]) -> None:
    """Note a file as the notebook that its name says."""
    wanted = [each for each in stems if re.match(rf"{re.escape(each.split('_')[0])}(?!\d)", stem)]
    if file.suffix != ".ipynb" or not wanted:
        if file.suffix == ".ipynb" or wanted:
            one.remarks.append(f"{file.name} is no notebook of this course")
        return
    before = one.notebooks.get(wanted[0])
    if before is not None:
        one.remarks.append(f"{before.name} and {file.name} are the same notebook; the last changed counts")
        if (file.stat().st_mtime_ns, file.name) < (before.stat().st_mtime_ns, before.name):
            return
    one.notebooks[wanted[0]] = file
