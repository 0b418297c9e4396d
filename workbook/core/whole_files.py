"""Files that appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PathLike = str | os.PathLike[str]


def part_of(target: PathLike) -> Path:
    """Where a file grows until it is whole: beside it, hidden, so that no listing takes it for data."""
    # A digest, since names may be as long as the file system allows, counted in bytes.
    target = Path(target)
    return target.with_name(f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:24]}.part")


@contextmanager
def growing(target: PathLike) -> Iterator[Path]:
    """A context in which a file is written at the path given; then it takes the target's place.

    At any moment, one of a power cut too, the target has its old or its new content. Its folder is made. When
    the writing fails nothing is left of it.

    Raises:
        OSError: it cannot be written; `filename` is the target's. Other errors of the writing pass through.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with growing(Path(folder, "a.txt")) as part:
    ...         written = part.write_text("whole")
    ...     Path(folder, "a.txt").read_text()
    'whole'
    """
    target = Path(target)
    part = part_of(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        mode = part.stat().st_mode
        yield part
        with suppress(OSError):  # a file system without permissions has none to keep
            part.chmod(mode)  # what files have here: a library's own file may shut others out
        with part.open("rb+") as opened:
            os.fsync(opened.fileno())
        part.replace(target)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise


def write_whole(target: PathLike, content: bytes) -> Path:
    """Write a file, whole or not at all; see `growing`. Returns its path.

    Raises:
        OSError: it cannot be written; the old content stands.
    """
    target = Path(target)
    with growing(target) as part:
        part.write_bytes(content)
    return target
