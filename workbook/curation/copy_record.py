"""What a corrected copy says of itself: the plan that made it, and the state of its source."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

RECORD_FILE = ".corrections.json"  # hidden, so that no listing takes it for data


@dataclass(frozen=True)
class CopyRecord:
    """How a copy came to be.

    Attributes:
        plan: the plan's digest.
        source: the source's, from `source_digest`.
        audit: None where a plan was given; where `correct` made it, whether masks were to stay soft.
    """

    plan: str
    source: str
    audit: bool | None = None

    @classmethod
    def read(cls, folder: Path) -> CopyRecord | None:
        """The record in a folder; None where there is none, or none that can be read."""
        try:
            return cls(**json.loads((folder / RECORD_FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        """Put the record into a folder."""
        (folder / RECORD_FILE).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    def same_content(self, other: CopyRecord | None) -> bool:
        """Whether the two make the same copy, whoever asked for it."""
        return other is not None and (self.plan, self.source) == (other.plan, other.source)


def source_digest(files: Iterable[Path], root: Path) -> str:
    """The same as long as nobody touches the files: of their paths below the root, sizes and times of change.

    No file is opened. The root's own place is not part of it, so a dataset may be moved.
    """
    listing = []
    for path in files:
        try:
            status = os.stat(path)
            listing.append([os.path.relpath(path, root), status.st_size, status.st_mtime_ns])
        except (
            OSError,
            ValueError,
        ):  # a link that leads nowhere, a name that none can be: the audit's matter
            listing.append([os.path.relpath(path, root), -1, 0])
    return hashlib.sha256(json.dumps(sorted(listing)).encode()).hexdigest()
