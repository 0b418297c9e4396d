"""Losses are kept on the device and read every few steps, because reading one makes a GPU wait."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import torch

from workbook.core.errors import WorkbookError


@dataclass(frozen=True)
class Step:
    """A step of the optimiser whose loss has not been read: all processes' images, this one's names."""

    number: int
    images: int
    names: list[str]
    loss: torch.Tensor


class Meter:
    """Collects steps until they are read together.

    Args:
        accelerator: whose processes share the reading.
        every: steps between two readings. A single process also reads once a second.
    """

    def __init__(self, accelerator: Any, every: int) -> None:
        self.accelerator, self.every = accelerator, every
        self.waiting: list[Step] = []
        self.speed = 0.0
        self._since = self._started = time.perf_counter()

    def restart(self) -> None:
        """Start the clock of an epoch, or of what is left of one."""
        self._since = self._started = time.perf_counter()

    def seconds(self) -> float:
        """Since the clock was started."""
        return time.perf_counter() - self._started

    def add(self, step: Step) -> None:
        """Keep a step for the next reading."""
        self.waiting.append(step)

    def due(self) -> bool:
        """Whether it is time to read. The processes decide alike, from the number of steps."""
        if len(self.waiting) >= self.every:
            return True
        return self.accelerator.num_processes == 1 and time.perf_counter() - self._since > 1.0

    def read(self, stop: bool) -> tuple[list[tuple[float, int]], bool]:
        """The `(loss, images)` of the steps that wait, and whether any process wants to stop.

        Raises:
            WorkbookError: a loss is not finite; names the step and the files of its batch.
        """
        if not self.waiting:
            return [], stop
        steps, self.waiting = self.waiting, []
        losses = torch.stack([step.loss.float() for step in steps])
        if self.accelerator.num_processes > 1:
            shared = torch.cat([losses, losses.new_tensor([float(stop)])])
            *values, stopping = self.accelerator.reduce(shared, "mean").tolist()
        else:
            values, stopping = losses.tolist(), float(stop)
        for step, value in zip(steps, values, strict=True):
            if not math.isfinite(value):
                raise WorkbookError(self._trouble(step, value))
        now = time.perf_counter()
        self.speed = sum(step.images for step in steps) / max(now - self._since, 1e-9)
        self._since = now
        return [(value, step.images) for step, value in zip(steps, values, strict=True)], stopping > 0

    def _trouble(self, step: Step, value: float) -> str:
        names = step.names
        if self.accelerator.num_processes > 1:
            from accelerate.utils import gather_object

            names = gather_object(names)
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        return (
            f"the loss is {value} at step {step.number}, in the batch of {shown or 'unnamed samples'}; "
            "look at these files, lower lr, or set clip=1.0"
        )
