"""Predictions over all thresholds: ROC, precision and recall; and whether a probability is one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from workbook.core.errors import DataError
from workbook.core.operating_curves import (
    area_under_roc,
    average_precision,
    calibration_error,
    operating_curve,
    reliability,
)
from workbook.core.prediction import Prediction
from workbook.show.canvas import BLACK, CYCLE, DASHES, MARKERS, SMALL, Save, finish, one_axes, root

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Models = Iterable[Prediction] | Mapping[str, Iterable[Prediction]]
POINTS = 500  # of a drawn curve; more are not seen


def show_roc(
    predictions: Models, of: str = "pixels", *, ax: Axes | None = None, title: str = "", save: Save = None
) -> Figure:
    """How much is found (up) for how many false alarms (right), at all thresholds; chance is the diagonal.

    Args:
        predictions: from `predict`, on images whose truth is known; or several by the model's name.
        of: "pixels" of all images together, or "images" (their scores).
        ax: axes to draw into.
        title: above.
        save: a file to write the figure to.

    Raises:
        DataError: no prediction, or all of one kind.
    """
    ax = one_axes(ax, 4.2, 3.8)
    for number, (name, found) in enumerate(_models(predictions).items()):
        curve = operating_curve(found, of)
        label = f"{name} area {area_under_roc(curve):.3f}".strip()
        _line(ax, number, curve["false_positive_rate"], curve["true_positive_rate"], label)
    ax.plot([0, 1], [0, 1], color=BLACK, lw=1, ls=(0, (1, 3)), label="chance")
    ax.set(xlabel=f"false alarms (share of authentic {of})", ylabel=f"found (share of tampered {of})")
    return _square(ax, title or f"ROC of {of}", save)


def show_precision_recall(
    predictions: Models, of: str = "pixels", *, ax: Axes | None = None, title: str = "", save: Save = None
) -> Figure:
    """How much of what is marked is tampered (up), for how much of what is tampered is marked (right).

    Args:
        predictions: see `show_roc`.
        of: "pixels" of all images together, or "images".
        ax: axes to draw into.
        title: above.
        save: a file to write the figure to.

    Raises:
        DataError: no prediction, or all of one kind.
    """
    ax = one_axes(ax, 4.2, 3.8)
    share = float("nan")
    for number, (name, found) in enumerate(_models(predictions).items()):
        curve = operating_curve(found, of)
        label = f"{name} average precision {average_precision(curve):.3f}".strip()
        _line(ax, number, curve["true_positive_rate"][1:], curve["precision"][1:], label)
        share = float(curve["precision"].iloc[-1])
    ax.axhline(share, color=BLACK, lw=1, ls=(0, (1, 3)), label=f"marking all, {share:.3f}")
    ax.set(xlabel=f"recall (share of tampered {of})", ylabel=f"precision (share of marked {of})")
    return _square(ax, title or f"precision and recall of {of}", save)


def show_reliability(
    predictions: Models,
    of: str = "pixels",
    bins: int = 10,
    *,
    ax: Axes | None = None,
    title: str = "",
    save: Save = None,
) -> Figure:
    """Which share was tampered (up) of what was given a probability (right); the diagonal is right.

    The grey bars say where the probabilities are, on a logarithmic scale without numbers.

    Args:
        predictions: see `show_roc`.
        of: "pixels" of all images together, or "images".
        bins: of equal width.
        ax: axes to draw into.
        title: above.
        save: a file to write the figure to.

    Raises:
        DataError: no prediction.
    """
    ax = one_axes(ax, 4.2, 4.4)
    models = _models(predictions)
    for number, (name, found) in enumerate(models.items()):
        table = reliability(found, of, bins)
        if number == 0:
            heights = np.log1p(table["number"]) / max(1.0, float(np.log1p(table["number"]).max()))
            where = f"where the {of} are" + (f" ({name})" if len(models) > 1 else "")
            width = 1 / bins
            ax.bar(table["low"], 0.3 * heights, width, align="edge", color="0.85", label=where)
        known = table.dropna()
        ax.plot(
            known["probability"],
            known["tampered"],
            color=CYCLE[number % len(CYCLE)],
            linestyle=DASHES[number % len(DASHES)],
            marker=MARKERS[number % len(MARKERS)],
            label=f"{name} off by {calibration_error(table):.3f} on average".strip(),
        )
    ax.plot([0, 1], [0, 1], color=BLACK, lw=1, ls=(0, (1, 3)), label="as it should be")
    ax.set(xlabel="probability given", ylabel=f"share of {of} that is tampered")
    return _square(ax, title or f"reliability of {of}", save, below=True)


def _models(predictions: Models) -> dict[str, list[Prediction]]:
    several = predictions if isinstance(predictions, Mapping) else {"": predictions}
    found = {str(name): list(one) for name, one in several.items()}
    if not found:
        raise DataError("there is no prediction; check what was predicted")
    return found


def _line(ax: Axes, number: int, x: Any, y: Any, label: str) -> None:
    """A curve of few points: those that are equally far apart along it."""
    across, up = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    along = np.concatenate([[0], np.cumsum(np.abs(np.diff(across)) + np.abs(np.diff(up)))])
    kept = np.unique(np.searchsorted(along, np.linspace(0, along[-1], POINTS)).clip(0, len(across) - 1))
    kept = np.union1d(kept, [0, len(across) - 1])
    ax.plot(
        across[kept],
        up[kept],
        color=CYCLE[number % len(CYCLE)],
        linestyle=DASHES[number % len(DASHES)],
        label=label,
    )


def _square(ax: Axes, title: str, save: Save, below: bool = False) -> Figure:
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    ax.set_title(title, fontsize=9)
    ax.tick_params(labelsize=SMALL)
    ax.grid(alpha=0.3)
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.17)} if below else {}
    ax.legend(fontsize=SMALL, handlelength=3, **place)
    return finish(root(ax), save)
