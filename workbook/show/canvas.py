"""What all pictures share: colours, figures that a notebook shows once, images, and outlines of masks.

The colours are those of Okabe and Ito, which people with any colour vision tell apart; nothing is told by
colour alone.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from workbook.core.errors import DataError
from workbook.show.display import Map, Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The eight of Okabe and Ito (Color Universal Design, 2008).
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

DPI = 80  # a stored notebook holds every picture
LARGEST = 1000  # pixels of a side that are drawn; more are not seen at this size
SMALL = 7.5  # points

Save = str | os.PathLike[str] | None


class NotebookFigure(Figure):
    """A figure that a notebook stores as a PNG of 256 colours: a third of the bytes, the same to look at."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=DPI)
        with Image.open(buffer) as whole:
            few = few_colours(whole)
        few.save(buffer := BytesIO(), "PNG", optimize=True)
        return {"image/png": b64encode(buffer.getvalue()).decode("ascii")}


def few_colours(picture: Image.Image) -> Image.Image:
    """A picture in 256 colours, always the same ones for the same picture; those of `CYCLE` stay as they are.

    Else a legend's yellow, a few pixels of a large picture, would become the brown that it has most of.
    """
    own = [rgb(colour).astype(np.uint8) for colour in (*CYCLE, YELLOW)]
    whole = picture.convert("RGB")
    few = whole.quantize(256 - len(own), dither=Image.Dither.NONE)
    pixels, places = np.asarray(whole), np.array(few)  # (H, W, 3), (H, W)
    palette = np.resize(few.getpalette() or [0], (256, 3)).astype(np.uint8)
    for place, colour in enumerate(own, start=256 - len(own)):
        palette[place] = colour
        places[(pixels == colour).all(axis=2)] = place
    kept = Image.fromarray(places)
    kept.putpalette(palette.tobytes())
    return kept


def rgb(colour: str) -> NDArray[np.float64]:
    """A colour's red, green and blue, each 0 to 255.

    >>> rgb(YELLOW).tolist()
    [240.0, 228.0, 66.0]
    """
    return (np.array(to_rgb(colour)) * 255).round()


def new_figure(width: float, height: float, title: str | None = None, **how: Any) -> Figure:
    """An empty figure of that size in inches."""
    # Not pyplot's: were an error to follow, it would show the empty figure at the end of the cell.
    figure = NotebookFigure(figsize=(width, height), dpi=DPI, **(how or {"layout": "compressed"}))
    if title:
        # A layout keeps room for a title only where it may place it.
        place = {"y": 1 - 0.06 / height, "va": "top"} if figure.get_layout_engine() is None else {}
        figure.suptitle(title, fontsize=10, **place)
    return figure


def grid(
    rows: int,
    columns: int,
    *,
    width: float = 10,
    heights: Sequence[float] | None = None,
    lines: int = 2,
    title: str | None = None,
    foot: float = 0.0,
    ax: Axes | None = None,
) -> tuple[Figure, list[list[Axes]]]:
    """A grid of axes without ticks, with no more paper between them than their titles need.

    Args:
        rows: how many.
        columns: how many.
        width: of the figure, in inches.
        heights: of each row, as a share of a column's width; 1 if None.
        lines: of the title above each of the axes.
        title: above all.
        foot: inches below all, for a legend.
        ax: axes whose place the grid takes, in a figure of one's own; its size is then as it is.

    Raises:
        DataError: axes that stand in no grid, such as those of `add_axes`.
    """
    if ax is not None:
        return _grid_within(ax, rows, columns, heights, title)
    side, between, above = 0.05, 0.12, 0.08 + 0.13 * lines  # inches
    cell = (width - 2 * side - between * (columns - 1)) / columns
    high = [cell * share for share in heights or [1.0] * rows]
    head, foot = (0.3 if title else 0.0), foot + side
    whole = head + foot + sum(high) + above * rows
    # A solver of layouts cannot know how tall fixed-aspect images become; here all is known beforehand.
    figure = new_figure(width, whole, title, layout="none")
    spec = figure.add_gridspec(
        rows,
        columns,
        height_ratios=high,
        left=side / width,
        right=1 - side / width,
        top=1 - (head + above) / whole,
        bottom=foot / whole,
        wspace=between / cell,
        hspace=above * rows / sum(high),
    )
    axes = [[figure.add_subplot(spec[row, column]) for column in range(columns)] for row in range(rows)]
    for each in (one for row in axes for one in row):
        each.set_axis_off()
        each.set_anchor("N")  # the titles of a row on one line
    return figure, axes


