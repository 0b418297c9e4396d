"""Pictures with what is laid over them, drawn straight into pixels: widgets redraw them at every move.

A matplotlib figure of three such pictures takes a quarter of a second, these a few hundredths.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from workbook.show.canvas import BLACK, YELLOW, few_colours, rgb, shorten
from workbook.show.display import Map, Picture

WIDE = 1160  # pixels of a row of pictures: what JupyterLab shows without making it smaller
LARGEST = 384  # pixels of a picture's longer side
GAP = 6  # pixels between pictures
FONT = 13  # pixels
TINT = 0.45  # of what a mask marks


@dataclass(frozen=True, eq=False)
class Pane:
    """One picture of a row, or words in its place.

    Attributes:
        pixels: uint8 (H, W, 3), or values in [0, 1] (H, W), or in a few words why there is nothing to see.
        title: above it; may have several lines.
        mask: (H, W) in [0, 1], outlined at its own size, pixel on pixel, whatever the picture's size is.
        level: what is above it is inside.
        tint: also tint what the mask marks.
        colours: of a map: `"gray"` or `"magma"`.
    """

    pixels: Picture | Map | str
    title: str = ""
    mask: Map | None = None
    level: float = 0.5
    tint: bool = False
    colours: str = "gray"


def paint(pane: Pane, largest: int = LARGEST) -> Picture:
    """A pane without its title, its longer side `largest` pixels: uint8 (H, W, 3).

    >>> paint(Pane(np.zeros((4, 8), dtype=np.float32)), largest=16).shape
    (8, 16, 3)
    """
    if isinstance(pane.pixels, str):
        return _words(pane.pixels, largest)
    height, width = pane.pixels.shape[:2]
    scale = largest / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    picture = _fitted(_coloured(pane.pixels, pane.colours), size)
    if pane.mask is None:
        return picture
    inside = _inside(pane.mask, pane.level, scale, size)
    if pane.tint:
        shades = _placed(pane.mask, scale, size)[..., None] * np.float32(TINT)
        picture = (picture + (rgb(YELLOW) - picture) * shades).astype(np.uint8)
    return outlined(picture, inside)


def outlined(picture: Picture, inside: NDArray[np.bool_]) -> Picture:
    """A copy with the outline of a region: a yellow line beside a black one, seen on any ground.

    Args:
        picture: uint8 (H, W, 3).
        inside: bool (H, W).

    >>> outlined(np.zeros((3, 3, 3), dtype=np.uint8), np.eye(3, dtype=bool))[0, 0].tolist()
    [240, 228, 66]
    """
    core = _shrunk(inside)
    ring = inside & ~core  # inside, so that a region at the border is closed
    around = ~inside & _grown(inside)
    drawn = picture.copy()
    drawn[ring] = rgb(YELLOW)
    drawn[around | (core & ~_shrunk(core))] = rgb(BLACK)
    return drawn


def compose(rows: Sequence[Sequence[Pane]], lines: Sequence[str] = ()) -> Image.Image:
    """Rows of panes with their titles, on white paper, below some lines of text.

    Panes are made as large as fits the width of a notebook, and no larger than `LARGEST`.
    """
    columns = max((len(row) for row in rows), default=1)
    largest = min(LARGEST, (WIDE - GAP * (columns - 1)) // columns)
    drawn = [[(pane, paint(pane, largest)) for pane in row] for row in rows]
    titles = [[_wrapped(pane.title, largest) for pane in row] for row in rows]
    heads = [_height(max(map(len, row), default=0)) for row in titles]
    highs = [max((picture.shape[0] for _, picture in row), default=0) for row in drawn]
    head = _height(len(lines))
    paper = Image.new(
        "RGB",
        (columns * (largest + GAP) - GAP, max(1, head + sum(heads) + sum(highs) + GAP * len(rows))),
        "white",
    )
    pen = ImageDraw.Draw(paper)
    _write(pen, (0, 0), lines)
    top = head
    for row, titles_of_row, above, high in zip(drawn, titles, heads, highs, strict=True):
        for column, ((_, picture), title) in enumerate(zip(row, titles_of_row, strict=True)):
            left = column * (largest + GAP)
            _write(pen, (left, top), title)
            paper.paste(Image.fromarray(picture), (left, top + above))
        top += above + high + GAP
    return paper


def to_png(picture: Image.Image) -> bytes:
    """The bytes of a PNG file, made in a hurry."""
    picture.save(file := BytesIO(), "PNG", compress_level=1)
    return file.getvalue()


def to_stored_png(picture: Image.Image) -> str:
    """A PNG of few bytes as base64 text, the way a notebook stores it."""
    few_colours(picture).save(file := BytesIO(), "PNG", optimize=True)
    return b64encode(file.getvalue()).decode("ascii")


def _coloured(pixels: Picture | Map, colours: str) -> Picture:
    if pixels.ndim == 3:
        return pixels.astype(np.uint8, copy=False)
    return _palette(colours)[(pixels.clip(0, 1) * 255).round().astype(np.uint8)]


@cache
def _palette(colours: str) -> Picture:
    """256 colours from 0 to 1: uint8 (256, 3)."""
    import matplotlib as mpl

    values: NDArray[np.uint8] = mpl.colormaps[colours](np.arange(256), bytes=True)
    return np.ascontiguousarray(values[:, :3])


def _fitted(picture: Picture, size: tuple[int, int]) -> Picture:
    """A picture at (height, width): pixels stay sharp where it grows, and are averaged where it shrinks."""
    if picture.shape[:2] == size:
        return picture
    grows = size[0] >= picture.shape[0]
    how = Image.Resampling.NEAREST if grows else Image.Resampling.BOX
    return np.asarray(Image.fromarray(picture).resize(size[::-1], how))


def _inside(mask: Map, level: float, scale: float, size: tuple[int, int]) -> NDArray[np.bool_]:
    return _placed((mask > level).astype(np.float32), scale, size) > 0.5


def _placed(mask: Map, scale: float, size: tuple[int, int]) -> Map:
    """A mask at the scale of its picture, in the same upper left corner, cut to (height, width)."""
    own = max(1, round(mask.shape[0] * scale)), max(1, round(mask.shape[1] * scale))
    if own != mask.shape:
        mask = np.asarray(Image.fromarray(mask).resize(own[::-1], Image.Resampling.NEAREST))
    if own == size:
        return mask
    whole = np.zeros(size, dtype=np.float32)
    rows, columns = min(own[0], size[0]), min(own[1], size[1])
    whole[:rows, :columns] = mask[:rows, :columns]
    return whole


def _shrunk(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without the pixels that touch the outside, or the picture's border."""
    padded = np.pad(inside, 1)
    return inside & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


