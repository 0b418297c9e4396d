"""A run's folder: whose configuration it is, and its checkpoints, written while the training goes on."""

from __future__ import annotations

import json
import os
import shutil
import threading
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from workbook.core.checkpoint import (
    WEIGHTS,
    StateDict,
    read_state,
    read_weights,
    save_checkpoint,
    save_state,
    told,
    write_json,
)
from workbook.core.configuration import differ
from workbook.core.errors import CheckpointError, WorkbookError

LONGEST = 255  # bytes of a name, on nearly every file system
EXISTING = ("continue", "restart", "accept")


@dataclass
class Progress:
    """How far a run is: all that is not a tensor.

    Attributes:
        epoch: epochs done.
        batch: batches done in the next one.
        step: steps of the optimiser done.
        loss: sum of the loss over the images of the present epoch.
        images: how many these are.
        seconds: time spent in it.
        rows: of the epochs done.
        best: the best watched score, and `best_epoch` its epoch; `waited`, tests since then.
        top: `[score, epoch]` of the checkpoints to average, best first.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss: float = 0.0
    images: int = 0
    seconds: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    best: float | None = None
    best_epoch: int = 0
    waited: int = 0
    top: list[list[float]] = field(default_factory=list)

    def next_epoch(self, row: dict[str, Any]) -> None:
        """An epoch is done and this is its row."""
        self.rows.append(row)
        self.epoch, self.batch = self.epoch + 1, 0
        self.loss, self.images, self.seconds = 0.0, 0, 0.0


@dataclass
class Saved:
    """A checkpoint to go on from: weights, the state of optimiser, scaler and average, and the progress."""

    file: Path
    weights: StateDict
    state: dict[str, Any]
    progress: Progress


class RunFolder:
    """`<root>/<name>` with `config.json` and the checkpoints `best`, `last`, `previous`, `average`.

    Args:
        root: where runs are.
        name: of this one; a plain folder name.

    Raises:
        WorkbookError: the name is none for a folder.
    """

    def __init__(self, root: str | os.PathLike[str], name: str) -> None:
        sound = isinstance(name, str) and name not in ("", ".", "..") and len(os.fsencode(name)) <= LONGEST
        if not sound or any(c in name for c in "/\\:\0"):
            raise WorkbookError(
                f"run name {name!r}: use letters, digits, dots, dashes, at most {LONGEST}; its place is root="
            )
        self.path = Path(root) / name
        self._writing: threading.Thread | None = None
        self._failed: BaseException | None = None

    def claim(self, config: Mapping[str, Any], existing: str) -> None:
        """Make the folder this configuration's, or refuse.

        Args:
            config: as `configuration` gives it (`workbook.core.configuration`).
            existing: what to do with a run that is there: `"continue"` it when its configuration is the same,
                `"restart"` it, or `"accept"` the difference and go on.

        Raises:
            WorkbookError: the run belongs to another configuration; says where they differ.
            CheckpointError: the folder cannot be written.
        """
        with suppress(CheckpointError):  # of an earlier fit, which has raised or been interrupted
            self.wait()
        if existing not in EXISTING:
            raise WorkbookError(f"existing={existing!r}: must be one of {', '.join(EXISTING)}")
        file = self.path / "config.json"
        compared = existing == "continue" and file.is_file() and self.begun()
        if compared and (differences := differ(_read_config(file), config)):
            raise WorkbookError(
                f"{self.path}: belongs to another configuration ({'; '.join(differences)}); choose "
                "another name, existing='restart' to train anew, or existing='accept' to go on so"
            )
        if existing == "restart":
            for name in ("last", "last.part", "previous", "best", "average", "tensorboard"):
                shutil.rmtree(self.path / name, ignore_errors=True)
        for name in ("best", "average"):  # what safetensors leaves behind when it is killed
            for stray in (self.path / name).glob(".tmp*"):
                stray.unlink()
        last, part = self.path / "last", self.path / "last.part"
        if not last.is_dir() and (part / "state.pt").is_file():
            part.replace(last)  # state.pt is written last, so it is whole: killed just before its renaming
        write_json(file, config)

    def begun(self) -> bool:
        """Whether there is a checkpoint, whole or torn."""
        return any((self.path / name).is_dir() for name in ("last", "last.part", "previous"))

    def load(self, check: Callable[[Saved], None] | None = None) -> Saved | None:
        """The newest whole checkpoint; None where there is none yet. Another one is named in a warning.

        Args:
            check: raises a CheckpointError about one that is whole, but of something else.

        Raises:
            CheckpointError: there are checkpoints, and all of them are torn or of something else.
        """
        torn: list[Exception] = []
        for folder in (self.path / "last", self.path / "previous"):
            if not folder.is_dir():
                continue
            try:
                saved = _read(folder)
                if check is not None:
                    check(saved)
            except CheckpointError as error:
                torn.append(error)
                continue
            for trouble in torn:
                warnings.warn(f"{trouble}; went on from {folder}, epoch {saved.progress.epoch}", stacklevel=6)
            return saved
        if torn:
            raise CheckpointError(
                f"{torn[0]}; no other one is there: existing='restart' trains anew"
            ) from torn[0]
        return None

    def save(
        self,
        weights: StateDict,
        state: dict[str, Any],
        progress: Progress,
        best: StateDict | None,
        keep: bool,
    ) -> None:
        """Write a checkpoint in the background; the tensors must be copies.

        Args:
            weights: of the model as it trains.
            state: tensors and plain values.
            progress: how far it is.
            best: the weights that were tested, when they are the best so far or among those to average.
            keep: whether `best` is the best.

        Raises:
            CheckpointError: the writing before this failed.
        """
        content = {**state, "progress": asdict(progress)}
        top = [int(epoch) for _, epoch in progress.top]
        epoch = progress.epoch

        def write() -> None:
            if best is not None:
                if keep:
                    save_checkpoint(self.path / "best", best)
                if epoch in top:
                    save_checkpoint(self._part_of_average(epoch), best)
            self._write_last(weights, content)
            # Only now does no checkpoint speak of those that fell out.
            for file in (self.path / "average").glob("epoch_*.safetensors"):
                if file not in [self._part_of_average(e) for e in top]:
                    file.unlink()

        self._in_background(write)

    def _write_last(self, weights: StateDict, content: dict[str, Any]) -> None:
        last, part, previous = (self.path / name for name in ("last", "last.part", "previous"))
        with told(last):
            shutil.rmtree(part, ignore_errors=True)
            save_checkpoint(part, weights)
            save_state(part / "state.pt", content)
            if last.is_dir():
                shutil.rmtree(previous, ignore_errors=True)
                last.replace(previous)
            part.replace(last)

    def average(self, top: list[list[float]]) -> None:
        """Write the mean of the best checkpoints' weights; whole numbers are the best one's."""
        self.wait()
        files = [file for _, epoch in top if (file := self._part_of_average(int(epoch))).is_file()]
        if not files:
            return
        states = [read_weights(file) for file in files]
        mean = {
            key: torch.stack([s[key].double() for s in states]).mean(0).to(value.dtype)
            if value.is_floating_point()
            else value
            for key, value in states[0].items()
        }
        save_checkpoint(self.path / "average", mean)

    def _part_of_average(self, epoch: int) -> Path:
        return self.path / "average" / f"epoch_{epoch:04}.safetensors"

    def wait(self) -> None:
        """Wait for what is being written.

        Raises:
            CheckpointError: it could not be written.
        """
        if self._writing is not None:
            self._writing.join()
            self._writing = None
        if self._failed is not None:
            error, self._failed = self._failed, None
            raise error

    def _in_background(self, write: Callable[[], None]) -> None:
        self.wait()

        def run() -> None:
            try:
                write()
            except BaseException as error:  # noqa: BLE001 (raised by wait, in the thread that trains)
                self._failed = error

        # Not a daemon: Python waits for it at its exit, so that a checkpoint is not lost.
        self._writing = threading.Thread(target=run, name="checkpoint")
        self._writing.start()


def _read(folder: Path) -> Saved:
    weights, file = read_weights(folder / WEIGHTS), folder / "state.pt"
    state = read_state(file)
    try:
        progress, _ = Progress(**state.pop("progress")), state["optimizer"]
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{file}: holds no state of a training ({error} is not there)") from error
    return Saved(folder / WEIGHTS, weights, state, progress)


def _read_config(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{file}: cannot be read ({error}); existing='accept' goes on, existing='restart' trains anew"
        ) from error
