"""The `workbook` command: thin, every verb calls one library function."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

Build = Callable[[argparse.ArgumentParser], Callable[[argparse.Namespace], int]]


def main(words: Sequence[str] | None = None) -> int:
    """Run the `workbook` command; returns its exit code: 0, 2 on wrong use or input, or what a verb says."""
    words = sys.argv[1:] if words is None else words
    parser = argparse.ArgumentParser(prog="workbook", description="Datasets and notebooks of the workbook.")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, (text, build) in VERBS.items():
        verb = verbs.add_parser(name, help=text, description=text)
        if words and words[0] == name and build:  # what a verb imports is imported when it is called
            verb.set_defaults(run=build(verb))
    # The options of `train` are read off signatures, by a parser of its own.
    args = None if words[:1] == ["train"] else parser.parse_args(words)
    from workbook.core.errors import WorkbookError

    try:
        return int(args.run(args)) if args else _train(words[1:])
    except WorkbookError as error:
        sys.stderr.write(f"workbook {words[0]}: {error}\n")
        return 2


def _train(words: Sequence[str]) -> int:
    from workbook.cli_train import run

    return run(words)


def _build_sample(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    from workbook.curation.sample import MAKERS, sample

    parser.add_argument("name", choices=list(MAKERS), help="which dataset")
    parser.add_argument("root", type=Path, nargs="?", default=Path("data"), help="folder to write it into")

    def run(args: argparse.Namespace) -> int:
        sys.stdout.write(f"{sample(args.name, args.root)}\n")
        return 0

    return run


def _build_audit(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    from workbook.curation.audit import add_arguments, run

    add_arguments(parser)
    return run


def _build_notebooks(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    from workbook.course.execute import execute_notebooks

    add = parser.add_argument
    add("notebooks", type=Path, nargs="?", default=Path("notebooks"), help="folder of the notebooks")
    add(
        "--out",
        type=Path,
        default=Path("build/notebooks"),
        help="folder for all results (default: %(default)s)",
    )
    add("--data", type=Path, help="folder with Tp/ Gt/ [Au/] in place of the embedded dataset")
    add("--store", action="store_true", help="put the executed notebooks back where they came from")

    def run(args: argparse.Namespace) -> int:
        summary = execute_notebooks(args.out, args.data, args.store, args.notebooks, report=_tell)
        sys.stdout.write(json.dumps(summary, indent=1) + "\n")
        return 0

    return run


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


VERBS: dict[str, tuple[str, Build | None]] = {
    "sample": ("Write an embedded dataset.", _build_sample),
    "audit": ("Find every fault of a dataset; repair a copy of it.", _build_audit),
    "train": ("Train a model, or go on with a run.", None),
    "notebooks": ("Execute the notebooks; keep copies, figures and a summary.", _build_notebooks),
}
