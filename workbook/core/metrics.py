"""The metrics by name, and how each is fed from a model's outputs and a batch."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor
from torchmetrics import Metric, MetricCollection

from workbook.core.curve_metrics import BestPixelF1, PixelAUC
from workbook.core.errors import DataError, ModelError, WorkbookError
from workbook.core.image_metrics import ImageAccuracy, ImageAUC, ImageF1
from workbook.core.metric_factories import warn_of_lost_subclass
from workbook.core.naming import snake_case
from workbook.core.pixel_metrics import FalseAlarmRate, PixelAccuracy, PixelF1, PixelIoU
from workbook.core.signature import FIELDS

__all__ = [
    "BestPixelF1",
    "FalseAlarmRate",
    "ImageAUC",
    "ImageAccuracy",
    "ImageF1",
    "PixelAUC",
    "PixelAccuracy",
    "PixelF1",
    "PixelIoU",
    "listed_metrics",
    "metric_name",
    "metric_values",
    "named_metrics",
    "update_metric",
]

Metrics = Metric | MetricCollection | Iterable[Metric | MetricCollection]
SYNONYMS = {"preds": "pred_mask", "target": "mask"}  # torchmetrics' own names for what a metric compares


def metric_name(metric: Metric) -> str:
    """A metric's name in tables, curves and `watch=`: its `name` if it has one, else its class's.

    >>> [metric_name(metric) for metric in (PixelF1(), PixelIoU(), ImageAUC(), PixelF1(name="f1_pooled"))]
    ['pixel_f1', 'pixel_iou', 'image_auc', 'f1_pooled']
    """
    name = getattr(metric, "name", None)
    return name if isinstance(name, str) else snake_case(type(metric).__name__)


def listed_metrics(metrics: Metrics) -> list[Metric | MetricCollection]:
    """Metrics as a list, whether one, a collection or several of them were given.

    Raises:
        WorkbookError: something else than metrics.
    """
    listed = [metrics] if isinstance(metrics, Metric | MetricCollection | str) else list(metrics)
    for metric in listed:
        if not isinstance(metric, Metric | MetricCollection):
            raise WorkbookError(f"metrics holds {metric!r}; give torchmetrics: [PixelF1(), ImageAUC()]")
    return listed


def named_metrics(metrics: Metrics) -> dict[str, Metric]:
    """Metrics by their names, in order; the members of a collection one by one.

    In a `MetricCollection` the keys of a dictionary are names (which it sorts), and `prefix` and `postfix`
    are kept.

    Raises:
        WorkbookError: two have one name, so that one would hide the other in a table; or no metrics.

    >>> list(named_metrics([PixelF1(), PixelF1(average="pooled", name="pixel_f1_pooled")]))
    ['pixel_f1', 'pixel_f1_pooled']
    >>> list(named_metrics(MetricCollection({"ours": PixelF1(), "iou": PixelIoU()}, prefix="test_")))
    ['test_iou', 'test_ours']
    """
    found: dict[str, Metric] = {}
    for metric in listed_metrics(metrics):
        for name, member in _members(metric):
            warn_of_lost_subclass(member)
            if name in found:
                raise WorkbookError(f"two metrics are called {name}; give one another: metric.name = 'other'")
            found[name] = member
    return found


def _members(metric: Metric | MetricCollection) -> Iterator[tuple[str, Metric]]:
    if isinstance(metric, Metric):
        yield metric_name(metric), metric
        return
    for key, member in metric.items(keep_base=True, copy_state=False):
        # A collection made of a list names its members by their classes.
        name = metric_name(member) if key == type(member).__name__ else key
        yield f"{metric.prefix or ''}{name}{metric.postfix or ''}", member


def metric_values(metrics: Metrics) -> dict[str, float]:
    """Compute metrics, each one number under its name.

    Raises:
        WorkbookError: a metric gives more than one number, such as one a class.

    >>> import torch
    >>> metric = PixelF1()
    >>> metric.update(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    >>> metric_values([metric])
    {'pixel_f1': 1.0}
    """
    return {name: _number(name, metric.compute()) for name, metric in named_metrics(metrics).items()}


def _number(name: str, value: Any) -> float:
    if isinstance(value, Mapping) or (isinstance(value, Tensor) and value.numel() != 1):
        found = ", ".join(map(str, value)) if isinstance(value, Mapping) else f"of shape {tuple(value.shape)}"
        raise WorkbookError(
            f"{name} gives several numbers ({found}), a column holds one; let it average (average='macro')"
        )
    return float(value)


def update_metric(
    metric: Metric | MetricCollection, outputs: Mapping[str, Any], batch: Mapping[str, Any]
) -> None:
    """Feed a metric what its `update` names, from a model's outputs and from the batch.

    `preds` and `target` are `pred_mask` and `mask`, so that any binary metric of torchmetrics works, and any
    subclass of one (of `BinaryJaccardIndex`, say; `JaccardIndex` is a factory that drops its subclasses, of
    which `named_metrics` warns). Those of torchmetrics' classification ask for integers, and get the mask cut
    at 0.5 (so does a collection with one of them in it); those of its segmentation (`num_classes=1`) get the
    prediction so cut, too.

    Args:
        metric: any torchmetrics.Metric.
        outputs: what the model returned: `pred_mask` (B,1,H,W), `pred_label` (B,), ...
        batch: the fields of the batch: `mask`, `label`, `shape_mask`, ...

    Raises:
        ModelError: the metric needs a field that the model does not return.
        DataError: the metric needs a field that the batch does not carry.
        WorkbookError: a metric of several classes, or a collection of metrics that need different inputs.

    >>> import torch
    >>> metric = ImageAUC()
    >>> update_metric(metric, {"pred_mask": torch.rand(1, 1, 8, 8)}, {"label": torch.ones(1)})
    Traceback (most recent call last):
    workbook.core.errors.ModelError: image_auc needs pred_label, which the model does not return (it returns
    pred_mask); return it, or leave the metric out
    """
    fields = {**batch, **outputs}
    for name, field in SYNONYMS.items():
        if name not in fields and field in fields:
            fields[name] = fields[field]
    if "target" in fields and (_is_of("classification", metric) or _is_of("segmentation", metric)):
        fields["target"] = (fields["target"] > 0.5).long()
    if "preds" in fields and _is_of("segmentation", metric):
        fields["preds"] = (fields["preds"] > 0.5).long()
    if isinstance(metric, MetricCollection):
        _check_members(metric)
        for member in metric.values(copy_state=False):
            _wanted(member, fields, outputs, batch)
        metric.update(**fields)  # hands each of its metrics what that one names
    else:
        metric.update(**_wanted(metric, fields, outputs, batch))


def _wanted(
    metric: Metric, fields: Mapping[str, Any], outputs: Mapping[str, Any], batch: Mapping[str, Any]
) -> dict[str, Any]:
    """Those of the fields that the metric's `update` names; an error where it needs another."""
    if "preds" in fields and fields["preds"].is_floating_point():
        _check_kind(metric)
    wanted: dict[str, Any] = {}
    for name, parameter in inspect.signature(metric.update).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name in fields:
            wanted[name] = fields[name]
        elif parameter.default is parameter.empty:
            raise _missing(metric_name(metric), SYNONYMS.get(name, name), outputs, batch)
    return wanted


def _is_of(part: str, metric: Metric | MetricCollection) -> bool:
    """Whether a metric, or one of a collection, is of this part of torchmetrics."""
    if isinstance(metric, MetricCollection):
        return any(_is_of(part, member) for member in metric.values(copy_state=False))
    return any(base.__module__.startswith(f"torchmetrics.{part}") for base in type(metric).__mro__)


def _check_members(collection: MetricCollection) -> None:
    members = list(collection.values(copy_state=False))
    cut = [metric_name(member) for member in members if _is_of("segmentation", member)]
    if 0 < len(cut) < len(members):
        raise WorkbookError(
            f"{', '.join(cut)}: takes predictions cut at 0.5, which the rest of its collection must not get; "
            "list it beside the collection: metrics=[collection, metric]"
        )


def _check_kind(metric: Metric) -> None:
    """Refuse a metric of torchmetrics that counts classes, for which any probability would be class 0."""
    made = type(metric)
    if made.__name__.startswith("Multiclass") and made.update.__module__.startswith("torchmetrics."):
        raise WorkbookError(
            f"{metric_name(metric)}: compares classes, and pred_mask is one probability a pixel; take "
            f"{made.__name__.replace('Multiclass', 'Binary')}"
        )


def _missing(metric: str, field: str, outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> WorkbookError:
    if field.startswith("pred_"):
        return ModelError(
            f"{metric} needs {field}, which the model does not return (it returns {', '.join(outputs)}); "
            "return it, or leave the metric out"
        )
    near = difflib.get_close_matches(field, [*outputs, *batch, *SYNONYMS], n=1)
    hint = f"did you mean {near[0]}?" if near else "name a field of the batch in its update"
    if field in FIELDS:
        hint = "let the dataset give it, or leave the metric out"
    return DataError(f"{metric} needs {field}, which the batch does not carry ({', '.join(batch)}); {hint}")
