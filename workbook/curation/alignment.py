"""Whether a mask lies where the image was changed, proved against the authentic host image.

Where a tampered image and its host differ, there the mask should be. The difference, averaged over small
blocks, ranks the pixels; the area under the ROC curve (AUC) of that ranking against the mask is 1 for a mask
that fits. On 24 real CASIA v1 triplets it is at least 0.995, and at most 0.986 for a shift by 8 pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageChops

from workbook.curation.mask_values import Finding
from workbook.curation.sizes import place

FITS = 0.985  # the AUC of a mask that lies where the change is; the 24 real ones reach 0.995
SURELY_FITS = 0.998  # spares the search; a small mask reaches 0.997 even when it is 8 pixels off
MISSES = 0.9  # below this, a mask that no transform brings into place belongs elsewhere
GAIN = 0.5  # a transform is named when it leaves at most this share of what the AUC lacks to 1 ...
LEAST_SHIFT = 3  # ... and a shift when it is at least this many pixels: drawn masks are a pixel or two off
BLOCK = 4  # pixels that the difference is averaged over
CHANGED = 16  # a difference of this many grey levels is no recompression
SEARCH_SIDE = 512  # the longest side at which shifts are searched
REACH = 96  # the largest shift searched, in pixels of the searched map


def change_map(tampered: Image.Image, host: Image.Image, block: int = BLOCK) -> np.ndarray:
    """The greatest difference of the colours, averaged over blocks: uint8 (H/block, W/block)."""
    pictures = (picture if picture.mode == "RGB" else picture.convert("RGB") for picture in (tampered, host))
    red, green, blue = ImageChops.difference(*pictures).reduce(block).split()
    return np.asarray(ImageChops.lighter(ImageChops.lighter(red, green), blue))


def differs(tampered: Image.Image, host: Image.Image) -> bool:
    """Whether an image was changed somewhere, beyond what compressing it again does."""
    return tampered.size == host.size and bool((change_map(tampered, host) >= CHANGED).any())


def mask_auc(change: np.ndarray, marked: np.ndarray) -> float:
    """The AUC of a change map as a score for the marked pixels: exact, ties counted half.

    Args:
        change: uint8 (H, W).
        marked: bool (H, W).

    Returns:
        0 to 1; NaN where nothing or everything is marked.

    >>> mask_auc(np.array([[0, 9], [9, 9]], np.uint8), np.array([[False, True], [True, False]]))
    0.75
    """
    inside = np.bincount(change[marked], minlength=256)
    outside = np.bincount(change.ravel(), minlength=256) - inside
    total = int(inside.sum()) * int(outside.sum())
    return float((inside * (outside.cumsum() - outside / 2)).sum() / total) if total else math.nan


def reduce_mask(marked: np.ndarray | Image.Image, block: int = BLOCK) -> np.ndarray:
    """A mask at the size of a change map: bool, True where at least half of the block is marked.

    Args:
        marked: bool (H, W), or a picture of mode L that holds 0 and 255.
        block: pixels a side.
    """
    picture = marked if isinstance(marked, Image.Image) else Image.fromarray(marked.astype(np.uint8) * 255)
    return np.asarray(picture.reduce(block)) >= 128


def align_mask(tampered: Image.Image, host: Image.Image, mask: np.ndarray | Image.Image) -> Finding | None:
    """The fault of a mask that does not lie where its image was changed, and the transform that mends it.

    Args:
        tampered: the image.
        host: its authentic host, of the same size.
        mask: bool (H, W), or a picture of mode L that holds 0 and 255.

    Returns:
        None where the mask fits, or where the images do not tell.
    """
    block = BLOCK if min(tampered.size) >= 8 * BLOCK else 1
    change = change_map(tampered, host, block)
    as_it_is = mask_auc(change, reduce_mask(mask, block))
    if math.isnan(as_it_is) or as_it_is >= SURELY_FITS:
        return None
    if not 0.0 < float((change >= CHANGED).mean()) < 0.6:
        return None  # nothing to see, or changed all over: retouched as a whole, or another photograph
    marked = np.asarray(mask) >= 128 if isinstance(mask, Image.Image) else mask
    candidates = []
    for action, parameters, moved, known in _candidates(tampered, host, marked):
        inside = reduce_mask(known, block)
        auc = mask_auc(change[inside], reduce_mask(moved, block)[inside])
        candidates.append((0.0 if math.isnan(auc) else auc, action, parameters))
    best, action, parameters = max(candidates, key=lambda candidate: candidate[0])
    detail: dict[str, Any] = {"auc": round(as_it_is, 4)}
    if best >= FITS and 1 - best <= GAIN * (1 - as_it_is):
        detail |= {"fits": _transform_name(action, parameters), "fitting_auc": round(best, 4), **parameters}
        return ("inverted_mask" if action == "invert" else "misaligned", detail, action)
    return ("misaligned", detail | {"fits": "none"}, "drop") if as_it_is < MISSES else None


def _candidates(
    tampered: Image.Image, host: Image.Image, marked: np.ndarray
) -> Iterator[tuple[str, dict[str, Any], np.ndarray, np.ndarray]]:
    """Each transform as (action, parameters, transformed mask, where that mask is known)."""
    everywhere = np.ones_like(marked)
    yield "invert", {}, ~marked, everywhere
    yield "flip", {"axis": "horizontal"}, marked[:, ::-1], everywhere
    yield "flip", {"axis": "vertical"}, marked[::-1], everywhere
    yield "rotate", {"degrees": 180}, marked[::-1, ::-1], everywhere
    size = (marked.shape[0], marked.shape[1])
    if size[0] == size[1]:
        yield "rotate", {"degrees": 90}, np.rot90(marked), everywhere
        yield "rotate", {"degrees": 270}, np.rot90(marked, 3), everywhere
    shift = find_shift(tampered, host, marked)
    if max(map(abs, shift)) >= LEAST_SHIFT:
        parameters = {"rows": shift[0], "columns": shift[1]}
        yield "shift", parameters, place(marked, size, shift), place(everywhere, size, shift)


def find_shift(tampered: Image.Image, host: Image.Image, marked: np.ndarray) -> tuple[int, int]:
    """By how many (rows, columns) the mask must move to lie where the images differ.

    The shift whose mask correlates best with the change, where the moved mask is known: what a shift has
    pushed over the border must not count as unmarked, or large masks come out a pixel short.
    """
    block = max(1, math.ceil(max(tampered.size) / SEARCH_SIDE))
    change = change_map(tampered, host, block).clip(max=2 * CHANGED)  # surely changed; no spot decides alone
    rows, columns = (_shifts(side) for side in change.shape)
    correlation = shifted_correlation(change, reduce_mask(marked, block), rows, columns)
    row, column = np.unravel_index(int(correlation.argmax()), correlation.shape)
    return int(rows[row]) * block, int(columns[column]) * block


def shifted_correlation(
    change: np.ndarray, marked: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Pearson's correlation of a map with a mask at each shift, over the pixels where both are known.

    All shifts at once: the sum of products by a Fourier transform, the sums over the overlap from running
    totals (Padfield 2012, Masked Object Registration in the Fourier Domain).

    Args:
        change: (H, W).
        marked: (H, W).
        rows: the shifts (R,), positive ones move the mask down.
        columns: the shifts (C,), positive ones move the mask to the right.

    Returns:
        float64 (R, C); -1 where either is constant.
    """
    values = change - change.mean()
    mask = marked.astype(np.float64)
    spans = zip(mask.shape, (rows, columns), strict=True)
    shape = [math.ceil((side + int(np.abs(shifts).max())) / 32) * 32 for side, shifts in spans]
    spectrum = np.fft.rfft2(values, shape) * np.fft.rfft2(mask, shape).conj()
    products = np.fft.irfft2(spectrum, shape)[np.ix_(rows, columns)]
    count = np.outer(mask.shape[0] - np.abs(rows), mask.shape[1] - np.abs(columns))
    of_values, of_squares = (_overlap_sums(v, rows, columns) for v in (values, values**2))
    of_mask = _overlap_sums(mask, -rows, -columns)
    spread = (of_squares - of_values**2 / count) * (of_mask - of_mask**2 / count)
    known = spread > 1e-6
    covariance = products - of_values * of_mask / count
    return np.where(known, covariance / np.sqrt(np.where(known, spread, 1)), -1.0)


def _overlap_sums(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The sum of the values that something of their size still covers when it is shifted: (R, C)."""
    height, width = values.shape
    totals = np.zeros((height + 1, width + 1))
    totals[1:, 1:] = values.cumsum(0).cumsum(1)
    top, bottom = rows.clip(min=0), height + rows.clip(max=0)
    left, right = columns.clip(min=0), width + columns.clip(max=0)
    upper = totals[np.ix_(top, right)] - totals[np.ix_(top, left)]
    return totals[np.ix_(bottom, right)] - totals[np.ix_(bottom, left)] - upper


def _shifts(side: int) -> np.ndarray:
    """0, then forward, then backward shifts, so that of equals the smallest is found first."""
    reach = min(REACH, side // 2)
    return np.concatenate([np.arange(reach + 1), np.arange(-1, -reach - 1, -1)])


def _transform_name(action: str, parameters: dict[str, Any]) -> str:
    """In words: `flipped horizontal`, `rotated 180`, `shifted by (8, 0)`, `inverted`."""
    if action == "flip":
        return f"flipped {parameters['axis']}"
    if action == "rotate":
        return f"rotated {parameters['degrees']}"
    return "inverted" if action == "invert" else f"shifted by ({parameters['rows']}, {parameters['columns']})"
