"""Cut the learner's copies: the notebooks without solutions and outputs, with nbgrader's locks."""

from __future__ import annotations

import argparse
import copy
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from workbook.core.errors import DataError, WorkbookError
from workbook.core.whole_files import write_whole

REPOSITORY = "https://github.com/imdl-workbook/workbook"
FOLDER = "exercises"
COLAB = "https://colab.research.google.com"
GITHUB = re.compile(
    r"https://github\.com/(?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?(?:/tree/(?P<branch>[^\s?#]+?))?/?"
)
# In the order of nbgrader's own generate_assignment: what is cut from a check is not in its checksum.
STEPS = (
    "CheckCellMetadata",
    "LockCells",
    "ClearSolutions",
    "ClearOutput",
    "ClearHiddenTests",
    "ClearMarkScheme",
    "ComputeChecksums",
    "CheckCellMetadata",
)

PathLike = str | os.PathLike[str]


def learner_copy(
    notebook: NotebookNode, name: str, folder: str = FOLDER, repo: str = REPOSITORY
) -> NotebookNode:
    """The learner's copy of a complete notebook; the notebook itself stays as it is.

    nbgrader's own steps cut the solutions, hidden tests and outputs, lock the cells and write the
    checksums, so the copy is what `nbgrader generate_assignment` makes of it; on top comes a badge for Colab.

    Args:
        notebook: complete, with solutions, nbgrader's metadata and maybe outputs.
        name: of its file, `01_data_prep.ipynb`; errors name it, the badge links to it.
        folder: where the copy lies in the repository, `""` for its root.
        repo: the repository's address on GitHub, maybe with `/tree/<branch>`; the branch is `main` otherwise.

    Raises:
        WorkbookError: nbgrader is not installed.
        DataError: a solution has no end, nbgrader's metadata are wrong, or `repo` is not on GitHub.
    """
    link = colab_link(name, folder, repo)
    released = copy.deepcopy(notebook)
    for step in _steps():
        try:
            released, _ = step.preprocess(released, {})
        except Exception as error:  # RuntimeError, ValidationError, KeyError, ...
            why = " ".join(str(error).split()) or type(error).__name__
            raise DataError(f"{name}: nbgrader's {type(step).__name__} refuses it: {why}") from error
    for cell in released.cells:
        if cell.cell_type == "code":
            cell.metadata.pop("execution", None)  # when it ran
    set_badge(released, link)
    return released


def colab_link(name: str, folder: str = FOLDER, repo: str = REPOSITORY) -> str:
    """The address that opens a notebook of a GitHub repository in Colab.

    >>> colab_link("03_train.ipynb", "week-3", "https://github.com/prof/course")
    'https://colab.research.google.com/github/prof/course/blob/main/week-3/03_train.ipynb'
    """
    match = GITHUB.fullmatch(repo)
    if not match:
        raise DataError(
            f"{repo}: Colab opens notebooks of https://github.com/OWNER/NAME[/tree/BRANCH]; give that"
        )
    path = "/".join([*filter(None, folder.split("/")), name])
    return f"{COLAB}/github/{match['name']}/blob/{match['branch'] or 'main'}/{path}"


def release_bytes(source: PathLike, folder: str = FOLDER, repo: str = REPOSITORY) -> dict[str, bytes]:
    """The learner's copies of all notebooks of a folder as bytes, always the same, by file name.

    Raises:
        DataError: the folder holds no notebook, or one of them cannot be read or cut; names it.
        WorkbookError: nbgrader is not installed.
    """
    files = sorted(Path(source).glob("*.ipynb"))
    if not files:
        raise DataError(f"{source}: holds no notebooks; run this at the root of the project")
    copies = {}
    for file in files:
        try:
            notebook = nbformat.read(file, as_version=4)
        except (OSError, ValueError, AttributeError, nbformat.ValidationError) as error:
            raise DataError(f"{file}: cannot be read as a notebook ({type(error).__name__})") from error
        text = nbformat.writes(learner_copy(notebook, file.name, folder, repo))
        copies[file.name] = (text.rstrip("\n") + "\n").encode()
    return copies


def release(source: PathLike, out: PathLike, repo: str | None = None) -> list[Path]:
    """Write the learner's copies of all notebooks of a folder into another; returns their paths.

    Nothing is written unless all of them can be cut. Other files in `out` stay.

    Raises:
        DataError: as `release_bytes`; or `out` is the source's own folder, or cannot be written.
        WorkbookError: nbgrader is not installed.
    """
    out = Path(out)
    if os.path.realpath(out) == os.path.realpath(source):
        raise DataError(
            f"{out}: holds the complete notebooks, which a release would replace; choose another OUT"
        )
    copies = release_bytes(source, place_in_repository(out), repo or REPOSITORY)
    try:
        return [write_whole(out / name, data) for name, data in copies.items()]
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror}); choose another folder") from error


def place_in_repository(folder: PathLike) -> str:
    """A folder's path from the root of the git checkout it lies in; its name where it lies in none."""
    whole = Path(os.path.abspath(folder))
    for root in whole.parents:
        if (root / ".git").exists():
            return whole.relative_to(root).as_posix()
    return "" if (whole / ".git").exists() else whole.name


def _steps() -> list[Any]:
    try:
        from nbgrader import preprocessors
    except ImportError as error:
        raise WorkbookError(
            "nbgrader is not installed; pip install 'imdl-workbook[teach]' brings it"
        ) from error
    return [getattr(preprocessors, step)() for step in STEPS]


def set_badge(notebook: NotebookNode, link: str) -> None:
    """Put the badge below the title, in place of one that is there."""
    first = next((cell for cell in notebook.cells if cell.cell_type == "markdown"), None)
    if first is None:
        return
    badge = f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({link})"
    lines = [line for line in first.source.split("\n") if f"]({COLAB}/github/" not in line]
    title, rest = lines[0], "\n".join(lines[1:]).strip("\n")
    first.source = "\n\n".join(filter(None, [title, badge, rest]))


def build(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Declare the options of `workbook release`; returns what runs it."""
    parser.epilog = "example:\n  workbook release --repo https://github.com/me/course --out exercises"
    add = parser.add_argument
    add("notebooks", type=Path, nargs="?", default=Path("notebooks"), help="folder of the complete notebooks")
    add(
        "--out",
        type=Path,
        default=Path(FOLDER),
        help="folder for the learner's copies (default: %(default)s)",
    )
    add("--repo", help="GitHub address that the Colab badges point to, where OUT will lie in your repository")

    def run(args: argparse.Namespace) -> int:
        for path in release(args.notebooks, args.out, args.repo):
            sys.stdout.write(f"{path}\n")
        return 0

    return run
