"""torchmetrics' factories, such as `JaccardIndex`, which drop a user's subclass without a word."""

from __future__ import annotations

import inspect
import warnings

import torchmetrics
from torchmetrics import Metric

TASKS = ("Binary", "Multiclass", "Multilabel")


def lost_subclass(metric: Metric) -> type | None:
    """A user's subclass of the factory that makes such metrics, whose own `update` or `compute` is lost.

    `JaccardIndex(task="binary")` is a `BinaryJaccardIndex`, and so is `SoftIoU(task="binary")` of a `class
    SoftIoU(JaccardIndex)`: what that class defines is never called, and nobody says so.

    >>> class SoftIoU(torchmetrics.JaccardIndex):
    ...     def update(self, preds, target): ...
    >>> type(SoftIoU(task="binary")).__name__, lost_subclass(SoftIoU(task="binary")).__name__
    ('BinaryJaccardIndex', 'SoftIoU')
    """
    made = type(metric)
    task = next((task for task in TASKS if made.__name__.startswith(task)), None)
    if task is None or not made.__module__.startswith("torchmetrics."):
        return None
    factory = getattr(torchmetrics, made.__name__.removeprefix(task), None)
    if not inspect.isclass(factory):
        return None
    for subclass in reversed(factory.__subclasses__()):  # the last one defined is the likeliest
        if subclass.__new__ is factory.__new__ and {"update", "compute"} & vars(subclass).keys():
            return subclass
    return None


def warn_of_lost_subclass(metric: Metric) -> None:
    """Warn where a metric is what a factory handed out, and there is a subclass that it may stand for."""
    lost = lost_subclass(metric)
    if lost is not None:
        made, factory = type(metric).__name__, lost.__base__
        warnings.warn(
            f"{lost.__name__}({getattr(factory, '__name__', factory)}): torchmetrics makes a {made} in its "
            f"place and never calls its update or compute; derive it from torchmetrics.classification.{made}",
            stacklevel=3,
        )
