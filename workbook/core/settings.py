"""All hyperparameters of a training run, with their defaults, on one dataclass."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from workbook.core.errors import WorkbookError

# What changes how a run is watched, or how fast it goes, but not what comes out; free to differ on resume.
FREE = ("workers", "device", "tensorboard", "log_every", "save_every", "patience")


@dataclass(frozen=True)
class TrainSettings:
    """The hyperparameters of `Trainer`. Flags are positive; 0 switches a number off.

    Attributes:
        epochs: passes over the training data.
        lr: highest learning rate, reached after the warm-up.
        min_lr: learning rate at the end of the cosine.
        warmup_epochs: length of the linear warm-up; may be a fraction, and is at most half of the run.
        optimizer: `"AdamW"`, `"Adam"` or `"SGD"` (with a momentum of 0.9).
        weight_decay: decoupled from the gradient in AdamW, added to it in the others; norms and biases are
            left out.
        clip: highest norm of the gradient; 0 leaves it as it is.
        batch_size: images a process and a forward pass.
        accumulate: batches a step of the optimiser; the effective batch is
            `batch_size * accumulate * processes`.
        precision: `"auto"` is bf16 where the GPU has it, fp16 with loss scaling on other GPUs, else fp32.
        ema: decay of the exponential moving average of the weights (0.999, say), which is then what is tested
            and saved as best; 0 for none.
        average: how many of the best checkpoints are averaged into `average/`; 0 for none.
        patience: stop after so many tests without a better watched score; 0 for never.
        test_every: epochs between two tests; the last epoch is always tested.
        seed: of the data's order, its augmentation and the model's random layers.
        workers: processes that load data; by default none on a CPU, up to 8 beside a GPU.
        channels_last: memory format of images and weights, faster for convolutions.
        compile: run the model through `torch.compile`.
        device: `"auto"` takes the GPU where there is one; `"cpu"` does not.
        log_every: steps between two readings of the loss, which make a GPU wait.
        save_every: steps between two checkpoints within an epoch; 0 for one at its end only.
        tensorboard: write TensorBoard events where TensorBoard is installed.

    Raises:
        WorkbookError: a value that no run can have.

    >>> TrainSettings(epochs=3).lr
    0.0001
    >>> TrainSettings(lr=-1)
    Traceback (most recent call last):
    ...
    workbook.core.errors.WorkbookError: lr=-1: must be above 0
    """

    epochs: int = 20
    lr: float = 1e-4
    min_lr: float = 1e-6
    warmup_epochs: float = 1.0
    optimizer: Literal["AdamW", "Adam", "SGD"] = "AdamW"
    weight_decay: float = 0.05
    clip: float = 0.0
    batch_size: int = 8
    accumulate: int = 1
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    ema: float = 0.0
    average: int = 0
    patience: int = 0
    test_every: int = 1
    seed: int = 0
    workers: int | None = None
    channels_last: bool = True
    compile: bool = False
    device: Literal["auto", "cpu"] = "auto"
    log_every: int = 10
    save_every: int = 1000
    tensorboard: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "test_every", "log_every"):
            self._require(
                name, _whole(getattr(self, name)) and getattr(self, name) >= 1, "a whole number from 1 up"
            )
        for name in ("average", "patience", "save_every"):
            self._require(
                name, _whole(getattr(self, name)) and getattr(self, name) >= 0, "a whole number from 0 up"
            )
        self._require(
            "workers", self.workers is None or (_whole(self.workers) and self.workers >= 0), "0 or more"
        )
        self._require("seed", _whole(self.seed), "a whole number")
        self._require("lr", _finite(self.lr) and self.lr > 0, "above 0")
        for name in ("min_lr", "warmup_epochs", "weight_decay", "clip"):
            self._require(name, _finite(getattr(self, name)) and getattr(self, name) >= 0, "0 or more")
        self._require("min_lr", self.min_lr <= self.lr, f"at most lr={self.lr}")
        self._require("ema", _finite(self.ema) and 0 <= self.ema < 1, "0 or a decay below 1, such as 0.999")
        for name, choices in get_type_hints(type(self)).items():
            if get_origin(choices) is Literal:
                known = get_args(choices)
                self._require(name, getattr(self, name) in known, f"one of {', '.join(known)}")
            elif choices is bool:
                self._require(name, isinstance(getattr(self, name), bool), "True or False")

    def _require(self, name: str, holds: bool, what: str) -> None:
        if not holds:
            raise WorkbookError(f"{name}={getattr(self, name)!r}: must be {what}")

    def as_dict(self) -> dict[str, Any]:
        """The settings as a plain dictionary, in the order of the dataclass."""
        return asdict(self)

    @classmethod
    def from_keywords(
        cls, given: Mapping[str, Any] | TrainSettings | None = None, /, **settings: Any
    ) -> TrainSettings:
        """The settings from a dictionary, keywords or both; an unknown one is refused with the nearest known.

        A keyword goes before the dictionary's value. Numbers of numpy are taken as the plain ones they are.

        >>> TrainSettings.from_keywords(learning_rate=1e-3, epoch=3)
        Traceback (most recent call last):
        ...
        workbook.core.errors.WorkbookError: unknown setting 'learning_rate'; did you mean 'lr'?
        """
        known = [field.name for field in fields(cls)]
        settings = dict(given.as_dict() if isinstance(given, TrainSettings) else given or {}) | settings
        for name in settings:
            if name not in known:
                raise WorkbookError(f"unknown setting {name!r}; {_nearest(name, known)}")
        return cls(**{k: v.item() if isinstance(v, np.generic) else v for k, v in settings.items()})


# What the same thing is called elsewhere.
ELSEWHERE = {
    "learning_rate": "lr", "initial_lr": "lr", "max_epochs": "epochs", "num_epochs": "epochs",
    "wd": "weight_decay", "accum_iter": "accumulate", "gradient_accumulation_steps": "accumulate",
    "batch_accumulate": "accumulate", "test_period": "test_every", "num_workers": "workers",
    "mixed_precision": "precision", "amp": "precision", "lr_warmup_epochs": "warmup_epochs",
    "early_stopping": "patience", "clip_grad": "clip", "random_seed": "seed",
}  # fmt: skip


def _nearest(name: str, known: list[str]) -> str:
    near = [ELSEWHERE[name]] if name in ELSEWHERE else difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
