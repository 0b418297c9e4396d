"""Paths that stay inside a dataset: from files to what plans write, and back."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from workbook.core.errors import DataError


def relative_to(path: Path, root: Path) -> str:
    """A file's path relative to the dataset's root, with forward slashes.

    Raises:
        DataError: the file lies outside the root.
    """
    try:
        return Path(os.path.abspath(path)).relative_to(os.path.abspath(root)).as_posix()
    except ValueError:
        raise DataError(f"{path}: lies outside {root}; put the dataset's files below one folder") from None


def check_inside(path: str) -> PurePosixPath:
    """A path of a plan, which must stay inside the dataset.

    Raises:
        DataError: absolute, with `..`, a drive, a backslash or a NUL.
    """
    if not isinstance(path, str) or not path:
        raise DataError(f"{path!r}: is no path; write one relative to the dataset's folder")
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path or path[1:2] == ":":
        raise DataError(f"{path!r}: leaves the dataset; write a path relative to its folder")
    return pure
