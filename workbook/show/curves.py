"""Curves and scores: trainings, thresholds, images by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from workbook.core.errors import DataError
from workbook.core.progress import NOT_SCORES
from workbook.core.score_inputs import check_threshold
from workbook.curation.names import kind_by_name
from workbook.show.canvas import (
    BLACK,
    CYCLE,
    DASHES,
    MARKERS,
    SMALL,
    Save,
    finish,
    grid,
    new_figure,
    one_axes,
    root,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSSES = ("loss", "valid_loss")
LOWER = ("false_alarm_rate",)  # scores whose highest value is no best one


def show_history(
    history: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    ax: Axes | None = None,
    title: str | None = None,
    save: Save = None,
) -> Figure:
    """The curves of a training, or of several by name: loss, each score, learning rate.

    Args:
        history: what `Trainer.fit` returns, or a dictionary of such tables.
        ax: axes whose place the panels take.
        title: above all.
        save: a file to write the figure to.

    Raises:
        DataError: a table without epochs.
    """
    runs = dict(history) if isinstance(history, Mapping) else {"": history}
    if not runs or any("epoch" not in table or table.empty for table in runs.values()):
        raise DataError("there is no epoch to show; give the table that Trainer.fit returns")
    panels: dict[str, list[str]] = {"loss": []}  # from a panel's name to its columns
    for column in dict.fromkeys(column for table in runs.values() for column in table.columns):
        panel = str(column).rsplit("/", 1)[-1]  # "test/pixel_f1" belongs with "pixel_f1"
        if panel in LOSSES:
            panels["loss"].append(column)
        elif panel not in NOT_SCORES:
            panels.setdefault(panel, []).append(column)
    if any("lr" in table for table in runs.values()):
        panels["lr"] = ["lr"]
    columns = 2 if len(panels) == 4 else min(3, len(panels))
    rows = -(-len(panels) // columns)
    if ax is None:
        figure = new_figure(3.3 * columns, 2.5 * rows + 0.3, title)
        places = [figure.add_subplot(rows, columns, number + 1) for number in range(len(panels))]
    else:
        figure, inner = grid(rows, columns, title=title, ax=ax)
        places = [each for row in inner for each in row]
    for place, (panel, names) in zip(places, panels.items()):  # noqa: B905  (a last row may be short)
        place.set_axis_on()
        _draw_curves(place, panel, names, runs)
    return finish(figure, save)


def _draw_curves(ax: Axes, panel: str, columns: list[str], runs: Mapping[str, pd.DataFrame]) -> None:
    several = len(runs) > 1
    for i, (run, table) in enumerate(runs.items()):
        for j, column in enumerate(name for name in columns if name in table):
            points = table[["epoch", column]].dropna()  # an epoch without a test has no score
            ax.plot(
                points["epoch"],
                points[column],
                color=CYCLE[(i if several else j) % len(CYCLE)],
                linestyle=DASHES[j % len(DASHES)],
                marker=MARKERS[(i if several else j) % len(MARKERS)] if len(points) <= 30 else None,
                markersize=4,
                markerfacecolor="none" if j else None,
                label=" ".join(filter(None, [run, column if len(columns) > 1 else ""])),
            )
    ax.set_title("learning rate" if panel == "lr" else panel, fontsize=9)
    ax.set_xlabel("epoch", fontsize=SMALL)
    ax.tick_params(labelsize=SMALL)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.ticklabel_format(axis="y", scilimits=(-3, 4))
    ax.grid(alpha=0.3)
    if len(ax.lines) > 1:
        ax.legend(fontsize=7, handlelength=3)


def show_scores(
    table: pd.DataFrame,
    score: str = "pixel_f1",
    *,
    ax: Axes | None = None,
    title: str = "",
    save: Save = None,
) -> Figure:
    """One point an image, by kind (splice, copy-move, authentic), with the median as a line.

    Args:
        table: a row an image: `score`, and `kind` or a `name` that tells it; with `label`, 0 is authentic.
        score: the column to show. Undefined scores (NaN) are counted, not drawn.
        ax: axes to draw into.
        title: above.
        save: a file to write the figure to.

    Raises:
        DataError: no such column.
    """
    if score not in table:
        raise DataError(f"the table has no column {score!r}; it has {list(table.columns)}")
    ax = one_axes(ax)
    groups: dict[str, list[float]] = {}
    for kind, value in zip(_kinds(table), table[score], strict=True):
        groups.setdefault(kind, []).append(float(value))
    spread = np.random.default_rng(0)  # sideways only, and the same each time
    labels = []
    for place, kind in enumerate(sorted(groups, key=_rank)):
        values = np.array(groups[kind])
        defined = values[~np.isnan(values)]
        labels.append(f"{kind}\n{len(values)} images" + _undefined(len(values) - len(defined)))
        across = place + spread.uniform(-0.25, 0.25, len(defined))
        colour, marker = CYCLE[place % len(CYCLE)], MARKERS[place % len(MARKERS)]
        ax.scatter(across, defined, s=18, color=colour, marker=marker, alpha=0.7, linewidths=0, label=kind)
        if len(defined):
            median = float(np.median(defined))
            ax.hlines(median, place - 0.35, place + 0.35, color=BLACK, lw=2)
            ax.text(place + 0.37, median, f"{median:.2f}", va="center", fontsize=SMALL)
    ax.set_xticks(range(len(labels)), labels, fontsize=SMALL)
    ax.set(ylabel=f"{score} (line: median)", xlim=(-0.5, len(labels) - 0.3), ylim=(-0.03, 1.03), title=title)
    ax.grid(axis="y", alpha=0.3)
    return finish(root(ax), save)


def show_threshold_curve(
    thresholds: Sequence[float],
    scores: Sequence[float] | Mapping[str, Sequence[float]],
    *,
    chosen: float = 0.5,
    ax: Axes | None = None,
    title: str = "",
    save: Save = None,
) -> Figure:
    """A score, or several by name, over the threshold; the best of each is marked, and the one in use.

    A false alarm rate, of which less is better, has no best: marking nothing would be.

    Args:
        thresholds: (N,), in [0, 1].
        scores: (N,) each.
        chosen: the threshold in use.
        ax: axes to draw into.
        title: above.
        save: a file to write the figure to.

    Raises:
        DataError: numbers that do not go together.
        WorkbookError: `chosen` is outside [0, 1].
    """
    check_threshold(chosen)
    ax = one_axes(ax)
    curves = dict(scores) if isinstance(scores, Mapping) else {"score": scores}
    across = np.asarray(thresholds, dtype=float)
    for number, (name, values) in enumerate(curves.items()):
        heights = np.asarray(values, dtype=float)
        if heights.shape != across.shape:
            raise DataError(
                f"{name}: {heights.size} scores and {across.size} thresholds; give one a threshold"
            )
        colour = CYCLE[number % len(CYCLE)]
        label = name
        if not np.isnan(heights).all() and name not in LOWER:
            best = int(np.nanargmax(heights))
            label = f"{name}, best {heights[best]:.3f} at {across[best]:.2f}"
            ax.plot(across[best], heights[best], "*", color=colour, markersize=11)
        ax.plot(across, heights, color=colour, linestyle=DASHES[number % len(DASHES)], label=label)
    ax.axvline(chosen, color=BLACK, lw=1, ls=":", label=f"in use, {chosen:g}")
    ax.set(xlabel="threshold", ylabel="score", xlim=(0, 1), ylim=(-0.02, 1.02), title=title)
    ax.grid(alpha=0.3)
    ax.legend(fontsize=SMALL)
    return finish(root(ax), save)


def _kinds(table: pd.DataFrame) -> list[str]:
    if "kind" in table:
        return [str(kind) for kind in table["kind"]]
    names: Any = table.get("name", table.index)
    labels = table["label"] if "label" in table else [None] * len(table)
    return [
        kind_by_name(str(name), None if label is None else float(label) == 0) or "tampered"
        for name, label in zip(names, labels, strict=True)
    ]


def _rank(kind: str) -> tuple[int, str]:
    order = ("splice", "copy-move", "authentic")
    return (order.index(kind) if kind in order else 1, kind)


def _undefined(number: int) -> str:
    return f"\n{number} undefined" if number else ""
