"""What is wrong with a dataset, to look at: each fault's image, its mask as it is stored, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image

from workbook.core.errors import DataError
from workbook.core.images import mask_levels
from workbook.curation.faults import Fault, FaultReport
from workbook.curation.opening import Unreadable, decode, opened
from workbook.show.canvas import (
    Save,
    caption,
    draw_image,
    draw_map,
    draw_marked,
    draw_outline,
    finish,
    grid,
    height_of,
)
from workbook.show.display import Map, Picture, to_map, to_picture
from workbook.show.panes import Pane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def show_faults(
    faults: FaultReport | Iterable[Fault],
    hosts: Mapping[Path, Path] | None = None,
    *,
    limit: int = 8,
    title: str | None = None,
    ax: Axes | None = None,
    save: Save = None,
) -> Figure:
    """One row a fault: the image, the mask as it is stored, and what is wrong; each drawn at its own size.

    The third picture lays the mask's outline on the image, pixel on pixel. Where there is something better to
    see it shows that: the image that a duplicate equals, the file that fits a lonely one, an image turned
    upright, and with `hosts` where a tampered image differs from its authentic host.

    Args:
        faults: a report or some of its faults. A file that cannot be read is shown as its reason.
        hosts: from an image to its authentic host, as `workbook.curation.find_hosts` returns it.
        limit: no more than so many rows; the title says how many there are.
        title: above all.
        ax: axes whose place the rows take.
        save: a file to write the figure to.

    Raises:
        DataError: there is no fault.
    """
    every = list(faults.faults if isinstance(faults, FaultReport) else faults)
    if not every:
        raise DataError("there is no fault to show; the dataset is clean")
    shown = every[:limit]
    if len(every) > limit:
        title = f"{title or 'Faults'}: the first {limit} of {len(every)}"
    rows = [fault_panes(fault, (hosts or {}).get(fault.image) if fault.image else None) for fault in shown]
    heights = [_height(row) for row in rows]
    figure, axes = grid(len(rows), 3, width=9, heights=heights, lines=4, title=title, ax=ax)
    for row, places in zip(rows, axes, strict=True):
        for pane, place in zip(row, places, strict=True):
            _draw(place, pane)
    return finish(figure, save)


def fault_panes(fault: Fault, host: Path | None = None) -> list[Pane]:
    """The three pictures of one fault, text in place of one that cannot be: image, mask, what is wrong.

    Args:
        fault: the fault.
        host: the image's authentic host, where there is one.
    """
    image = stored(fault.image) if fault.image else "no image"
    mask = stored(fault.mask) if fault.mask else "no mask"
    seen, reason = _reason(fault, image, host)
    words = [": ".join(filter(None, [fault.kind, cause(fault)])), f"repair: {fault.repair}", seen]
    return [
        Pane(image, _named(fault.image, image)),
        Pane(mask, _named(fault.mask, mask)),
        replace(reason, title="\n".join(filter(None, words))),
    ]


def _reason(fault: Fault, image: Picture | str, host: Path | None) -> tuple[str, Pane]:
    """The third picture, and what it shows."""
    for key, words in (("same_as", "same pixels:"), ("candidate", "this fits:")):
        if key in fault.detail:
            other = Path(fault.detail[key])
            return f"{words} {other.name}", Pane(stored(other))
    if isinstance(image, str):
        return "", Pane("")
    levels = read_levels(fault.mask)
    if host is not None and fault.kind in ("misaligned", "empty_mask", "full_mask"):
        return _difference(image, host, levels)
    if fault.kind == "not_binary" and levels is not None:
        grey = ((levels > 0) & (levels < 1)).astype(np.float32)
        return "white: pixels that are neither 0 nor 255", Pane(grey)
    if fault.kind == "exif_rotation" and fault.image is not None:
        return "turned upright", Pane(to_picture(fault.image))
    if "right_name" in fault.detail:
        return f"right name: {fault.detail['right_name']}", Pane(image)
    if levels is None:
        return "", Pane(image)
    marks = levels.max() > 0.5
    seen = "yellow: what the mask marks" if marks else "the mask marks nothing"
    return seen, Pane(image, mask=levels, tint=True)


def _difference(image: Picture, host: Path, levels: Map | None) -> tuple[str, Pane]:
    """Where image and host differ, with the mask's outline."""
    other = stored(host)
    if isinstance(other, str) or other.shape != image.shape:
        return "the host cannot be compared", Pane(image)
    apart = np.abs(image.astype(np.int16) - other).max(axis=2)
    shades = np.minimum(apart / np.float32(64), 1).astype(np.float32)
    return "white: unlike the host; line: mask", Pane(shades, mask=levels)


def stored(path: Path) -> Picture | str:
    """A file's pixels as they are stored: not turned upright, alpha left out, levels not stretched.

    Returns:
        uint8 (H, W, 3), or in a few words why there are none.
    """
    try:
        with opened(path) as picture:
            decode(picture)
            if picture.mode.startswith("I;16"):
                picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
            return np.array(picture.convert("RGB"))
    except Unreadable as error:
        return f"cannot be read:\n{error}"


def cause(fault: Fault) -> str:
    """What was seen, in a few words.

    >>> cause(Fault("size_mismatch", None, None, {"cause": "rotated", "degrees": 90}, "rotate"))
    'rotated'
    """
    told = fault.detail.get("cause", fault.detail.get("fits"))
    if told is not None:
        return f"fits {told}" if "cause" not in fault.detail else str(told)
    known = ("same_as", "candidate", "image_size", "mask_size", "evidence", "file", "right_name")
    rest = [(key.replace("_", " "), value) for key, value in fault.detail.items() if key not in known]
    return ", ".join(f"{key} {value}" for key, value in rest)


def read_levels(path: Path | None) -> Map | None:
    """The mask as the library reads it; None where it cannot."""
    if path is None:
        return None
    try:
        with opened(path) as picture:
            return to_map(mask_levels(decode(picture)))
    except (Unreadable, ValueError, OSError):
        return None


def _named(path: Path | None, pixels: Picture | str) -> str:
    if path is None:
        return ""
    size = "" if isinstance(pixels, str) else f"\n{pixels.shape[1]} wide, {pixels.shape[0]} high"
    return path.name + size


def _height(row: list[Pane]) -> float:
    sizes = [pane.pixels for pane in row[:2] if not isinstance(pane.pixels, str)]
    return height_of(sizes) if sizes else 0.4


def _draw(ax: Axes, pane: Pane) -> None:
    if isinstance(pane.pixels, str):
        how: dict[str, Any] = {"ha": "center", "va": "center", "transform": ax.transAxes}
        ax.text(0.5, 0.5, pane.pixels, fontsize=9, **how)
    elif pane.pixels.ndim == 2:
        draw_map(ax, cast("Map", pane.pixels))
    else:
        draw_image(ax, pane.pixels)
    if pane.mask is not None and pane.tint:
        draw_marked(ax, pane.mask)
    elif pane.mask is not None:
        draw_outline(ax, pane.mask)
    caption(ax, pane.title)
