"""Grids of images: pairs, batches, repairs, channels and feature maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from workbook.core.errors import DataError
from workbook.core.pairs import Pair
from workbook.curation.names import kind_by_name
from workbook.show.canvas import Save, draw_image, draw_map, draw_outline, finish, grid, height_of
from workbook.show.display import Map, Picture, to_map, to_maps, to_picture, to_pictures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def show_pairs(
    pairs: Iterable[Pair],
    columns: int = 4,
    title: str | None = None,
    *,
    ax: Axes | None = None,
    save: Save = None,
) -> Figure:
    """Images with the outline of their masks, each with its name, its kind, and how much of it is marked.

    Args:
        pairs: what to show; `dataset_pairs[:8]` for the first eight.
        columns: images in a row.
        title: above all.
        ax: axes whose place the grid takes.
        save: a file to write the figure to.

    Raises:
        DataError: nothing to show, or a file that cannot be read (see `show_faults` for such files).
    """
    pairs = list(pairs)
    pictures = [to_picture(pair.image) for pair in pairs]
    maps = [None if pair.mask is None else to_map(pair.mask) for pair in pairs]
    titles = [
        f"{pair.name}\n{_what(pair, mask, picture)}"
        for pair, mask, picture in zip(pairs, maps, pictures, strict=True)
    ]
    return _outlined(pictures, maps, titles, columns, title, save, ax)


def show_batch(
    batch: Mapping[str, Any] | tuple[Any, Any],
    columns: int = 4,
    title: str | None = None,
    *,
    limit: int = 16,
    ax: Axes | None = None,
    save: Save = None,
) -> Figure:
    """A batch as the model sees it, prepared or still uint8: images, outlines of masks, labels.

    Args:
        batch: the fields `image` (B, 3, H, W) and, where there are, `mask`, `label`, `name`; or
            `(image, mask)`.
        columns: images in a row.
        title: above all.
        limit: no more than so many images.
        ax: axes whose place the grid takes.
        save: a file to write the figure to.
    """
    fields = dict(batch) if isinstance(batch, Mapping) else dict(zip(("image", "mask"), batch, strict=True))
    if "image" not in fields:
        raise DataError(f"the batch has no image, only {sorted(fields)}; give the fields of a dataset")
    pictures = to_pictures(fields["image"])[:limit]
    masks, names = fields.get("mask"), fields.get("name")
    maps = to_maps(None if masks is None else masks[:limit], pictures)
    titles = []
    for i, mask in enumerate(maps):
        facts = [f"label {float(fields['label'][i]):g}"] if "label" in fields else []
        facts += [] if mask is None else [f"{np.mean(mask > 0.5):.1%} marked"]
        titles.append("\n".join([*([names[i]] if names else []), ", ".join(facts)]))
    return _outlined(pictures, maps, titles, columns, title, save, ax)


def show_repair(before: Pair, after: Pair, *, ax: Axes | None = None, save: Save = None) -> Figure:
    """A pair before and after a correction, the mask's outline drawn at its own size on each.

    Args:
        before: as it was.
        after: as it is in the copy.
        ax: axes whose place the four pictures take.
        save: a file to write the figure to.
    """
    pictures = [to_picture(pair.image) for pair in (before, after)]
    maps = [None if pair.mask is None else to_map(pair.mask) for pair in (before, after)]
    known = [mask for mask in maps if mask is not None]
    heights = [height_of(pictures), height_of(known) if known else 0.2]
    figure, axes = grid(2, 2, width=7, heights=heights, ax=ax)
    for column, word in enumerate(("before", "after")):
        picture, mask, pair = pictures[column], maps[column], (before, after)[column]
        draw_image(axes[0][column], picture, f"{word}: {pair.name}\n{_what(pair, mask, picture)}")
        if mask is not None:
            draw_outline(axes[0][column], mask)
            draw_map(axes[1][column], mask, f"mask, {mask.shape[1]} wide and {mask.shape[0]} high")
        else:
            _say(axes[1][column], "no mask")
    return finish(figure, save)


def show_channels(
    channels: torch.Tensor | np.ndarray[Any, Any],
    names: Sequence[str] | None = None,
    *,
    columns: int = 4,
    title: str | None = None,
    ax: Axes | None = None,
    save: Save = None,
) -> Figure:
    """The channels of one sample, e.g. noise residuals: zero is the middle grey, each has its own scale.

    Args:
        channels: (C, H, W) or (1, C, H, W), any range.
        names: one a channel.
        columns: channels in a row.
        title: above all.
        ax: axes whose place the grid takes.
        save: a file to write the figure to.
    """
    values = torch.as_tensor(channels).detach().float().cpu()
    values = values[0] if values.ndim == 4 else values
    if values.ndim != 3 or not len(values):
        raise DataError(f"shape {tuple(values.shape)} has no channels to show; give (C, H, W)")
    names = names or [f"channel {number}" for number in range(len(values))]
    columns = min(columns, len(values))
    rows = -(-len(values) // columns)
    figure, axes = grid(
        rows,
        columns,
        width=min(10, 3.4 * columns),
        heights=[height_of([values[0].numpy()])] * rows,
        lines=1,
        title=title,
        ax=ax,
    )
    for i, (channel, name) in enumerate(zip(values, names, strict=True)):
        _draw_signed(axes[i // columns][i % columns], channel, name)
    return finish(figure, save)


def show_feature_maps(
    maps: Mapping[str, torch.Tensor],
    channels: int = 6,
    title: str | None = None,
    *,
    ax: Axes | None = None,
    save: Save = None,
) -> Figure:
    """The first channels of each layer's output, one row a layer, each channel on its own scale.

    Args:
        maps: from a layer's name to (1, C, h, w) or (C, h, w), as `workbook.core.feature_maps` returns them.
        channels: how many of each layer.
        title: above all.
        ax: axes whose place the grid takes.
        save: a file to write the figure to.
    """
    layers = {
        name: (value[0] if value.ndim == 4 else value).detach().float().cpu() for name, value in maps.items()
    }
    if not layers:
        raise DataError("there are no feature maps to show; give what feature_maps returns")
    heights = [height_of([value[0].numpy()]) for value in layers.values()]
    figure, axes = grid(
        len(layers), channels, width=1.4 * channels, heights=heights, lines=1, title=title, ax=ax
    )
    for row, (name, value) in zip(axes, layers.items(), strict=True):
        for number, place in enumerate(row[: len(value)]):
            low, high = (float(limit) for limit in torch.aminmax(value[number]))
            draw_image(place, value[number].numpy(), cmap="gray", vmin=low, vmax=max(high, low + 1e-12))
        row[0].set_title(
            f"{name}: {len(value)} × {value.shape[1]} × {value.shape[2]}", fontsize=8, loc="left"
        )
    return finish(figure, save)


def _draw_signed(ax: Axes, channel: torch.Tensor, name: str) -> None:
    # the rarest values set no scale, or one bright pixel would turn all else grey
    reach = max(float(np.quantile(channel.abs().numpy(), 0.995)), 1e-12)
    draw_image(ax, channel.numpy(), f"{name}, ±{reach:.2g}", cmap="gray", vmin=-reach, vmax=reach)


def _say(ax: Axes, text: str) -> None:
    ax.text(0.5, 0.5, text, ha="center", va="center", fontsize=9, transform=ax.transAxes, wrap=True)


def _what(pair: Pair, mask: Map | None, picture: Picture) -> str:
    kind = kind_by_name(pair.name, pair.authentic)
    marked = "" if mask is None else f"{np.mean(mask > 0.5):.1%} marked"
    other = "" if mask is None or mask.shape == picture.shape[:2] else "mask of another size"
    return ", ".join(filter(None, [kind, marked, other]))


def _outlined(
    pictures: Sequence[Picture],
    maps: Sequence[Map | None],
    titles: Sequence[str],
    columns: int,
    title: str | None,
    save: Save,
    ax: Axes | None = None,
) -> Figure:
    """A grid of pictures with the outlines of their masks."""
    if not pictures:
        raise DataError("there is nothing to show; the list is empty")
    columns = min(columns, len(pictures))
    rows = [pictures[first : first + columns] for first in range(0, len(pictures), columns)]
    figure, axes = grid(
        len(rows),
        columns,
        width=min(10, 3.4 * columns),
        heights=[height_of(row) for row in rows],
        title=title,
        ax=ax,
    )
    places = [place for row in axes for place in row]
    for place, picture, mask, words in zip(places, pictures, maps, titles):  # noqa: B905  (a short last row)
        draw_image(place, picture, words)
        if mask is not None:
            draw_outline(place, mask)
    return finish(figure, save)