def _grid_within(
    ax: Axes, rows: int, columns: int, heights: Sequence[float] | None, title: str | None
) -> tuple[Figure, list[list[Axes]]]:
    figure, place = root(ax), ax.get_subplotspec()
    if place is None:
        raise DataError("ax stands in no grid; make it with plt.subplots or figure.add_subplot")
    ax.set_axis_off()
    if title:
        ax.set_title(title, fontsize=9, pad=32)
    spec = place.subgridspec(rows, columns, height_ratios=heights, wspace=0.05, hspace=0.3)
    axes = [[figure.add_subplot(spec[row, column]) for column in range(columns)] for row in range(rows)]
    for each in (one for row in axes for one in row):
        each.set_axis_off()
        each.set_anchor("N")
    return figure, axes


def caption(ax: Axes, text: str, **how: Any) -> None:
    """A small title, its lines wrapped, and its long words shortened, to the width that axes were given."""
    room = max(8, int(ax.get_position(original=True).width * root(ax).get_figwidth() / (SMALL * 0.0088)))
    lines = [piece for line in text.split("\n") for piece in wrap(_fit(line, room), room)]
    ax.set_title("\n".join(lines), fontsize=SMALL, pad=4, **how)


def _fit(line: str, room: int) -> str:
    return " ".join(shorten(word, room) for word in line.split())


def one_axes(ax: Axes | None, width: float = 5, height: float = 3.4) -> Axes:
    """The axes given, or those of a new figure."""
    return new_figure(width, height).add_subplot() if ax is None else ax


def finish(figure: Figure, save: Save = None) -> Figure:
    """Save the figure if asked to, and take it from pyplot, which would show the owner of `ax` it twice.

    The file appears whole or not at all; its suffix names the format.
    """
    if save is not None:
        file = Path(save)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.stem}.part{file.suffix or '.png'}")
        figure.savefig(part)
        part.replace(file)
    plt.close(figure)
    return figure


def root(ax: Axes) -> Figure:
    """The figure that axes are in, also where they are in a sub-figure."""
    figure: Any = ax.figure
    while figure.figure is not figure:
        figure = figure.figure
    return figure


def height_of(pictures: Sequence[Picture | Map]) -> float:
    """A row's height as a share of a column's width, with an end to how tall portraits become."""
    return min(0.9, max((picture.shape[0] / picture.shape[1] for picture in pictures), default=1.0))


def draw_image(ax: Axes, picture: Picture | Map, title: str = "", **how: Any) -> None:
    """Draw a picture in its own pixel coordinates, made smaller where it has more pixels than are seen."""
    height, width = picture.shape[:2]
    factor = max(1, max(height, width) // LARGEST)
    if factor > 1:
        picture = np.asarray(Image.fromarray(picture).reduce(factor))
    ax.imshow(picture, extent=(-0.5, width - 0.5, height - 0.5, -0.5), **how)
    ax.set_axis_off()
    caption(ax, title)


def draw_map(ax: Axes, values: Map, title: str = "", cmap: str = "gray") -> None:
    """Draw values in [0, 1], always on the same scale."""
    draw_image(ax, values, title, cmap=cmap, vmin=0, vmax=1)


def draw_outline(ax: Axes, mask: Map, level: float = 0.5) -> None:
    """Draw a mask's outline: a line between two black ones, so that it is seen on any ground.

    Args:
        ax: where the image is drawn, in pixel coordinates.
        mask: (H, W) in [0, 1].
        level: what is above it is inside.
    """
    if not (mask > level).any():
        return
    height, width = mask.shape
    step = max(1, max(height, width) // LARGEST)
    inside = np.pad((mask[::step, ::step] > level).astype(np.float32), 1)  # so that it closes at the border
    x = np.arange(-1, inside.shape[1] - 1) * step
    y = np.arange(-1, inside.shape[0] - 1) * step
    limits = ax.get_xlim(), ax.get_ylim()
    for line_width, line_colour in ((2.2, BLACK), (1.0, YELLOW)):
        ax.contour(x, y, inside, levels=[0.5], colors=[line_colour], linewidths=line_width)
    ax.set(xlim=limits[0], ylim=limits[1])


def draw_marked(ax: Axes, mask: Map) -> None:
    """Tint what a mask marks, and outline it; the mask is drawn at its own size, pixel on pixel."""
    limits = ax.get_xlim(), ax.get_ylim()
    tint = np.zeros((*mask.shape, 4), dtype=np.float32)  # (H, W, RGBA)
    tint[...] = (*to_rgb(YELLOW), 0)
    tint[..., 3] = 0.45 * mask
    ax.imshow(tint, extent=(-0.5, mask.shape[1] - 0.5, mask.shape[0] - 0.5, -0.5))
    ax.set(xlim=limits[0], ylim=limits[1])
    draw_outline(ax, mask)


def shorten(text: str, length: int = 34) -> str:
    """A long name with its middle left out.

    >>> shorten("Sp_D_NNN_A_art0087_nat0003_0045.jpg", 20)
    'Sp_D_NNN_…3_0045.jpg'
    """
    if len(text) <= length:
        return text
    tail = length // 2
    return f"{text[: length - tail - 1]}…{text[-tail:]}"