def _grown(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """With the pixels that touch it."""
    padded = np.pad(inside, 1)
    return inside | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]


def _words(text: str, largest: int) -> Picture:
    """Words on a light ground, as high as half a pane is wide."""
    paper = Image.new("RGB", (largest, largest // 2), "#EEEEEE")
    lines = _wrapped(text, largest - 4 * GAP)
    top = max(GAP, (paper.height - _height(len(lines))) // 2)
    _write(ImageDraw.Draw(paper), (2 * GAP, top), lines)
    return np.asarray(paper)


@cache
def _font() -> Any:
    """That of the figures: it knows more letters than Pillow's own."""
    import matplotlib as mpl

    return ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts/ttf/DejaVuSans.ttf")), FONT)


def _height(lines: int) -> int:
    return lines * (FONT + 4) + (GAP if lines else 0)


def _write(pen: ImageDraw.ImageDraw, corner: tuple[int, int], lines: Sequence[str]) -> None:
    for number, line in enumerate(lines):
        pen.text((corner[0], corner[1] + number * (FONT + 4)), line, fill="black", font=_font())


def _wrapped(text: str, width: int) -> list[str]:
    """The text's lines, broken between words, long words shortened, to a width in pixels."""
    lines: list[str] = []
    for line in text.split("\n") if text else []:
        lines.append("")
        for word in line.split():
            wide = _font().getlength(word)
            word = shorten(word, max(8, int(len(word) * 0.95 * width / wide))) if wide > width else word
            joined = f"{lines[-1]} {word}".strip()
            if lines[-1] and _font().getlength(joined) > width:
                lines.append(word)
            else:
                lines[-1] = joined
    return lines
