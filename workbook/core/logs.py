"""What a run writes about itself: log.jsonl, environment.json, TensorBoard events."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
import zlib
from pathlib import Path
from typing import Any

import torch

from workbook.core.checkpoint import write_json, write_whole
from workbook.core.memory import process_memory, utilisation
from workbook.core.progress import Row, StepReport

PACKAGES = ("torch", "torchvision", "timm", "accelerate", "torchmetrics", "numpy", "pillow", "imdl-workbook")


class Logs:
    """The writer of one run's log.jsonl and TensorBoard events.

    Args:
        folder: of the run.
        tensorboard: write events, where TensorBoard is installed.
        purge_step: when a run goes on: events from this step on are of work that was lost, and are hidden.
    """

    def __init__(self, folder: Path, *, tensorboard: bool = True, purge_step: int = 0) -> None:
        self.folder = folder
        self.writer: Any = None
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:  # a training machine need not have it
                return
            self.writer = SummaryWriter(str(folder / "tensorboard"), purge_step=purge_step or None)

    def rows(self, rows: list[Row]) -> None:
        """Write log.jsonl anew, a line an epoch: always whole, and without epochs that were lost."""
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_whole(self.folder / "log.jsonl", lines.encode())

    def step(self, step: int, report: StepReport, losses: dict[str, float]) -> None:
        """A few steps' loss, each `visual_loss`, rate and speed."""
        values = {
            "train/loss": report.loss,
            "train/lr": report.lr,
            "speed/images_per_second": report.images_per_second,
            "memory/now": report.memory,
        }
        self._scalars(step, values | {f"visual_loss/{name}": value for name, value in losses.items()})

    def epoch(
        self, step: int, row: Row, pictures: dict[str, torch.Tensor], device: torch.device | None = None
    ) -> None:
        """An epoch's scores, memory, utilisation and picture strips."""
        if self.writer is None:
            return
        for name, value in row.items():
            if isinstance(value, float) and name not in ("lr", "images_per_second", "peak_memory"):
                self.writer.add_scalar(f"epoch/{name}", value, step)
        self.writer.add_scalar("memory/peak", row["peak_memory"], step)
        self.writer.add_scalar("memory/process", process_memory(), step)
        for name, percent in utilisation(device or torch.device("cpu")).items():
            self.writer.add_scalar(f"utilisation/{name}", percent, step)
        for name, images in pictures.items():
            self.writer.add_images(name, images, step)

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        """All of a step in one event: each event wakes the thread that writes, and that holds us up."""
        if self.writer is None:
            return
        from tensorboard.compat.proto.summary_pb2 import Summary

        made = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        self.writer.file_writer.add_summary(Summary(value=made), step)

    def settings(self, settings: dict[str, Any]) -> None:
        """The hyperparameters, as a table."""
        if self.writer is not None:
            table = "\n".join(
                ["| setting | value |", "|---|---|", *(f"| {k} | {v} |" for k, v in settings.items())]
            )
            self.writer.add_text("settings", table)

    def close(self) -> None:
        """Write out what is still held back."""
        if self.writer is not None:
            self.writer.close()


def environment(device: torch.device, processes: int, data: str) -> dict[str, Any]:
    """Versions, device, git revision and data fingerprint: what one needs to repeat the run."""
    name = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else platform.processor() or platform.machine()
    )
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "device": f"{device.type} ({name})",
        "processes": processes,
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda,
        "git": git_revision(),
        "data": data,
        "packages": {package: version(package) for package in PACKAGES},
    }


def write_environment(folder: Path, device: torch.device, processes: int, data: str) -> None:
    """Write `environment` as environment.json."""
    write_json(folder / "environment.json", environment(device, processes, data))


def version(package: str) -> str | None:
    """A package's version; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def git_revision() -> str | None:
    """The commit of the working folder, with a + where files differ from it; None outside of git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def fingerprint(data: Any) -> str:
    """Which data this is: how many items and, where the dataset knows its files, a checksum of their names.

    >>> fingerprint([1, 2, 3])
    '3 items'
    """
    pairs = getattr(data, "pairs", None)
    if pairs is None:
        return f"{len(data)} items"
    names = "\n".join(f"{pair.name}\t{pair.mask.name if pair.mask else ''}" for pair in pairs)
    return f"{len(data)} items, names {zlib.crc32(names.encode()):08x}"
