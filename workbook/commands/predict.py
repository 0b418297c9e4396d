"""The `workbook predict` verb: maps and masks of images, as PNG files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from workbook.commands.of_a_run import add_run_arguments, bar, open_run
from workbook.commands.output import add_json, print_json

EPILOG = """writes IMAGE_prob.png (probabilities as levels 0 to 255) and IMAGE_pred.png (255 where marked)
exit code: 0 all done, 1 some images cannot be read, the others are done, 2 wrong use or no image at all
examples:
  workbook predict --run runs/first photo.jpg --out found --overlay
  workbook predict --run runs/first folder --out found --tile 512 --json"""
UNREAD = 1


def build(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Give a parser the arguments of `workbook predict`; returns what runs it."""
    parser.epilog = EPILOG
    add_run_arguments(parser)
    add = parser.add_argument
    add(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="images, folders of images, or one JSON list of pairs",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="folder of the maps; not that of the images")
    add(
        "--tile",
        type=int,
        metavar="N",
        help="predict in overlapping tiles of this side, at the images' own size",
    )
    add("--threshold", type=float, default=0.5, help="a pixel is marked above it (default: %(default)s)")
    add("--overlay", action="store_true", help="write IMAGE_overlay.png too")
    add_json(parser)
    return run


def run(args: argparse.Namespace) -> int:
    """Predict, write the files, print a line an image as it is done."""
    from workbook.core import iter_predict
    from workbook.core.errors import DataError

    opened = open_run(args)
    unread: dict[str, str] = {}
    done = []
    for one in iter_predict(
        opened.model,
        args.files[0] if len(args.files) == 1 else args.files,
        size=None if args.tile else opened.size,
        fit=opened.fit,
        tile=args.tile,
        batch_size=args.batch_size,
        threshold=args.threshold,
        save=args.out,
        workers=args.workers,
        progress=bar(),
        post_funcs=opened.post_funcs,
        unreadable=unread,
    ):
        kinds = ["prob", "pred"]
        if args.overlay:
            from workbook.show import save_overlays

            save_overlays([one], args.out)
            kinds.append("overlay")
        row = {"image": one.path or one.name, "score": one.score, "marked": float(one.marked.float().mean())}
        done.append(row | {kind: args.out / f"{one.stem}_{kind}.png" for kind in kinds})
        if not args.json:
            said = f"score {row['score']:.4f}, {row['marked']:.1%} marked"
            sys.stdout.write(f"{row['image']}: {said}: {done[-1]['pred']}\n")
    if unread and not done:
        raise DataError(f"no image can be read; the first: {next(iter(unread.values()))}")
    if args.json:
        failed = [{"image": name, "reason": why} for name, why in unread.items()]
        print_json({"run": args.folder, "images": done, "unreadable": failed})
    elif unread:
        sys.stderr.write(f"workbook predict: {len(unread)} images could not be read\n")
    return UNREAD if unread else 0
