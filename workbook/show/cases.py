"""Predictions as one looks through them: the worst and the best cases, and overlays as files."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbook.core.errors import DataError, WorkbookError
from workbook.core.prediction import Prediction
from workbook.core.saved_maps import output_stems, write_png
from workbook.show.canvas import Save
from workbook.show.display import to_map, to_picture
from workbook.show.predictions import case_scores, overlay, show_predictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIRST = ("worst", "best", "both", "given")


def show_cases(
    predictions: Iterable[Prediction],
    first: str = "worst",
    *,
    scores: Sequence[float] | None = None,
    limit: int = 6,
    ax: Axes | None = None,
    title: str | None = None,
    save: Save = None,
) -> Figure:
    """Image, truth, probability and overlay of the worst or best predictions, with file name and score.

    Args:
        predictions: from `predict`.
        first: "worst" or "best" cases first, "both" (half the rows each), or "given" (in their order).
        scores: of each, higher is better; None: its pixel F1, or of an authentic image the share of pixels
            that were left alone.
        limit: no more than so many rows.
        ax: axes whose place the grid takes.
        title: above all.
        save: a file to write the figure to.

    Raises:
        DataError: no prediction, or scores of another number.
        WorkbookError: `first` is something else.
    """
    found = list(predictions)
    if first not in FIRST:
        raise WorkbookError(f"first is {first!r}; choose from {', '.join(FIRST)}")
    if not found or (scores is not None and len(scores) != len(found)):
        raise DataError(
            f"{len(found)} predictions and {len(scores or ())} scores; give one score a prediction"
        )
    known = any(one.mask is not None for one in found)
    threshold = found[0].threshold
    order = list(range(len(found)))
    if first != "given" and (known or scores is not None):
        values = [float(score) for score in scores] if scores is not None else _values(found, threshold)
        order.sort(key=lambda i: (math.isnan(values[i]), values[i]))  # undefined ones last
        if first == "best":
            order = order[::-1]
            order.sort(key=lambda i: math.isnan(values[i]))
        elif first == "both" and len(order) > limit:
            order = [*order[: limit - limit // 2], *order[len(order) - limit // 2 :]]
    chosen = [found[i] for i in order[:limit]]
    return show_predictions(
        [one.image for one in chosen],
        [one.mask for one in chosen] if known else None,
        [one.pred_mask for one in chosen],
        names=[one.name for one in chosen],
        scores=None if scores is None else [scores[i] for i in order[:limit]],
        threshold=threshold,
        limit=limit,
        ax=ax,
        title=title,
        save=save,
    )


def _values(found: list[Prediction], threshold: float) -> list[float]:
    truths = [None if one.mask is None else to_map(one.mask) for one in found]
    return case_scores([to_map(one.pred_mask) for one in found], truths, threshold)[0]


def save_overlays(predictions: Iterable[Prediction], folder: str | os.PathLike[str]) -> list[Path]:
    """Write each prediction laid over its image as `<image>_overlay.png`, at the image's own size.

    With a truth, what was found, missed and marked wrongly differ (see `overlay`); without one, what is
    marked is plain.

    Args:
        predictions: from `predict`.
        folder: where to.

    Returns:
        The files.

    Raises:
        DataError: the place cannot be written, or a file of that name is not ours.
    """
    found = list(predictions)
    stems = [one.stem for one in found]
    if len({*stems}) < len(found) or not all(stems):
        stems = output_stems([one.path for one in found], [one.name for one in found])
    files = []
    for one, stem in zip(found, stems, strict=True):
        probability = to_map(one.pred_mask)
        truth = (
            (probability > one.threshold).astype(probability.dtype) if one.mask is None else to_map(one.mask)
        )
        painted = overlay(to_picture(one.image), truth, probability, one.threshold)
        files.append(write_png(Path(folder) / f"{stem}_overlay.png", painted))
    return files
