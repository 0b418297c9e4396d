"""Exercises 2.2 and 2.3: the sizes of a decoder's maps, and a skip connection."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from workbook.checks.exercise import Case, Exercise, Mistake

FEWEST = 16  # channels

Shape = tuple[int, int, int]


# --- Exercise 2.2 ---


def _shapes(channels: int, height: int, width: int, stride: int) -> list[Shape]:
    """Windows are laid out until the image is covered; then the stride is undone, two by two."""
    rows = columns = 0
    while rows * stride < height:
        rows += 1
    while columns * stride < width:
        columns += 1
    shapes = [(channels, rows, columns)]
    while stride > 1:
        stride //= 2
        channels = FEWEST if channels // 2 < FEWEST else channels // 2
        rows, columns = rows + rows, columns + columns
        shapes.append((channels, rows, columns))
    return shapes


def _shapes_as(
    channels: int, height: int, width: int, stride: int, up: bool = True, fewest: int = FEWEST
) -> list[Shape]:
    rows, columns = (-(-side // stride) if up else side // stride for side in (height, width))
    shapes = [(channels, rows, columns)]
    for level in range(1, stride.bit_length()):
        shapes.append((max(channels >> level, fewest), rows << level, columns << level))
    return shapes


def _shape_cases(rng: np.random.Generator) -> Iterator[Case]:
    yield 64, 8, 12, 4
    yield 320, 128, 128, 32
    yield 320, 100, 130, 32
    yield 16, 5, 9, 8
    for _ in range(96):
        stride = 2 ** int(rng.integers(1, 6))
        yield int(rng.integers(16, 800)), int(rng.integers(stride, 700)), int(rng.integers(1, 700)), stride


decoder_shapes = Exercise(
    "2.2",
    "a decoder's shapes",
    _shapes,
    _shape_cases,
    [
        Mistake(
            lambda *case: [(c, w, h) for c, h, w in _shapes_as(*case)],
            "Height comes before width, as in (B, C, H, W).",
        ),
        Mistake(
            lambda *case: _shapes_as(*case)[1:],
            "The list begins with the features themselves, before the first doubling.",
        ),
        Mistake(
            lambda *case: _shapes_as(*case)[:-1],
            "The last map is smaller than the image. How many doublings undo this stride?",
        ),
        Mistake(
            partial(_shapes_as, up=False),
            "The rows and columns that are left over are lost. Does the last window have to be full?",
        ),
        Mistake(
            partial(_shapes_as, fewest=1),
            f"The channels halve, but a map never has fewer than {FEWEST}.",
        ),
    ],
    hint="First the features, then one entry for each doubling.",
)


# --- Exercise 2.3 ---


def _joined(decoder_map: torch.Tensor, encoder_map: torch.Tensor) -> np.ndarray:
    """Pixel by pixel: the decoder's nearest pixel, then the encoder's own, one upon the other."""
    small, large = decoder_map.numpy(), encoder_map.numpy()
    (batch, few, height, width), (_, more, rows, columns) = small.shape, large.shape
    joined = np.zeros((batch, few + more, rows, columns), dtype=np.float32)
    for row in range(rows):
        for column in range(columns):
            joined[:, :few, row, column] = small[:, :, row * height // rows, column * width // columns]
            joined[:, few:, row, column] = large[:, :, row, column]
    return joined


def _enlarged(decoder_map: torch.Tensor, encoder_map: torch.Tensor, mode: str = "nearest") -> torch.Tensor:
    return F.interpolate(decoder_map, size=encoder_map.shape[-2:], mode=mode)


def _skip_cases(rng: np.random.Generator) -> Iterator[Case]:
    yield torch.tensor([[[[5.0]]]]), torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    for number in range(30):
        batch, few, height, width = rng.integers(1, 5, 4).tolist()
        more = few if number % 2 else int(rng.integers(1, 5))
        odd = rng.integers(0, 2, 2).tolist() if number > 4 else (0, 0)
        small, large = (batch, few, height, width), (batch, more, 2 * height + odd[0], 2 * width + odd[1])
        yield tuple(torch.from_numpy(rng.normal(size=size).round(1)).float() for size in (small, large))


join_skip = Exercise(
    "2.3",
    "a skip connection",
    _joined,
    _skip_cases,
    [
        Mistake(
            lambda small, large: torch.cat((large, _enlarged(small, large)), dim=1),
            "The two are in the other order: the decoder's channels come first.",
        ),
        Mistake(
            lambda small, large: _enlarged(small, large) + large,
            "That adds the maps, as a residual connection does. U-Net keeps both, one upon the other.",
        ),
        Mistake(
            lambda small, large: torch.cat((_enlarged(small, large), large), dim=0),
            "The batch grew. Channels are dimension 1.",
        ),
        Mistake(
            lambda small, large: torch.cat((_enlarged(small, large, "bilinear"), large), dim=1),
            "Enlarged by blending neighbours; the task asks for the nearest pixel.",
        ),
        Mistake(
            lambda small, large: torch.cat((small, F.adaptive_avg_pool2d(large, small.shape[-2:])), dim=1),
            "The encoder's map was made smaller, and its detail is gone. Bring the other one to its size.",
        ),
    ],
    hint="Bring the decoder's map to the encoder's size, which may be odd; then join the channels.",
)
