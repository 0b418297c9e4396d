"""The training view of a notebook: curves and a strip of predictions that change while the model trains."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from workbook.core.progress import NOT_SCORES, Clock, Row, RunInfo, StepReport, TextView, clock, size, summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 1000  # of the loss curve; beyond, every second one is dropped


class LiveView:
    """Below the cell a bar, the last summary, and a figure: loss, scores, predictions on fixed images.

    Outside of a notebook it is a `TextView`.

    Args:
        share: of the training's time that drawing may take: the longer a drawing takes, the rarer it is.
            The last state is always drawn.
        images: how many of the pictures are shown.

    >>> view = LiveView()
    >>> view.start(RunInfo("first", epochs=2, steps=10))
    """

    def __init__(self, *, share: float = 0.01, images: int = 4) -> None:
        self.share, self.images = share, images
        self.figure: Figure | None = None
        self.drawn = 0
        self._handle: Any = None
        self._words: Any = None
        self._text: TextView | None = None
        self._ready = self._told = (
            0.0  # the moments from which the next drawing, and telling, is within its share
        )

    def start(self, run: RunInfo) -> None:
        """Begin a figure of the epochs that are done already."""
        self._run = run
        self._rows: list[Row] = list(run.rows)
        self._losses: list[tuple[float, float]] = []  # (epochs done, loss)
        self._pictures: dict[str, torch.Tensor] = {}
        self._report: StepReport | None = None
        self._message, self.drawn, self._ready, self._handle = "", 0, 0.0, None
        self._summary, self._told, self._words = "", 0.0, None
        self._clock = Clock(run)
        self._text = None if in_notebook() else TextView()
        if self._text is not None:
            self._text.start(run)

    def step(self, report: StepReport) -> None:
        """Take in the loss, and draw when a drawing is due."""
        if self._text is not None:
            return self._text.step(report)
        self._report = report
        self._losses.append((report.epoch + report.step / self._run.steps, report.loss))
        if len(self._losses) > POINTS:
            self._losses = self._losses[::2]
        self._tell()
        self._draw()
        return None

    def epoch(self, row: Row, pictures: dict[str, torch.Tensor]) -> None:
        """Take in the scores and pictures, and draw when a drawing is due."""
        if self._text is not None:
            return self._text.epoch(row, pictures)
        self._summary = summary(row, self._rows, self._run, self._clock.left(row["epoch"]))
        self._rows.append(row)
        self._pictures = pictures or self._pictures
        self._tell()
        self._draw()
        return None

    def finish(self, message: str) -> None:
        """Draw the last state."""
        if self._text is not None:
            return self._text.finish(message)
        self._message = message
        self._tell(at_last=True)
        self._draw(at_last=True)
        return None

    def _tell(self, *, at_last: bool = False) -> None:
        """The bar and the summary as text, which is cheap, so it is told far more often than it is drawn."""
        began = time.perf_counter()
        if began < self._told and not at_last:
            return
        from IPython.display import display

        text = {"text/plain": "\n".join(filter(None, (self._summary, self._title(bar=True))))}
        if self._words is None:
            self._words = display(text, raw=True, display_id=True)
        else:
            self._words.update(text, raw=True)
        self._told = began + max(0.5, (time.perf_counter() - began) / self.share)

    def _draw(self, *, at_last: bool = False) -> None:
        began = time.perf_counter()
        if began < self._ready and not at_last:
            return
        from IPython.display import Image, display

        self.figure = draw(self._run, self._rows, self._losses, self._strip(), self._title())
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=80)
        picture = Image(data=buffer.getvalue(), format="png")
        if self._handle is None:
            self._handle = display(picture, display_id=True)
        else:
            self._handle.update(picture)
        self.drawn += 1
        ended = time.perf_counter()
        # After a drawing of d seconds comes a pause of d / share: drawing takes no more than its share.
        self._ready = ended + (ended - began) / self.share

    def _strip(self) -> dict[str, np.ndarray[Any, Any]]:
        return {name: strip(images[: self.images]) for name, images in self._pictures.items()}

    def _title(self, *, bar: bool = False) -> str:
        if self._message:
            return self._message
        report = self._report
        if report is None:
            return self._run.name
        left = f" · about {clock(self._clock.left(report.epoch + report.step / self._run.steps))} left"
        memory = f"memory {size(report.memory)} (peak {size(report.peak_memory)})"
        watched = self._rows[-1].get(self._run.watch) if self._rows and self._run.watch != "loss" else None
        score = "" if watched is None else f" · {self._run.watch} {watched:.4f}"
        full = round(20 * report.step / self._run.steps)
        return (
            f"{self._run.name}: epoch {report.epoch + 1}/{self._run.epochs}, "
            f"{'█' * full + '░' * (20 - full) if bar else 'step'} {report.step}/{self._run.steps} · "
            f"loss {report.loss:.4f}{score} · {report.images_per_second:.0f} images/s · {memory}{left}"
        )


def in_notebook() -> bool:
    """Whether a kernel runs this, so that a picture can be shown and changed."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()  # type: ignore[no-untyped-call]
    return shell is not None and hasattr(shell, "kernel")


