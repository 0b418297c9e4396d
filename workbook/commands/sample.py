"""The `workbook sample` verb: an embedded dataset on the disk."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from workbook.curation.sample import MAKERS, sample

EPILOG = """example:
  workbook sample casia-mini data"""


def build(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Give a parser the arguments of `workbook sample`; returns what runs it."""
    parser.epilog = EPILOG
    parser.add_argument("name", choices=list(MAKERS), help="which dataset")
    parser.add_argument("root", type=Path, nargs="?", default=Path("data"), help="folder to write it into")
    return run


def run(args: argparse.Namespace) -> int:
    """Write the dataset and print its folder."""
    sys.stdout.write(f"{sample(args.name, args.root)}\n")
    return 0
