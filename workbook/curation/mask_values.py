"""What a mask's pixels say: binary or not, its coding, the channel that holds it, empty, full or inverted."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from workbook.core.alpha import informative_alpha

Finding = tuple[str, dict[str, Any], str]  # kind of fault, detail, repair

THRESHOLD = 128  # a pixel of at least this much is marked
INVERTED_AREA = 0.5  # an inverted mask marks more than this of the image ...
INVERTED_BORDER = 0.75  # ... and of its border; the 920 masks of CASIA v1 reach 0.58, portraits 0.6
ANTIALIASED_BAND = 4  # pixels from the boundary that an antialiased edge may be grey


@dataclass(frozen=True)
class MaskReading:
    """A mask as 8-bit values, and what was odd about its coding.

    Attributes:
        picture: the mask in mode L, 0 to 255, soft where the mask is.
        findings: the faults of its coding.
        area: the marked share, 0 to 1.
    """

    picture: Image.Image
    findings: list[Finding]
    area: float

    @functools.cached_property
    def values(self) -> np.ndarray:
        """The mask as uint8 (H, W); made when asked for, since most masks turn out sound without it."""
        return np.asarray(self.picture)


def read_mask(picture: Image.Image, *, soft: bool = False) -> MaskReading:
    """Read a decoded mask of any mode as values from 0 to 255.

    Args:
        picture: L, RGB, RGBA, palette, 1-bit, 16-bit, float; decoded.
        soft: grey values are wanted (an alpha matte), so they are no fault.
    """
    findings: list[Finding] = []
    alpha = informative_alpha(picture.convert("RGBA")) if picture.has_transparency_data else None
    if alpha is not None:
        picture = alpha
        findings.append(("alpha_only", {}, "take_alpha"))
    if picture.mode[0] not in "IF":
        grey = picture if picture.mode == "L" else picture.convert("L")
        counts = grey.histogram()
        if counts[0] + counts[255] == grey.width * grey.height:
            return MaskReading(grey, findings, counts[255] / (grey.width * grey.height))
    values, coding = _eight_bits(picture)
    levels = np.unique(values)
    grey_pixels = int(((values > 0) & (values < 255)).sum())
    if levels.max() == 1 and coding is None:
        findings.append(("coded_01", {"marked_pixels": grey_pixels}, "binarise"))
        values = values * np.uint8(255)
    elif coding is not None or (grey_pixels and not soft):
        cause = coding or _cause_of_grey(values, levels)
        detail = {"cause": cause, "grey_pixels": grey_pixels, "levels": len(levels)}
        findings.append(("not_binary", detail, "binarise"))
    return MaskReading(Image.fromarray(values), findings, float((values >= THRESHOLD).mean()))


def judge_content(marked: np.ndarray) -> list[Finding]:
    """Empty, full, or suspected to be inverted.

    Args:
        marked: bool (H, W).
    """
    area = float(marked.mean())
    if area == 0.0:
        return [("empty_mask", {}, "treat_as_authentic")]
    if area == 1.0:
        return [("full_mask", {}, "drop")]
    if area > INVERTED_AREA:
        border = np.concatenate([marked[0], marked[-1], marked[1:-1, 0], marked[1:-1, -1]])
        if border.mean() > INVERTED_BORDER:
            detail = {"area": round(area, 4), "border": round(float(border.mean()), 4)}
            return [("inverted_mask", detail, "invert")]
    return []


def _eight_bits(picture: Image.Image) -> tuple[np.ndarray, str | None]:
    """The values as uint8 (H, W), and the name of an unusual coding."""
    if picture.mode[0] in "IF":
        wide = np.nan_to_num(np.asarray(picture).astype(np.float64))
        top = float(wide.max())
        if top <= 255 and bool((wide == wide.round()).all()) and wide.min() >= 0:
            return wide.astype(np.uint8), None
        full = next((limit for limit in (1.0, 255.0, 65535.0) if top <= limit), top)
        return np.rint(wide.clip(0) * (255 / full)).astype(np.uint8), f"{picture.mode} values up to {top:g}"
    colours = np.asarray(picture.convert("RGB"))
    brightest = colours.max(axis=-1)
    coloured = bool((colours != brightest[..., None]).any())
    return brightest, "coloured" if coloured else None


def _cause_of_grey(values: np.ndarray, levels: np.ndarray) -> str:
    """`levels` (few, as a class index), `compression`, `antialiased` or `soft`."""
    grey = (values > 0) & (values < 255)
    if len(levels) == 2:
        return "levels"
    if bool(((values <= 32) | (values >= 223)).all()):
        return "compression"
    near = near_boundary(values >= THRESHOLD, ANTIALIASED_BAND)
    # Of casia-mini's masks blurred by 1 pixel 92 % and more is near (a thin spur fades), by 2 at most 77 %.
    return "antialiased" if bool(near[grey].mean() > 0.85) else "soft"


def near_boundary(marked: np.ndarray, width: int) -> np.ndarray:
    """Where, within `width` pixels along an axis, both marked and unmarked pixels lie."""
    height, across = marked.shape
    seen = np.zeros_like(marked)
    padded = np.pad(marked, width, mode="edge")
    for shift in range(2 * width + 1):
        seen |= padded[shift : shift + height, width : width + across] != marked
        seen |= padded[width : width + height, shift : shift + across] != marked
    return seen
