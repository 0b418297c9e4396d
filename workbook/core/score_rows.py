"""From what was kept of each image to the rows of tables."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from torchmetrics import Metric

from workbook.core.intervals import interval
from workbook.core.metrics import FalseAlarmRate, PixelF1, PixelIoU, metric_name
from workbook.core.pixel_metrics import PixelScore
from workbook.core.progress import Row
from workbook.core.protocols import ProtocolF1, find_protocols
from workbook.core.scored_set import ScoredSet, keeps_rows


def all_metrics(metrics: Sequence[Metric] | None, protocol: Any) -> list[Metric]:
    """The metrics asked for and one for each protocol; without either pixel F1, IoU and false alarms."""
    asked = [ProtocolF1(one) for one in find_protocols(protocol)]
    if metrics is None:
        metrics = [] if asked else [PixelF1(), PixelIoU(), FalseAlarmRate()]
    return [*metrics, *asked]


def summary_rows(found: ScoredSet, metrics: Sequence[Metric], **options: Any) -> list[Row]:
    """A row for each kind and score; a score that has nothing to say of a kind has no row there.

    Args:
        found: a scored set.
        metrics: those it was scored with.
        **options: of `interval`.
    """
    several = any(isinstance(metric, ProtocolF1) for metric in metrics)
    table = []
    for kind in found.kinds():
        number = sum(kind in ("all", image["kind"]) for image in found.images)
        for metric in metrics:
            name = metric_name(metric)
            nan = float("nan")
            row: Row = {"kind": kind}
            if several:
                row["protocol"] = metric.protocol.name if isinstance(metric, ProtocolF1) else ""
            row["score"] = "pixel_f1" if isinstance(metric, ProtocolF1) else name
            row |= {"value": nan, "low": nan, "high": nan, "images": number, "note": ""}
            if keeps_rows(metric):
                rows = found.rows_of(name, kind)
                if isinstance(metric, PixelScore):
                    row["images"] = int((~metric._values(rows).isnan()).sum())
                row["value"], row["note"] = metric._score(rows)  # type: ignore[operator]
                if kind == "all" and row["value"] != row["value"]:
                    warnings.warn(f"{name} is undefined (NaN): {row['note']}", stacklevel=3)
                row["low"], row["high"] = interval(metric, rows, **options)  # type: ignore[arg-type]
            else:
                row["value"] = found.whole[name, kind]
            if kind == "all" or (row["value"] == row["value"] and row["images"]):
                table.append(row)
    return table


def image_rows(found: ScoredSet, metrics: Sequence[Metric]) -> list[Row]:
    """A row an image: what is known of it, and its value of each pixel score."""
    table = [{k: v for k, v in image.items() if k != "key"} for image in found.images]
    for metric in metrics:
        name = metric_name(metric)
        if isinstance(metric, PixelScore) and name in found.rows:
            for row, value in zip(table, metric._values(found.rows[name]).tolist(), strict=True):
                row[name] = value
    return table
