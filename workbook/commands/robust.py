"""The `workbook robust` verb: a run's scores under perturbations."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from workbook.commands.of_a_run import add_run_arguments, bar, open_run
from workbook.commands.output import add_json, print_json, print_table, rows, write_csv
from workbook.core.errors import WorkbookError

EPILOG = """examples:
  workbook robust --run runs/first --data casia/test --csv robust.csv --figure robust.png
  workbook robust --run runs/first --data casia/test --perturbation jpeg --strengths 95 75 50"""


def build(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Give a parser the arguments of `workbook robust`; returns what runs it."""
    parser.epilog = EPILOG
    add_run_arguments(parser)
    add = parser.add_argument
    add("--data", nargs="+", required=True, metavar="PATH", help="as `workbook test` takes it")
    add("--perturbation", nargs="+", metavar="NAME", help="jpeg, blur, noise, resize (default: all)")
    add(
        "--strengths",
        nargs="+",
        type=float,
        metavar="X",
        help="of the one --perturbation, others than its own",
    )
    add("--seed", type=int, default=0, metavar="N", help="of what is drawn (default: %(default)s)")
    add("--csv", type=Path, metavar="OUT", help="write the table")
    add("--figure", type=Path, metavar="OUT", help="draw a curve for each perturbation, as PNG")
    add_json(parser)
    return run


def run(args: argparse.Namespace) -> int:
    """Score the run under perturbations, print the table, write the files."""
    asked = args.perturbation
    if args.strengths:
        if not asked or len(asked) != 1:
            raise WorkbookError("--strengths are of one perturbation; name it: --perturbation jpeg")
        asked = {asked[0]: [int(one) if one.is_integer() else one for one in args.strengths]}

    import pandas as pd

    from workbook.core import robustness
    from workbook.core.perturbations import find_perturbations

    find_perturbations(asked)  # refuses before the model is made
    opened = open_run(args)
    sets = opened.sets(args.data)
    tables = {
        name: robustness(
            opened.model,
            data,
            asked,
            seed=args.seed,
            batch_size=args.batch_size,
            workers=args.workers,
            progress=bar(),
        )
        for name, data in sets.items()
    }
    if not opened.main:
        return 0
    table = pd.concat([part.assign(dataset=name) for name, part in tables.items()], ignore_index=True)
    table = table[["dataset", *(column for column in table if column != "dataset")]]
    if args.csv:
        write_csv(args.csv, table)
    if args.figure:
        from workbook.show import show_robustness

        show_robustness(tables if len(tables) > 1 else tables.popitem()[1], save=args.figure)
    if args.json:
        print_json({"run": args.folder, "scores": rows(table)})
    else:
        print_table(table)
    return 0
