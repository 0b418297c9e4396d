"""What a run writes about itself: log.jsonl, environment.json, TensorBoard events."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
import subprocess
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from workbook.core.checkpoint import told, write_json
from workbook.core.event_file import EventFile
from workbook.core.memory import process_memory, utilisation
from workbook.core.progress import Row, StepReport
from workbook.core.whole_files import write_whole

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
        self.writer: EventFile | None = None
        if tensorboard:
            # A training machine need not have TensorBoard.
            with suppress(ImportError), told(folder / "tensorboard"):
                self.writer = EventFile(folder / "tensorboard", purge_step)

    def rows(self, rows: list[Row]) -> None:
        """Write log.jsonl anew, a line an epoch: always whole, and without epochs that were lost."""
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        with told(self.folder / "log.jsonl"):
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
        from torch.utils.tensorboard.summary import image

        busy = utilisation(device or torch.device("cpu"))
        values = {"memory/peak": row["peak_memory"], "memory/process": process_memory()}
        values |= {f"utilisation/{name}": percent for name, percent in busy.items()}
        for name, value in row.items():
            if isinstance(value, float) and name not in ("lr", "images_per_second", "peak_memory"):
                values[f"epoch/{name}"] = value
        self._scalars(step, values)
        with told(self.folder / "tensorboard"):
            for name, images in pictures.items():
                self.writer.add(image(name, images, dataformats="NCHW"), step)
            self.writer.flush()

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        """All of a step in one event."""
        if self.writer is None:
            return
        from tensorboard.compat.proto.summary_pb2 import Summary

        made = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        with told(self.folder / "tensorboard"):
            self.writer.add(Summary(value=made), step)

    def settings(self, settings: dict[str, Any]) -> None:
        """The hyperparameters, as a table and for TensorBoard's page of them."""
        if self.writer is None:
            return
        from torch.utils.tensorboard.summary import hparams, text

        lines = [f"| {name} | {value} |" for name, value in settings.items()]
        with told(self.folder / "tensorboard"):
            self.writer.add(text("settings", "\n".join(["| setting | value |", "|---|---|", *lines])))
            plain = {name: "default" if value is None else value for name, value in settings.items()}
            for summary in hparams(plain, {}):
                self.writer.add(summary)

    def close(self) -> None:
        """Write out what is still held back."""
        if self.writer is not None:
            with told(self.folder / "tensorboard"):
                self.writer.close()


def environment(
    device: torch.device, processes: int, data: str, tested: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Versions, device, git revision and the data's fingerprints: what one needs to repeat the run."""
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
        "test_data": dict(tested or {}),
        "packages": {package: version(package) for package in PACKAGES},
    }


def write_environment(folder: Path, *given: Any) -> None:
    """Write `environment` of what is given as environment.json."""
    write_json(folder / "environment.json", environment(*given))


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
    """Which data this is: how many items; of files a checksum of names and sizes, and how they are read.

    Parts of a dataset (`torch.utils.data.Subset`) and mixtures (`BalancedDataset`) are looked into.

    >>> fingerprint([1, 2, 3])
    '3 items'
    >>> fingerprint(torch.utils.data.Subset([1, 2, 3], [0, 2]))
    '2 items chosen e9128588 of 3 items'
    """
    count = f"{len(data)} items"
    if (pairs := getattr(data, "pairs", None)) is not None:
        files = [f"{_file(pair.image)}\t{_file(pair.mask) if pair.mask else ''}" for pair in pairs]
        reading = [f"{key} {getattr(data, key, None)}" for key in ("size", "fit", "edge_width", "transforms")]
        steps = re.sub(r" at 0x[0-9a-f]+", "", ", ".join(reading))  # of functions
        return f"{count}, files {_checksum(files)}, read as {_checksum([steps])}"
    if (chosen := getattr(data, "indices", None)) is not None and hasattr(data, "dataset"):
        return f"{count} chosen {_checksum(map(str, chosen))} of {fingerprint(data.dataset)}"
    if isinstance(parts := getattr(data, "datasets", None), list):
        return f"{count} of {'; '.join(map(fingerprint, parts))}"
    return count


def _file(path: str | Path) -> str:
    path = Path(path)
    try:
        return f"{path.name} {path.stat().st_size}"
    except OSError:  # is not there, which reading it will say
        return path.name


def _checksum(parts: Iterable[str]) -> str:
    return f"{zlib.crc32(chr(10).join(parts).encode()):08x}"
