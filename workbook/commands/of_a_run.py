"""What the verbs share that work on a finished run: its model, how its images were fitted, the device."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbook.core.errors import WorkbookError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Opened:
    """A run's model on its device.

    Attributes:
        model: with the weights that were asked for.
        size: what the run's images were fitted to, or what was asked for.
        fit: how.
        post_funcs: what adds the fields that the model takes.
        checkpoints: all weights that the run kept, by name.
        main: whether this process is the one that prints.
    """

    model: nn.Module
    size: int | None
    fit: Any
    post_funcs: list[Any]
    checkpoints: dict[str, Path]
    main: bool

    def sets(self, paths: Sequence[Path]) -> dict[str, Any]:
        """Datasets by name, as `open_sets` takes their paths, fitted as the run's images were."""
        from workbook.curation.reading import open_sets

        return open_sets(paths, size=self.size, fit=self.fit, post_func=self.post_funcs)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments that name a run and how its model is used."""
    add = parser.add_argument
    # torchrun takes --run for a short form of an option of its own, and then fails.
    add(
        "--run",
        "--run-folder",
        type=Path,
        required=True,
        dest="folder",
        metavar="DIR",
        help="folder of a run",
    )
    add(
        "--checkpoint",
        default="best",
        metavar="NAME",
        help="best, last, average, or a .safetensors file (default: %(default)s)",
    )
    add("--model-file", type=Path, metavar="FILE", help="the model's Python file, if it has moved since")
    add("--size", type=size, default=..., metavar="N", help="other size than the run's; own: the images' own")
    add("--fit", choices=["resize", "pad"], help="other fitting than the run's")
    add("--batch-size", type=positive, default=8, metavar="N", help="images at once (default: %(default)s)")
    add("--workers", type=int, metavar="N", help="threads that read ahead")
    add("--device", choices=["auto", "cpu"], default="auto", help="cpu: not the GPU (default: %(default)s)")


def size(text: str) -> int | None:
    """The side that images are fitted to; `own` leaves them as they are.

    >>> size("256"), size("own")
    (256, None)
    """
    return None if text == "own" else positive(text)


def positive(text: str) -> int:
    """A whole number from 1 up."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text}: give a whole number from 1 up")
    return int(text)


def open_run(args: argparse.Namespace) -> Opened:
    """The run that the arguments name.

    Raises:
        CheckpointError: no run of the command, or no such checkpoint.
        ModelError: its model cannot be made any more.
    """
    import workbook.core as core
    from workbook.core.checkpoint import find_weights, run_checkpoints
    from workbook.core.devices import find_device
    from workbook.core.post_funcs import find_post_funcs
    from workbook.core.scored_set import share

    notes = core.run_notes(args.folder)
    kept = run_checkpoints(args.folder)
    if args.checkpoint not in kept and not Path(args.checkpoint).exists():
        raise WorkbookError(f"--checkpoint {args.checkpoint}: the run has {', '.join(kept)}; or give a file")
    weights = kept.get(args.checkpoint) or find_weights(args.checkpoint)
    model = core.model_from_run(args.folder, weights=weights, model_file=args.model_file)
    model.to(find_device(args.device))
    return Opened(
        model,
        notes.get("size") if args.size is ... else args.size,
        args.fit or notes.get("fit", "resize"),
        find_post_funcs(notes.get("post_func", [])),
        kept,
        share()[0] == 0,
    )


def bar() -> bool | None:
    """Whether to show progress: never but on a terminal, there where there is much to do."""
    return None if sys.stderr.isatty() else False
