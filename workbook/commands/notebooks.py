"""The `workbook notebooks` verb: a headless run of the notebooks."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

EPILOG = """example:
  workbook notebooks --data casia --out build/casia"""


def build(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Give a parser the arguments of `workbook notebooks`; returns what runs it."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("notebooks", type=Path, nargs="?", default=Path("notebooks"), help="folder of the notebooks")
    add(
        "--out",
        type=Path,
        default=Path("build/notebooks"),
        help="folder for all results (default: %(default)s)",
    )
    add("--data", type=Path, help="folder with Tp/ Gt/ [Au/] in place of the embedded dataset")
    add("--portraits", type=Path, help="folder of portraits in place of notebook 5's embedded ones")
    add("--store", action="store_true", help="put the executed notebooks back where they came from")
    return run


def run(args: argparse.Namespace) -> int:
    """Execute the notebooks and print their summary as JSON."""
    from workbook.course.execute import execute_notebooks  # and with it Jupyter

    summary = execute_notebooks(
        args.out, args.data, args.store, args.notebooks, report=_tell, portraits=args.portraits
    )
    sys.stdout.write(json.dumps(summary, indent=1) + "\n")
    return 0


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
