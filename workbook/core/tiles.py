"""One map of an image that is too large for the model, from overlapping tiles that are blended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from workbook.core.errors import WorkbookError
from workbook.core.size_batches import batches_of_one_size

# Tiles begin on multiples of 32: then the 8x8 grid of JPEG and five halvings fall as in the whole image.
ALIGN = 32

Run = Callable[[Tensor], Mapping[str, Any]]


class Span(NamedTuple):
    """A tile along one side of the image, and how much it counts at each of its pixels: (stop - start,)."""

    start: int
    stop: int
    weight: Tensor


def predict_tiles(
    run: Run, image: Tensor, tile: int, overlap: int | None = None, at_once: int = 1
) -> tuple[Tensor, float | None]:
    """Predict an image tile by tile; no more than `at_once` tiles are in the model at a time.

    A tile's outer quarter of the overlap, where the model missed its surroundings, does not count; from there
    its weight rises to 1 in a straight line, and the weights of all tiles sum to 1 at every pixel. An image
    no larger than a tile is one tile.

    Args:
        run: from tiles (B, 3, h, w) to `pred_mask` (B, 1, h, w) and maybe `pred_label` (B,).
        image: (3, H, W), as the dataset gives it.
        tile: side of a tile in pixels; the last of a row or column is up to 31 larger, to end at the border.
        overlap: of neighbours, in pixels, at most half a tile; a quarter when None.
        at_once: tiles in a batch.

    Returns:
        The map, float32 (1, H, W) on the CPU, and the highest of the tiles' image scores (an image is
        tampered where one of its tiles is), or None.

    Raises:
        WorkbookError: a tile or an overlap of a size that cannot be.

    >>> brightness = lambda tiles: {"pred_mask": tiles.float().mean(1, keepdim=True)}
    >>> image = torch.rand(3, 100, 70)
    >>> whole, _ = predict_tiles(brightness, image, tile=64, overlap=32)
    >>> bool(torch.allclose(whole[0], image.mean(0), atol=1e-5))
    True
    """
    overlap = tile // 4 if overlap is None else overlap
    if tile < 1 or not 0 <= overlap <= tile // 2:
        raise WorkbookError(
            f"tile={tile}, overlap={overlap}; give a positive tile and an overlap up to its half"
        )
    height, width = image.shape[-2:]
    rows, columns = spans(height, tile, overlap), spans(width, tile, overlap)
    places = [(row, column) for row in rows for column in columns]
    whole = torch.zeros(1, height, width)
    labels: list[float] = []
    for batch in batches_of_one_size(places, _shape, lambda _: at_once, len(places) + 1):
        tiles = torch.stack([image[:, r.start : r.stop, c.start : c.stop] for r, c in batch])
        outputs = run(tiles)
        maps = outputs["pred_mask"].float().cpu()
        for (r, c), one in zip(batch, maps, strict=True):
            weight = r.weight[:, None] * c.weight  # (h, w)
            whole[:, r.start : r.stop, c.start : c.stop].addcmul_(one, weight)
        if "pred_label" in outputs:
            labels += outputs["pred_label"].float().tolist()
    return whole, max(labels) if labels else None


def spans(length: int, tile: int, overlap: int) -> list[Span]:
    """The tiles along a side of `length` pixels.

    >>> [(span.start, span.stop) for span in spans(200, tile=96, overlap=32)]
    [(0, 96), (64, 160), (96, 200)]
    """
    align = ALIGN if tile - overlap >= ALIGN else 1
    step = (tile - overlap) // align * align
    last = max(0, (length - tile) // align * align)
    starts = [*range(0, last, step), last]
    ends = [(start, length if start == last else start + tile) for start in starts]
    weights = [_rising(start, stop, length, overlap) for start, stop in ends]
    total = torch.zeros(length)
    for (start, stop), weight in zip(ends, weights, strict=True):
        total[start:stop] += weight
    return [
        Span(start, stop, weight / total[start:stop])
        for (start, stop), weight in zip(ends, weights, strict=True)
    ]


def _rising(start: int, stop: int, length: int, overlap: int) -> Tensor:
    """The weight before neighbours are considered: 0 near a border within the image, rising to 1."""
    weight = torch.ones(stop - start)
    if overlap == 0:
        return weight
    margin = overlap // 4
    distance = torch.arange(stop - start) + 0.5
    ramp = ((distance - margin) / (overlap - 2 * margin)).clamp(0, 1)
    if start > 0:
        weight = weight * ramp
    return weight * ramp.flip(0) if stop < length else weight


def _shape(place: tuple[Span, Span]) -> tuple[int, int]:
    return place[0].stop - place[0].start, place[1].stop - place[1].start
