"""What a model marked, beside the truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from workbook.core import scores as formulas
from workbook.core.errors import DataError
from workbook.core.score_inputs import check_threshold
from workbook.show.canvas import (
    BLUE,
    SMALL,
    VERMILION,
    YELLOW,
    Save,
    caption,
    draw_image,
    draw_map,
    draw_outline,
    finish,
    grid,
    height_of,
    rgb,
    root,
)
from workbook.show.display import Map, Picture, to_map, to_maps, to_picture, to_pictures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# From what a pixel turned out to be to its colour, its stripes' colour and their direction (as hatch).
HITS: dict[str, tuple[str, str, str]] = {
    "found": (YELLOW, YELLOW, ""),
    "false alarm": (VERMILION, "#000000", "///"),
    "missed": (BLUE, "#FFFFFF", "\\\\\\"),
}


def show_predictions(
    images: Any,
    masks: Iterable[Any] | None,
    maps: Iterable[Any],
    names: Sequence[str] | None = None,
    scores: Sequence[float] | None = None,
    threshold: float = 0.5,
    worst_first: bool = False,
    *,
    limit: int = 8,
    ax: Axes | None = None,
    title: str | None = None,
    save: Save = None,
) -> Figure:
    """Image, truth, probability, and both laid over each other; one row an image.

    Args:
        images: tensors, arrays or paths, of any sizes; or a batch (B, 3, H, W).
        masks: the truth of each; None for one without, which counts as authentic; None for all if unknown.
        maps: the predicted probabilities, each of its image's size.
        names: shown at the left.
        scores: shown with the names, and what "worst" goes by; each image's pixel F1 if None (for an
            authentic image, the share of pixels that were left alone).
        threshold: a pixel is marked where the probability is above it.
        worst_first: the lowest scores first; an undefined score comes last.
        limit: no more than so many rows.
        ax: axes whose place the grid takes.
        title: above all.
        save: a file to write the figure to.

    Raises:
        DataError: numbers or sizes that do not go together.
        WorkbookError: a threshold outside [0, 1].
    """
    check_threshold(threshold)
    pictures = to_pictures(images)
    truths = to_maps(masks, pictures)
    probabilities = [to_map(one) for one in maps]
    for number, (picture, *others) in enumerate(_zipped(pictures, probabilities, truths)):
        for other in others:
            if other is not None and other.shape != picture.shape[:2]:
                raise DataError(
                    f"image {number} is {picture.shape[:2]} and its map or mask {other.shape}; "
                    "bring both to one size"
                )
    known = masks is not None
    values, words = case_scores(probabilities, truths, threshold) if known else ([], [""] * len(pictures))
    if scores is not None:
        values = [float(score) for score in scores]
        words = [f"{value:.3f}" for value in values]
    order = list(range(len(pictures)))
    if worst_first and values:
        order.sort(key=lambda i: (np.isnan(values[i]), values[i]))
    order = order[:limit]
    heights = [height_of([pictures[i]]) for i in order]
    figure, axes = grid(len(order), 4 if known else 3, width=9, heights=heights, title=title, foot=0.3, ax=ax)
    for row, i in zip(axes, order, strict=True):
        name = "" if names is None else names[i]
        draw_image(row[0], pictures[i], f"{name}\n{words[i]}".strip())
        truth = _filled(truths[i], probabilities[i]) if known else _cut(probabilities[i], threshold)
        if known:
            draw_map(row[1], truth)
        draw_map(row[-2], probabilities[i], cmap="magma")
        draw_image(row[-1], overlay(pictures[i], truth, probabilities[i], threshold))
    headings = [*(["truth"] if known else []), "probability, dark 0 to bright 1", f"above {threshold:g}"]
    for ax, heading in zip(axes[0][1:], headings, strict=True):
        caption(ax, heading)
    _legend(figure, list(HITS) if known else ["found"], "" if known else "marked")
    return finish(figure, save)


def overlay(picture: Picture, truth: Map, probability: Map, threshold: float = 0.5) -> Picture:
    """The image in grey under what was found (plain), marked wrongly (dark stripes), missed (light stripes).

    Args:
        picture: uint8 (H, W, 3).
        truth: (H, W) in [0, 1], tampered above 0.5.
        probability: (H, W) in [0, 1], marked above the threshold.
        threshold: in [0, 1].

    Returns:
        uint8 (H, W, 3).

    >>> grey = np.zeros((1, 2, 3), dtype=np.uint8)
    >>> overlay(grey, np.array([[1.0, 0.0]]), np.array([[0.9, 0.1]]))[0].tolist()
    [[180, 171, 49], [0, 0, 0]]
    """
    grey = picture.mean(axis=2, keepdims=True).repeat(3, axis=2)  # (H, W, 3)
    tampered, marked = truth > 0.5, probability > threshold
    height, width = tampered.shape
    period = max(6, max(height, width) // 32)  # pixels, so that stripes look alike at any size
    down, right = np.indices((height, width), sparse=True)
    for name, place in zip(HITS, (tampered & marked, ~tampered & marked, tampered & ~marked), strict=True):
        colour, stripe, direction = HITS[name]
        along = (down + right) if direction.startswith("/") else (down - right)
        striped = (along % period < period // 4)[..., None]
        paint = np.where(striped, rgb(stripe), rgb(colour))
        grey = np.where(place[..., None], 0.25 * grey + 0.75 * paint, grey)
    return grey.astype(np.uint8)


def show_overlay(
    image: Any,
    prob: Any,
    mask: Any = None,
    *,
    threshold: float = 0.5,
    ax: Axes | None = None,
    title: str = "",
    save: Save = None,
) -> Figure:
    """One image with what a model marked: with the truth, hits, false alarms and misses; without, an outline.

    Args:
        image: a tensor, an array or a path.
        prob: the probabilities, of the same size.
        mask: the truth, if known.
        threshold: a pixel is marked where the probability is above it.
        ax: axes to draw into.
        title: above the image.
        save: a file to write the figure to.
    """
    check_threshold(threshold)
    picture, probability = to_picture(image), to_map(prob)
    drawn = _axes(ax, picture, title, foot=0.0 if mask is None else 0.3)
    if mask is None:
        glow = probability[..., None] * rgb(YELLOW) + (1 - probability[..., None]) * picture
        draw_image(drawn, (0.5 * glow + 0.5 * picture).astype(np.uint8), title)
        draw_outline(drawn, probability, level=threshold)
    else:
        draw_image(drawn, overlay(picture, to_map(mask), probability, threshold), title)
        if ax is None:
            _legend(root(drawn), list(HITS))
    return finish(root(drawn), save)


def _zipped(
    pictures: list[Picture], probabilities: list[Map], truths: list[Map | None]
) -> list[tuple[Picture, Map, Map | None]]:
    if len(pictures) != len(probabilities) or not pictures:
        raise DataError(f"{len(pictures)} images and {len(probabilities)} maps; give one map an image")
    return list(zip(pictures, probabilities, truths, strict=True))


def _axes(ax: Axes | None, picture: Picture, title: str, foot: float) -> Axes:
    if ax is not None:
        return ax
    lines = 1 + title.count("\n") if title else 0
    return grid(1, 1, width=5, heights=[height_of([picture])], lines=lines, foot=foot)[1][0][0]


def _filled(truth: Map | None, like: Map) -> Map:
    """The truth; of an authentic image, a mask that marks nothing."""
    return np.zeros_like(like) if truth is None else truth


def _cut(probability: Map, threshold: float) -> Map:
    return (probability > threshold).astype(np.float32)


def case_scores(
    probabilities: list[Map], truths: list[Map | None], threshold: float
) -> tuple[list[float], list[str]]:
    """Each image's score, higher is better, and what to say of it: pixel F1, or false alarms if authentic."""
    values, words = [], []
    for probability, truth in zip(probabilities, truths, strict=True):
        target = torch.from_numpy(_filled(truth, probability))[None, None]
        counts = formulas.pixel_counts(torch.from_numpy(probability)[None, None], target, threshold=threshold)
        if int(counts.tp + counts.fn):
            values.append(float(formulas.f1(counts)))
            words.append(f"F1 {values[-1]:.3f}")
        else:
            values.append(1 - float(formulas.false_alarm_rate(counts)))
            words.append(f"authentic, {1 - values[-1]:.1%} marked")
    return values, words


def _legend(figure: Figure, names: list[str], label: str = "") -> None:
    from matplotlib.patches import Patch

    patches = [
        Patch(facecolor=HITS[name][0], edgecolor=HITS[name][1], hatch=HITS[name][2], label=label or name)
        for name in names
    ]
    figure.legend(handles=patches, loc="lower right", ncols=len(names), fontsize=SMALL, frameon=False)
