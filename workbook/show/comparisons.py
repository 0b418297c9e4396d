"""One model's scores compared: under each protocol, and after what happens to images on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbook.core.errors import DataError
from workbook.core.robustness import CLEAN
from workbook.show.canvas import (
    BLACK,
    BLUE,
    CYCLE,
    DASHES,
    MARKERS,
    SMALL,
    VERMILION,
    Save,
    finish,
    new_figure,
    one_axes,
    root,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def show_protocols(
    table: pd.DataFrame, *, ax: Axes | None = None, title: str = "", save: Save = None
) -> Figure:
    """The same predictions under each protocol: pixel F1 with its interval, lowest at the bottom.

    Hollow squares are scores that looked at the truth to choose a threshold or to invert a map.

    Args:
        table: from `compare_protocols`.
        ax: axes to draw into.
        title: above.
        save: a file to write the figure to.

    Raises:
        DataError: another table, or no protocol in it.
    """
    missing = {"protocol", "pixel_f1", "low", "high"} - set(table.columns)
    if missing or table.empty:
        raise DataError(
            f"the table has no {', '.join(sorted(missing)) or 'row'}; give that of compare_protocols"
        )
    rows = table.sort_values("pixel_f1", kind="stable", na_position="first").to_dict("records")
    ax = one_axes(ax, 7.2, 1.1 + 0.34 * len(rows))
    for place, row in enumerate(rows):
        value, low, high = row["pixel_f1"], row["low"], row["high"]
        if value != value:
            ax.text(0.01, place, "undefined", va="center", fontsize=SMALL)
            continue
        looked = row.get("inverse") is True or str(row.get("threshold")).startswith("best")
        colour = VERMILION if looked else BLUE
        if low == low:
            ax.hlines(place, low, high, color=colour, lw=1.6)
        ax.plot(value, place, "s" if looked else "o", color=colour, mfc="white" if looked else colour, ms=6)
        ax.annotate(
            f"{value:.3f}",
            (high if high == high else value, place),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
        )
    ax.set_yticks(range(len(rows)), [f"{row['protocol']}\n{_terms(row)}" for row in rows], fontsize=6.5)
    ax.plot([], [], "o", color=BLUE, label="decided without the truth")
    ax.plot([], [], "s", color=VERMILION, mfc="white", label="chosen by looking at the truth")
    ax.legend(
        fontsize=SMALL, loc="upper center", bbox_to_anchor=(0.4, -0.45 / max(1, 0.34 * len(rows))), ncols=2
    )
    ax.set(
        xlim=(0, 1.08), ylim=(-0.6, len(rows) - 0.4), xlabel="pixel F1 of the same predictions, and interval"
    )
    ax.set_title(title, fontsize=9)
    ax.tick_params(axis="x", labelsize=SMALL)
    ax.grid(axis="x", alpha=0.3)
    return finish(root(ax), save)


def _terms(row: dict[str, Any]) -> str:
    """A protocol in a few words."""
    threshold = row.get("threshold", "")
    words = [
        "" if row.get("authentic") == "left out" else f"authentic {row.get('authentic', '')}".strip(),
        f"threshold {threshold}",
        "better of map and inverse" if row.get("inverse") is True else "",
        "border ignored" if isinstance(row.get("border"), tuple) else "",
        "both classes" if row.get("macro") is True else "",
        "pooled" if row.get("average") == "pooled" else "",
    ]
    return ", ".join(filter(None, words))


def show_robustness(
    tables: pd.DataFrame | dict[str, pd.DataFrame],
    score: str | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    save: Save = None,
) -> Figure:
    """A score over the strength of each perturbation, one panel each, with the clean score as a line.

    Args:
        tables: from `robustness`, or several by the model's name.
        score: a column; the first score when None.
        ax: axes to draw into, for a single perturbation.
        title: above all.
        save: a file to write the figure to.

    Raises:
        DataError: another table, no such score, or several perturbations for one `ax`.
    """
    models = tables if isinstance(tables, dict) else {"": tables}
    first = next(iter(models.values()), None)
    if first is None or not {"perturbation", "strength"} <= set(first.columns):
        raise DataError("the table has no perturbation and strength; give that of robustness")
    names = [name for name in first["perturbation"].unique() if name != CLEAN]
    scores = [c for c in first.columns if c not in ("perturbation", "strength", "unit")]
    score = score or (scores[0] if scores else "")
    if score not in scores or not names:
        raise DataError(f"the table has no score {score!r} or no perturbation; it has {', '.join(scores)}")
    if ax is not None and len(names) > 1:
        raise DataError(
            f"{len(names)} perturbations need as many axes; leave ax out, or choose one of {names}"
        )
    if ax is None:
        columns = min(len(names), 2 if len(names) == 4 else 3)
        rows = -(-len(names) // columns)
        figure = new_figure(3.4 * columns, 2.5 * rows + 0.3, title)
        panels = [figure.add_subplot(rows, columns, i + 1) for i in range(len(names))]
    else:
        panels = [ax]
    for number, (panel, name) in enumerate(zip(panels, names, strict=True)):
        _draw_perturbation(panel, name, models, score)
        if number == 0:
            panel.legend(fontsize=7, handlelength=3)
    return finish(root(panels[0]), save)


def _draw_perturbation(ax: Axes, name: str, models: dict[str, pd.DataFrame], score: str) -> None:
    unit, ticks = "", []
    for number, (model, table) in enumerate(models.items()):
        chosen = table[table["perturbation"] == name]
        colour = CYCLE[number % len(CYCLE)]
        ax.plot(
            range(len(chosen)),
            chosen[score],
            color=colour,
            linestyle=DASHES[number % len(DASHES)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=4,
            label=model or score,
        )
        clean = table.loc[table["perturbation"] == CLEAN, score]
        if len(clean):
            label = f"{model} clean, {clean.iloc[0]:.3f}".strip()
            ax.axhline(
                clean.iloc[0], color=colour if len(models) > 1 else BLACK, lw=1, ls=(0, (1, 2)), label=label
            )
        if len(chosen):
            unit, ticks = str(chosen["unit"].iloc[0]), [f"{s:g}" for s in chosen["strength"]]
    # Strengths in their given order, evenly spaced: qualities fall while kernels rise, and both get worse.
    ax.set_xticks(np.arange(len(ticks)), ticks)
    ax.set(xlabel=unit, ylabel=score, ylim=(-0.02, 1.02))
    ax.set_title(name, fontsize=9)
    ax.tick_params(labelsize=SMALL)
    ax.grid(alpha=0.3)
