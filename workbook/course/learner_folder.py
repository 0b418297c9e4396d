"""Lay out a learner's folder: exercises, a model to change, lists of datasets; what is there is not lost."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from importlib import resources
from itertools import count
from pathlib import Path
from typing import Literal

from workbook.core.errors import DataError, WorkbookError
from workbook.core.whole_files import write_whole
from workbook.course.exercise_files import exercise_files

TEMPLATES = {
    "my_model.py": "my_model.py.txt",  # no module of this package
    "test_datasets.json": "test_datasets.json",
    "balanced_dataset.json": "balanced_dataset.json",
    "README.md": "README.md",
}
Differing = Literal["replace", "keep", "ask"]

PathLike = str | os.PathLike[str]


def learner_files() -> dict[str, bytes]:
    """What a new folder holds: the bytes of each file, by name."""
    files = {path.name: path.read_bytes() for path in exercise_files().values()}
    folder = resources.files("workbook.course") / "learner_files"
    return files | {name: (folder / source).read_bytes() for name, source in TEMPLATES.items()}


def lay_out(
    folder: PathLike, differing: Differing = "keep", ask: Callable[[str], bool] | None = None
) -> dict[str, str]:
    """Lay out a learner's folder, or bring one up to date.

    All questions come first: whoever breaks off has changed nothing. What is replaced stays as `<name>.bak`
    (`.bak2` and so on where there is one); each file appears whole.

    Args:
        folder: made when missing.
        differing: what becomes of a file that is there and differs.
        ask: called with the name of such a file if `differing` is `"ask"`; whether to replace it.

    Returns:
        What became of each file: `"new"`, `"unchanged"`, `"kept"` or `"replaced, yours is in <name>.bak"`.

    Raises:
        DataError: the folder is a file or cannot be written, or one of the names is a folder.
        WorkbookError: files differ, and there is nobody to ask; nothing was written.
    """
    folder = Path(folder)
    files = learner_files()
    try:
        old = {name: (folder / name).read_bytes() for name in files if os.path.lexists(folder / name)}
        differ = [name for name, data in files.items() if name in old and old[name] != data]
        if differ and differing == "ask" and ask is None:
            raise WorkbookError(
                f"{folder}: {', '.join(differ)} would be replaced; give --keep or --yes (a backup is made)"
            )
        replace = {
            name for name in differ if differing == "replace" or (differing == "ask" and ask and ask(name))
        }
        return {
            name: _put(folder / name, data, old.get(name), name in replace) for name, data in files.items()
        }
    except OSError as error:
        place = error.filename or folder
        raise DataError(f"{place}: cannot be used ({error.strerror}); choose another folder") from error


def _put(path: Path, data: bytes, old: bytes | None, replace: bool) -> str:
    """Write one file; returns what became of it."""
    if old == data:
        return "unchanged"
    if old is None:
        write_whole(path, data)
        return "new"
    if not replace:
        return "kept"
    backup = next(place for place in _backups(path) if not os.path.lexists(place))
    write_whole(backup, old)
    write_whole(path, data)
    return f"replaced, yours is in {backup.name}"


def _backups(path: Path) -> Iterator[Path]:
    yield path.with_name(f"{path.name}.bak")
    for number in count(2):
        yield path.with_name(f"{path.name}.bak{number}")


def build(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Declare the options of `workbook init`; returns what runs it."""
    parser.epilog = "example:\n  workbook init work"
    parser.add_argument("folder", type=Path, help="your folder; made when missing")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--yes", action="store_true", help="replace what differs; yours stays as <name>.bak")
    either.add_argument("--keep", action="store_true", help="leave what differs as it is")

    def run(args: argparse.Namespace) -> int:
        differing: Differing = "replace" if args.yes else "keep" if args.keep else "ask"
        done = lay_out(args.folder, differing, _ask if sys.stdin.isatty() else None)
        for name, what in done.items():
            sys.stdout.write(f"{args.folder / name}: {what}\n")
        return 0

    return run


def _ask(name: str) -> bool:
    sys.stderr.write(f"{name} differs. Replace it? Yours stays as {name}.bak. [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