def draw(
    run: RunInfo,
    rows: list[Row],
    losses: list[tuple[float, float]],
    strips: dict[str, np.ndarray[Any, Any]],
    title: str,
) -> Figure:
    """The figure: loss and scores above, pictures below, one row a kind."""
    from matplotlib.figure import Figure

    # Not pyplot: its figures are kept, and shown a second time at the end of the cell.
    figure = Figure(figsize=(10, 3 + 1.3 * len(strips)), layout="constrained")
    figure.suptitle(title, fontsize=9)
    grid = figure.add_gridspec(1 + len(strips), 2, height_ratios=[2.6, *[1.3] * len(strips)])
    _curves(figure.add_subplot(grid[0, 0]), rows, losses, run)
    _scores(figure.add_subplot(grid[0, 1]), rows, run)
    for number, (name, image) in enumerate(strips.items(), start=1):
        axes = figure.add_subplot(grid[number, :])
        axes.imshow(image, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    return figure


def _curves(axes: Axes, rows: list[Row], losses: list[tuple[float, float]], run: RunInfo) -> None:
    if losses:
        axes.plot(*zip(*losses, strict=True), lw=0.8, alpha=0.5, label="loss, by step")
    for name in ("loss", "valid_loss"):
        points = [(row["epoch"], row[name]) for row in rows if name in row]
        if points:
            axes.plot(*zip(*points, strict=True), "o-", ms=3, label=f"{name}, by epoch")
    axes.set(xlabel="epoch", xlim=(0, run.epochs), title="loss")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7)


def _scores(axes: Axes, rows: list[Row], run: RunInfo) -> None:
    known = dict.fromkeys(name for row in rows for name, value in row.items() if isinstance(value, float))
    for name in known:
        if name in NOT_SCORES or name.endswith("loss"):
            continue
        points = [(row["epoch"], row[name]) for row in rows if row.get(name) == row.get(name, float("nan"))]
        axes.plot(*zip(*points, strict=True), "o-", ms=3, label=name) if points else None
        if name == run.watch and points:
            best = (max if run.higher_is_better else min)(points, key=lambda point: point[1])
            axes.plot(*best, "k*", ms=9, label=f"best, {best[1]:.4f}")
    axes.set(xlabel="epoch", xlim=(0, run.epochs), title="scores")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7)


def strip(images: torch.Tensor) -> np.ndarray[Any, Any]:
    """Pictures (N, 1 or 3, H, W) in [0, 1] side by side, with a white line between: (H, N * (W + 2) - 2, 3).

    >>> strip(torch.zeros(2, 1, 4, 5)).shape
    (4, 12, 3)
    """
    padded = torch.nn.functional.pad(images.expand(-1, 3, -1, -1), (0, 2), value=1.0)
    row = torch.cat(list(padded), dim=2)[:, :, :-2]
    return row.permute(1, 2, 0).numpy()
