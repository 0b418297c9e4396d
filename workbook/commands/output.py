"""What verbs print and write: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def plain(value: Any) -> Any:
    """A value as JSON knows it: what is not a number is null, a path its text.

    >>> plain({"f1": float("nan"), "file": Path("a.png"), "sizes": (1, 2)})
    {'f1': None, 'file': 'a.png', 'sizes': [1, 2]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item") and not isinstance(value, bool | int | float | str):
        value = value.item()  # of numpy
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_json(content: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(plain(content), indent=1, ensure_ascii=False) + "\n")


def print_table(table: pd.DataFrame) -> None:
    """Print a table's rows under its columns' names."""
    sys.stdout.write(table.round(4).to_string(index=False, na_rep="-") + "\n")


def write_csv(file: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, whole or not at all."""
    from workbook.core.whole_files import write_whole

    write_whole(file, table.to_csv(index=False).encode())


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option that all verbs share whose output a program may want."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def rows(table: pd.DataFrame) -> Sequence[Mapping[str, Any]]:
    """A table's rows as dictionaries."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
