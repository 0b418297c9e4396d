"""What one sees while a model trains: the interface of a view, and the text of a plain terminal."""

from __future__ import annotations

import math
import os
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

Row = dict[str, Any]
MANY = 100  # images from which on one may wait long enough to want a bar


@dataclass(frozen=True)
class RunInfo:
    """What a view is told at the start.

    Attributes:
        name: of the run.
        epochs: how many it has.
        steps: of the optimiser, an epoch.
        watch: the column whose best row counts.
        higher_is_better: its direction.
        rows: epochs that are done already, when a run goes on.
        part: of the next epoch that is done already.
    """

    name: str
    epochs: int
    steps: int
    watch: str = "loss"
    higher_is_better: bool = False
    rows: list[Row] = field(default_factory=list)
    part: float = 0.0


@dataclass(frozen=True)
class StepReport:
    """What a view is told every few steps. Memory in MiB; `step` counts within the epoch, from 1."""

    epoch: int
    step: int
    loss: float
    lr: float
    images_per_second: float
    memory: float
    peak_memory: float


class View(Protocol):
    """Where the trainer reports to. Only the main process does."""

    def start(self, run: RunInfo) -> None:
        """The run begins or goes on."""

    def step(self, report: StepReport) -> None:
        """Some steps are done."""

    def epoch(self, row: Row, pictures: dict[str, torch.Tensor]) -> None:
        """An epoch is done: its row, and pictures (N, 1 or 3, H, W) in [0, 1] of fixed images, if tested."""

    def finish(self, message: str) -> None:
        """The run ends, for whatever reason."""


class SilentView:
    """A view that shows nothing."""

    def start(self, run: RunInfo) -> None:
        """Nothing."""

    def step(self, report: StepReport) -> None:
        """Nothing."""

    def epoch(self, row: Row, pictures: dict[str, torch.Tensor]) -> None:
        """Nothing."""

    def finish(self, message: str) -> None:
        """Nothing."""


class TextView:
    """A bar per epoch and a summary after it, on the standard error stream; quiet under CI.

    Args:
        quiet: show nothing; None: when the environment has `CI`.
    """

    def __init__(self, *, quiet: bool | None = None) -> None:
        self.quiet = bool(os.environ.get("CI")) if quiet is None else quiet
        self._bar: Any = None
        self._run, self._rows = RunInfo("", 0, 0), list[Row]()
        self._clock = Clock(self._run)

    def start(self, run: RunInfo) -> None:
        """Remember what the summaries compare with."""
        self._run, self._rows = run, list(run.rows)
        self._clock = Clock(run)

    def step(self, report: StepReport) -> None:
        """Move the bar."""
        if self.quiet:
            return
        if self._bar is None:
            from tqdm import tqdm

            title = f"epoch {report.epoch + 1}/{self._run.epochs}"
            self._bar = tqdm(desc=title, total=self._run.steps, unit="step", leave=False, file=sys.stderr)
        watch = self._run.watch
        watched = {watch: f"{self._rows[-1][watch]:.4f}"} if self._rows and watch in self._rows[-1] else {}
        self._bar.set_postfix(
            {
                "loss": f"{report.loss:.4f}",
                **watched,
                "images/s": f"{report.images_per_second:.0f}",
                "memory": f"{size(report.memory)} (peak {size(report.peak_memory)})",
            },
            refresh=False,
        )
        self._bar.update(report.step - self._bar.n)

    def epoch(self, row: Row, pictures: dict[str, torch.Tensor]) -> None:
        """Close the bar and write the summary."""
        self._close()
        if not self.quiet:
            left = self._clock.left(row["epoch"])
            sys.stderr.write(summary(row, self._rows, self._run, left) + "\n")
        self._rows.append(row)

    def finish(self, message: str) -> None:
        """Close the bar and say how it ended."""
        self._close()
        if not self.quiet:
            sys.stderr.write(message + "\n")

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


NOT_SCORES = ("epoch", "lr", "images_per_second", "seconds", "peak_memory")


class Clock:
    """Estimates the end of a run from the time since this call of `fit`, tests and all."""

    def __init__(self, run: RunInfo) -> None:
        self._epochs, self._before = run.epochs, len(run.rows) + run.part
        self._began = time.perf_counter()

    def left(self, done: float) -> float:
        """Seconds left when so many epochs, and parts of one, are done; infinite when none is."""
        fresh = done - self._before
        spent = time.perf_counter() - self._began
        return (self._epochs - done) * spent / fresh if fresh > 0 else math.inf


def summary(row: Row, earlier: list[Row], run: RunInfo, left: float) -> str:
    """An epoch as a small tree: each score, its change against the last epoch that has it, and the best yet.

    Args:
        row: of the epoch.
        earlier: the rows before it.
        run: whose watched score and direction count.
        left: seconds to the end of the run.

    >>> row = {"epoch": 2, "loss": 0.5, "f1": 0.75, "lr": 1e-4}
    >>> row |= {"images_per_second": 80.0, "seconds": 60, "peak_memory": 512}
    >>> print(summary(row, [{"epoch": 1, "loss": 0.75, "f1": 0.5}], RunInfo("run", 4, 10, "f1", True), 125))
    epoch 2/4 · 1:00 · about 2:05 left
    ├─ loss 0.5000 (-0.2500)
    ├─ f1 0.7500 (+0.2500), the best so far
    └─ 80 images/s, peak memory 512 MiB, lr 1.00e-04
    """
    lines = [f"epoch {row['epoch']}/{run.epochs} · {clock(row['seconds'])} · about {clock(left)} left"]
    for name, value in row.items():
        if name in NOT_SCORES or not isinstance(value, float):
            continue
        before = [r for r in earlier if isinstance(r.get(name), float)]
        change = f" ({value - before[-1][name]:+.4f})" if before else ""
        best = ""
        if name == run.watch:
            pick = max if run.higher_is_better else min
            past = [r for r in before if r[name] == r[name]]
            best = ", the best so far"
            if past and pick(value, *(r[name] for r in past)) in [r[name] for r in past]:
                top = pick(past, key=lambda r: r[name])
                best = f", best {top[name]:.4f} in epoch {top['epoch']}"
        lines.append(f"├─ {name} {value:.4f}{change}{best}")
    speed = f"{row['images_per_second']:.0f} images/s, peak memory {size(row['peak_memory'])}"
    return "\n".join([*lines, f"└─ {speed}, lr {row['lr']:.2e}"])


def image_bar(total: int, title: str, progress: bool | None) -> Any:
    """A bar of images on the standard error stream.

    Args:
        total: how many there are.
        title: what is done to them.
        progress: show it; None: for many images, unless the environment has `CI`.

    >>> image_bar(40, "predict", progress=None).disable
    True
    """
    from tqdm import tqdm

    shown = total > MANY and not os.environ.get("CI") if progress is None else progress
    return tqdm(total=total, desc=title, unit="image", disable=not shown, leave=False, file=sys.stderr)


def clock(seconds: float) -> str:
    """A duration as people write it: 0:07, 12:30, 1:02:03."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def size(mib: float) -> str:
    """A memory size for people, from MiB."""
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"
