"""What is wrong with a dataset, to look at: each fault's image, its mask as it is stored, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def show_faults(
    faults: FaultReport | Iterable[Fault],
    hosts: Mapping[Path, Path] | None = None,
    *,
    limit: int = 8,
    title: str | None = None,
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
    rows = [_Row(fault, (hosts or {}).get(fault.image) if fault.image else None) for fault in shown]
    heights = [row.height() for row in rows]
    figure, axes = grid(len(rows), 3, width=9, heights=heights, lines=4, title=title)
    for row, places in zip(rows, axes, strict=True):
        row.draw(places)
    return finish(figure, save)


class _Row:
    """The pictures of one fault; text in place of one that cannot be."""

    def __init__(self, fault: Fault, host: Path | None) -> None:
        self.fault, self.host = fault, host
        self.image = stored(fault.image) if fault.image else "no image"
        self.mask = stored(fault.mask) if fault.mask else "no mask"
        self.levels = _levels(fault.mask)

    def height(self) -> float:
        sizes = [part for part in (self.image, self.mask) if not isinstance(part, str)]
        return height_of(sizes) if sizes else 0.4

    def draw(self, axes: list[Axes]) -> None:
        fault = self.fault
        _draw(axes[0], self.image, _named(fault.image, self.image))
        _draw(axes[1], self.mask, _named(fault.mask, self.mask))
        seen = self._draw_reason(axes[2])
        words = [": ".join(filter(None, [fault.kind, cause(fault)])), f"repair: {fault.repair}", seen]
        caption(axes[2], "\n".join(filter(None, words)))

    def _draw_reason(self, ax: Axes) -> str:
        """Draw the third picture, and say what it shows."""
        detail = self.fault.detail
        for key, words in (("same_as", "same pixels:"), ("candidate", "this fits:")):
            if key in detail:
                other = Path(detail[key])
                _draw(ax, stored(other), "")
                return f"{words} {other.name}"
        if isinstance(self.image, str):
            return ""
        if self.host is not None and self.fault.kind in ("misaligned", "empty_mask", "full_mask"):
            return self._difference(ax)
        if self.fault.kind == "not_binary" and self.levels is not None:
            draw_map(ax, ((self.levels > 0) & (self.levels < 1)).astype(np.float32))
            return "white: pixels that are neither 0 nor 255"
        if self.fault.kind == "exif_rotation" and self.fault.image is not None:
            draw_image(ax, to_picture(self.fault.image))
            return "turned upright"
        draw_image(ax, self.image)
        if "right_name" in detail:
            return f"right name: {detail['right_name']}"
        if self.levels is None:
            return ""
        draw_marked(ax, self.levels)
        return "yellow: what the mask marks" if self.levels.max() > 0.5 else "the mask marks nothing"

    def _difference(self, ax: Axes) -> str:
        """Where image and host differ, with the mask's outline."""
        host = stored(self.host) if self.host else ""
        if isinstance(host, str) or isinstance(self.image, str) or host.shape != self.image.shape:
            draw_image(ax, self.image) if not isinstance(self.image, str) else None
            return "the host cannot be compared"
        apart = np.abs(self.image.astype(np.int16) - host).max(axis=2)
        draw_map(ax, np.minimum(apart / np.float32(64), 1).astype(np.float32))
        if self.levels is not None:
            draw_outline(ax, self.levels)
        return "white: unlike the host; line: mask"


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


def _levels(path: Path | None) -> Map | None:
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


def _draw(ax: Axes, pixels: Picture | str, title: str) -> None:
    if isinstance(pixels, str):
        how: dict[str, Any] = {"ha": "center", "va": "center", "transform": ax.transAxes}
        ax.text(0.5, 0.5, pixels, fontsize=9, **how)
        caption(ax, title)
    else:
        draw_image(ax, pixels, title)
