"""Files that appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def part_of(target: Path) -> Path:
    """Where a file grows until it is whole: beside it, hidden, so that no listing takes it for data."""
    # A digest, since names may be as long as the file system allows, counted in bytes.
    return target.with_name(f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:24]}.part")


def write_whole(target: Path, data: bytes) -> Path:
    """Write a file beside its place and move it there; makes its folder; returns its path."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(target)
    part.write_bytes(data)
    part.replace(target)
    return target
