"""How much memory the training takes, and how busy its device is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import torch

from workbook.core.errors import WorkbookError

MIB = 1024 * 1024


def memory_now(device: torch.device) -> float:
    """MiB in use: of tensors on a GPU, of the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device) / MIB
    if device.type == "mps":
        return torch.mps.current_allocated_memory() / MIB
    return process_memory()


def process_memory() -> float:
    """MiB of main memory that the process holds."""
    return _process(os.getpid()).memory_info().rss / MIB


@cache
def _process(number: int) -> Any:
    import psutil

    return psutil.Process(number)  # finding it takes longer than asking it


def utilisation(device: torch.device) -> dict[str, float]:
    """Percent busy since the last call, of the CPU and, where the driver can be asked, of the GPU."""
    import psutil

    busy = {"cpu": psutil.cpu_percent()}
    if device.type == "cuda":
        with suppress(RuntimeError, ModuleNotFoundError):  # the driver's library for Python is not installed
            busy["gpu"] = float(torch.cuda.utilization(device))
    return busy


class PeakMemory:
    """The highest memory of an epoch in MiB: the allocator's on a GPU, else of the moments looked at."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._peak = 0.0

    def restart(self) -> None:
        """Forget what was."""
        self._peak = 0.0
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)

    def look(self) -> tuple[float, float]:
        """Memory now and at its highest since the restart."""
        now = memory_now(self.device)
        if self.device.type == "cuda":
            self._peak = torch.cuda.max_memory_allocated(self.device) / MIB
        self._peak = max(self._peak, now)
        return now, self._peak


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, the GPU's or the machine's, ran out."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError)
        and any(words in str(error) for words in ("can't allocate memory", "out of memory"))  # CPU, MPS
    )


@contextmanager
def memory_advice(batch_size: int, accumulate: int) -> Iterator[None]:
    """Within it, running out of memory says what to change.

    Raises:
        WorkbookError: memory ran out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        hint = advice(batch_size, accumulate)
        raise WorkbookError(f"out of memory at batch_size={batch_size}: {hint}") from error


def advice(batch_size: int, accumulate: int) -> str:
    """Settings that need less memory at the same effective batch.

    >>> advice(16, 1)
    'try batch_size=8, accumulate=2 (the same effective batch)'
    """
    if batch_size == 1:
        return "the batch is one image already: use smaller images or a smaller model"
    smaller = next(size for size in range(batch_size // 2, 0, -1) if batch_size % size == 0)
    more = accumulate * batch_size // smaller
    return f"try batch_size={smaller}, accumulate={more} (the same effective batch)"
