"""The `workbook sample` verb: an embedded dataset on the disk."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from workbook.curation.sample import MAKERS, sample

EPILOG = """example:
  workbook sample casia-mini data"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of `workbook sample`."""
    parser.epilog = EPILOG
    parser.add_argument("name", choices=list(MAKERS), help="which dataset")
    parser.add_argument("root", type=Path, nargs="?", default=Path("data"), help="folder to write it into")


def run(args: argparse.Namespace) -> int:
    """Write the dataset and print its folder."""
    sys.stdout.write(f"{sample(args.name, args.root)}\n")
    return 0
