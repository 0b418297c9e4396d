"""What a repair does to a mask's pixels: pure functions on arrays, one an action."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from workbook.curation.sizes import Size, place, resize_nearest

Repair = Callable[[np.ndarray, Size, Mapping[str, Any]], np.ndarray]


def rotate(values: np.ndarray, size: Size, parameters: Mapping[str, Any]) -> np.ndarray:
    """Turn counter-clockwise by `degrees` (90, 180, 270), then to the image's size where it still differs."""
    return rescale(np.rot90(values, int(parameters["degrees"]) // 90), size, {})


def flip(values: np.ndarray, size: Size, parameters: Mapping[str, Any]) -> np.ndarray:
    """Mirror along `axis`: `"horizontal"` swaps left and right."""
    return values[:, ::-1] if parameters["axis"] == "horizontal" else values[::-1]


def shift(values: np.ndarray, size: Size, parameters: Mapping[str, Any]) -> np.ndarray:
    """Move by `rows` and `columns`; what comes in is unmarked."""
    return place(values, (values.shape[0], values.shape[1]), (parameters["rows"], parameters["columns"]))


def rescale(values: np.ndarray, size: Size, parameters: Mapping[str, Any]) -> np.ndarray:
    """To the image's size, each pixel the nearest one's value."""
    return values if values.shape == size else resize_nearest(values, size)


def pad_or_crop(values: np.ndarray, size: Size, parameters: Mapping[str, Any]) -> np.ndarray:
    """To the image's size by adding or cutting at the border; the corner comes to `rows`, `columns`."""
    return place(values, size, (parameters["rows"], parameters["columns"]))


def invert(values: np.ndarray, size: Size, parameters: Mapping[str, Any]) -> np.ndarray:
    """Swap marked and unmarked."""
    return 255 - values


def transpose(values: np.ndarray, size: Size, parameters: Mapping[str, Any]) -> np.ndarray:
    """From the picture as shown (EXIF orientation applied) back to the pixels as stored."""
    return STORED_FROM_SHOWN[int(parameters["orientation"])](values)


# EXIF orientation -> stored array from shown array: the inverse of what a viewer does.
STORED_FROM_SHOWN: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda shown: shown,
    2: lambda shown: shown[:, ::-1],
    3: lambda shown: shown[::-1, ::-1],
    4: lambda shown: shown[::-1],
    5: lambda shown: shown.T,
    6: lambda shown: np.rot90(shown, 1),
    7: lambda shown: shown[::-1, ::-1].T,
    8: lambda shown: np.rot90(shown, 3),
}
PIXEL_REPAIRS: dict[str, Repair] = {
    "transpose": transpose,
    "rotate": rotate,
    "rescale": rescale,
    "pad_or_crop": pad_or_crop,
    "invert": invert,
    "flip": flip,
    "shift": shift,
}


def repair_values(
    values: np.ndarray, size: Size, repairs: Sequence[tuple[str, Mapping[str, Any]]], *, soft: bool = False
) -> np.ndarray:
    """Apply pixel repairs in order, bring the mask to `size`, and make it {0, 255} unless it is to stay soft.

    Args:
        values: uint8 (H, W).
        size: (height, width) of the image.
        repairs: (action, parameters); actions that concern no pixels are passed over.
        soft: keep grey values.

    Returns:
        uint8 of `size`.
    """
    for action, parameters in repairs:
        if action in PIXEL_REPAIRS:
            values = PIXEL_REPAIRS[action](values, size, parameters)
    return np.ascontiguousarray(values if soft else np.where(values >= 128, 255, 0).astype(np.uint8))
