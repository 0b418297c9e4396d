"""The `workbook test` verb: a run's scores on datasets."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from workbook.commands.of_a_run import add_run_arguments, bar, open_run
from workbook.commands.output import add_json, print_json, print_table, rows, write_csv

EPILOG = """exit code: 0 all images were scored, 1 some could not be read, 2 wrong use or input
examples:
  workbook test --run runs/first --data test_datasets.json --all-checkpoints --csv scores.csv
  workbook test --run runs/first --data casia/test columbia.json --protocol IMDL-BenCo --json
  torchrun --nproc_per_node=2 -m workbook test --run-folder runs/first --data casia/test"""
UNREAD = 1


def build(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Give a parser the arguments of `workbook test`; returns what runs it."""
    parser.epilog = EPILOG
    add_run_arguments(parser)
    add = parser.add_argument
    add(
        "--data",
        nargs="+",
        required=True,
        metavar="PATH",
        help="folders, JSON lists of pairs, or JSON dictionaries of names and paths (test_datasets.json)",
    )
    add("--all-checkpoints", action="store_true", help="score all weights that the run kept")
    add(
        "--protocol",
        nargs="+",
        metavar="NAME",
        help="pixel F1 as others compute it (IMDL-BenCo, MVSS-Net, ...; all)",
    )
    add("--csv", type=Path, metavar="OUT", help="write the table of scores")
    add("--images-csv", type=Path, metavar="OUT", help="write each image's scores")
    add("--latex", type=Path, metavar="OUT", help="write the table for a paper")
    add_json(parser)
    return run


def run(args: argparse.Namespace) -> int:
    """Score the run, print the table, write the files."""
    from workbook.core import evaluate
    from workbook.core.whole_files import write_whole

    opened = open_run(args)
    protocol = "all" if args.protocol == ["all"] else args.protocol
    found = evaluate(
        opened.model,
        opened.sets(args.data),
        checkpoints=opened.checkpoints if args.all_checkpoints else None,
        protocol=protocol,
        batch_size=args.batch_size,
        workers=args.workers,
        progress=bar(),
    )
    if not args.all_checkpoints:
        found.table["checkpoint"] = found.images["checkpoint"] = args.checkpoint
    if opened.main:
        if args.csv:
            write_csv(args.csv, found.table)
        if args.images_csv:
            write_csv(args.images_csv, found.images)
        if args.latex:
            write_whole(args.latex, found.to_latex().encode())
        unread = [
            {"dataset": name, "image": image, "reason": why}
            for (name, image), why in found.unreadable.items()
        ]
        if args.json:
            print_json({"run": args.folder, "scores": rows(found.table), "unreadable": unread})
        else:
            print_table(found.table)
            if unread:
                sys.stderr.write(f"workbook test: {len(unread)} images could not be read\n")
    return UNREAD if found.unreadable else 0
