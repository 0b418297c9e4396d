"""Why a mask has another size than its image, and the mask at the image's size."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

Size = tuple[int, int]  # (height, width)

CROP_PIXELS = 16  # at most this much on a side, or ...
CROP_SHARE = 0.03  # ... this share of it, is a crop; CASIA v2 has up to 11 pixels
LEAST_SCALED = 4  # a mask of the same shape that differs by fewer pixels is taken for cut


def size_cause(image: Size, mask: Size) -> str:
    """Why the sizes differ: `"rotated"`, `"scaled"`, `"cropped"` (or padded) a little, or `"unrelated"`.

    Args:
        image: (height, width) of the image.
        mask: (height, width) of the mask, another than the image's.

    >>> [size_cause((600, 450), mask) for mask in ((450, 600), (800, 600), (595, 450), (475, 450))]
    ['rotated', 'scaled', 'cropped', 'unrelated']
    """
    if mask == image[::-1]:
        return "rotated"
    if _same_shape(image, mask):
        return "scaled"
    if _nearly(image, mask):
        return "cropped"
    return "rotated" if _same_shape(image, mask[::-1]) and image[0] != image[1] else "unrelated"


def _same_shape(image: Size, mask: Size) -> bool:
    """Whether one is the other at another scale, up to a pixel of rounding on the mask's shorter side."""
    scales = [of_mask / of_image for of_mask, of_image in zip(mask, image, strict=True)]
    short = min(*mask, *image)
    changed = max(abs(of_mask - of_image) for of_mask, of_image in zip(mask, image, strict=True))
    return changed >= LEAST_SCALED and abs(scales[0] - scales[1]) / scales[0] * short <= 1.0


def _nearly(image: Size, mask: Size) -> bool:
    pairs = zip(image, mask, strict=True)
    return all(abs(a - b) <= max(CROP_PIXELS, CROP_SHARE * a) for a, b in pairs)


def resize_nearest(values: np.ndarray, size: Size) -> np.ndarray:
    """A mask at another size, each pixel the nearest one's value: uint8 (H, W) to (height, width)."""
    picture = Image.fromarray(np.ascontiguousarray(values))
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.NEAREST))


def place(values: np.ndarray, size: Size, offset: tuple[int, int]) -> np.ndarray:
    """A mask laid on an empty one of `size`, its corner at `offset` (row, column); what stands out is cut.

    >>> place(np.array([[1, 2], [3, 4]]), (2, 3), (0, 1)).tolist()
    [[0, 1, 2], [0, 3, 4]]
    >>> place(np.array([[1, 2], [3, 4]]), (2, 2), (-1, 0)).tolist()
    [[3, 4], [0, 0]]
    """
    whole = np.zeros(size, dtype=values.dtype)
    spans = []
    for length, extent, start in zip(size, values.shape, offset, strict=True):
        first = min(max(0, start), length)
        last = max(first, min(length, start + extent))
        spans.append((slice(first, last), slice(first - start, last - start)))
    whole[spans[0][0], spans[1][0]] = values[spans[0][1], spans[1][1]]
    return whole


def fit_parameters(cause: str, image: Size, mask: Size) -> list[tuple[str, dict[str, Any]]]:
    """The repairs for this cause, as (action, parameters); the first is taken where nothing tells more."""
    if cause == "rotated":
        return [("rotate", {"degrees": 90}), ("rotate", {"degrees": 270})]
    if cause == "scaled":
        return [("rescale", {})]
    if cause == "cropped":
        rows, columns = image[0] - mask[0], image[1] - mask[1]
        offsets = {(r, c): None for r in (rows // 2, 0, rows) for c in (columns // 2, 0, columns)}
        return [("pad_or_crop", {"rows": r, "columns": c}) for r, c in offsets]
    return []
