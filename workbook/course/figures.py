"""The pictures among a cell's outputs, and whether a new one shows what the stored one shows."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

SIDE = 32  # pixels; at this size fonts and antialiasing no longer show, an empty or wrong picture does
TOLERANCE = 6.0  # grey levels, the mean over the small picture


def read_figures(outputs: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """The PNG pictures among a cell's outputs, in order."""
    texts = [output.get("data", {}).get("image/png") for output in outputs]
    return [base64.b64decode("".join(text)) for text in texts if text]


def figure_difference(one: bytes, other: bytes) -> float:
    """Mean absolute difference in grey levels of two PNG pictures, both shrunk to 32x32 pixels.

    >>> def figure(grey: int) -> bytes:
    ...     Image.new("L", (64, 48), grey).save(file := BytesIO(), "PNG")
    ...     return file.getvalue()
    >>> figure_difference(figure(100), figure(110))
    10.0
    """
    return float(np.abs(_shrunk(one) - _shrunk(other)).mean())


def compare_figures(stored: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> str | None:
    """What tells the pictures of two runs of one cell apart, in a line; None when they show the same."""
    before, after = read_figures(stored), read_figures(new)
    if len(before) != len(after):
        return f"{len(before)} figures are stored, {len(after)} were drawn"
    for number, pair in enumerate(zip(before, after, strict=True), start=1):
        difference = figure_difference(*pair)
        if difference > TOLERANCE:
            return f"figure {number} differs from the stored one by {difference:.1f} grey levels on average"
    return None


def _shrunk(png: bytes) -> np.ndarray:
    """The picture on white paper, as float64 (32, 32, 3)."""
    with Image.open(BytesIO(png)) as opened:
        picture = opened.convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    paper.alpha_composite(picture)
    return np.asarray(paper.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64)
