"""The `workbook audit` verb: find faults, write a report and a plan, apply a plan; exit codes 0, 1 and 2."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from workbook.core.errors import WorkbookError
from workbook.core.pairs import write_pairs
from workbook.core.whole_files import write_whole
from workbook.curation.applying import apply_plan
from workbook.curation.copying import copy_pairs
from workbook.curation.corrections import Plan, make_plan
from workbook.curation.errata import errata_names
from workbook.curation.faults import FaultReport, find_faults
from workbook.curation.layouts import Layout, moved_layout, pair_layout, resolve_layout
from workbook.curation.strays import find_strays

CLEAN, FAULTY, WRONG_USE = 0, 1, 2
EPILOG = """exit code: 0 clean, 1 faults found, 2 wrong use or unreadable input
examples:
  workbook audit casia1 --errata casia-v1 --plan plan.json
  workbook audit casia1 --errata casia-v1 --apply plan.json --out casia1-corrected --pairs CASIA1.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of `workbook audit`."""
    parser.description = "Find every fault of a dataset of images and masks; repair a copy of it."
    parser.epilog = EPILOG
    add = parser.add_argument
    add("images", type=Path, help="folder of the images, a folder in a known layout, or a JSON file of pairs")
    add("masks", type=Path, nargs="?", help="folder of the masks")
    add("--authentic", type=Path, metavar="DIR", help="folder of authentic images")
    add("--errata", choices=errata_names(), help="known errors of a published dataset")
    add("--headers", action="store_true", help="read headers only: names, sizes, EXIF")
    add("--soft", action="store_true", help="grey values in masks are wanted (alpha mattes)")
    add("--workers", type=int, default=2, metavar="N", help="threads that decode (default: %(default)s)")
    add("--json", type=Path, metavar="OUT", help="write the report as JSON ('-': to standard output)")
    add("--plan", type=Path, metavar="OUT", help="write a plan of corrections as JSON, for review")
    add("--apply", type=Path, metavar="PLAN", help="apply a plan to a copy, and audit the copy")
    add("--out", type=Path, metavar="DIR", help="folder of the copy (with --apply)")
    add("--pairs", type=Path, metavar="OUT", help="write the pairs, of the copy with --apply, as a JSON list")
    add("--tp-gt", type=Path, metavar="DIR", help="copy the pairs, as they are, into Tp/, Gt/ and Au/ there")


def run(args: argparse.Namespace) -> int:
    """Run `workbook audit` on parsed arguments; returns 0 (clean), 1 (faults found) or 2 (wrong use).

    With `--apply` the code speaks of the copy.
    """
    try:
        return _run(args)
    except WorkbookError as error:
        sys.stderr.write(f"workbook audit: {error}\n")
    except OSError as error:
        sys.stderr.write(f"workbook audit: {error.filename or args.images}: {error.strerror or error}\n")
    return WRONG_USE


def _run(args: argparse.Namespace) -> int:
    if (args.apply is None) != (args.out is None):
        sys.stderr.write("workbook audit: --apply PLAN and --out DIR go together\n")
        return WRONG_USE
    layout = resolve_layout(args.images, args.masks, args.authentic)
    if args.apply is not None:
        apply_plan(Plan.load(args.apply), layout, args.out)
        layout = moved_layout(layout, args.out)
    report = _audit(layout, args)
    if args.json is not None:
        _write(args.json, report.to_json() + "\n")
    if args.plan is not None:
        make_plan(report).save(args.plan)
    if args.pairs is not None:
        write_pairs(pair_layout(layout).pairs, args.pairs)
    if args.tp_gt is not None:
        copy_pairs(pair_layout(layout).pairs, args.tp_gt)
    if str(args.json) != "-":
        sys.stdout.write(summary(report) + "\n")
        if strays := find_strays(layout):
            shown = ", ".join(path.name for path in strays[:3]) + (", ..." if len(strays) > 3 else "")
            sys.stdout.write(f"passed over, since they are no images: {len(strays)} files ({shown})\n")
    return CLEAN if report.clean else FAULTY


def _audit(layout: Layout, args: argparse.Namespace) -> FaultReport:
    return find_faults(
        layout, errata=args.errata, pixels=not args.headers, soft=args.soft, workers=args.workers
    )


def summary(report: FaultReport) -> str:
    """The report in a few lines: the counts, then a line a fault."""
    head = f"{report.images} images, {report.masks} masks, {report.pairs} pairs: "
    if report.clean:
        return head + "no fault found"
    lines = [head + f"{len(report.faults)} faults"]
    lines += [f"  {count:6d}  {kind}" for kind, count in report.counts().items()]
    for fault in report.faults:
        file = str(fault.image or fault.mask or "").encode("utf-8", "backslashreplace").decode()
        cause = fault.detail.get("cause") or fault.detail.get("fits") or ""
        lines.append(f"{fault.kind}: {file}{f' ({cause})' if cause else ''}: {fault.repair}")
    return "\n".join(lines)


def _write(file: Path, text: str) -> None:
    """Write a text to a file; `-` is standard output."""
    if str(file) == "-":
        sys.stdout.write(text)
    else:
        write_whole(file, text.encode())
