"""The same photographs in two datasets, found by their pixels: equal, rescaled, or compressed again.

CASIA v1 and v2 share authentic images, so a model trained on v2 has seen part of v1's test images. Every
image is decoded once, at a small scale, to 16x16 pixels; these are compared, all with all, by correlation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from tqdm import tqdm

from workbook.core.pairs import Pair
from workbook.curation.corrections import Correction, Plan
from workbook.curation.duplicates import same_pixels
from workbook.curation.inside import relative_to
from workbook.curation.layouts import Layout
from workbook.curation.opening import MAX_PIXELS, Unreadable, decode, opened

if TYPE_CHECKING:
    import pandas as pd

SIDE = 16  # the small picture that is compared
# Correlation of the small pictures from which two are taken for one photograph. Of 169 real ones, copies at
# 0.6 of the size and JPEG quality 50 correlate at 0.99 or more, different ones at 0.75 or less.
SIMILARITY = 0.95
_BLOCK = 1024


@dataclass(frozen=True)
class SharedImage:
    """One photograph in two datasets.

    Attributes:
        first: the image in the first dataset.
        second: the image in the second.
        similarity: correlation of the two at 16x16 pixels, 1 for equal ones.
        equal: whether all pixels are equal.
    """

    first: Path
    second: Path
    similarity: float
    equal: bool


def find_shared(
    first: Iterable[Pair | Path], second: Iterable[Pair | Path], *, workers: int = 2, progress: bool = True
) -> list[SharedImage]:
    """Find the images of the first dataset that are, rescaled or compressed again, also in the second.

    Args:
        first: pairs or images, say of a training set.
        second: pairs or images, say of a test set.
        workers: threads that decode.
        progress: show a progress bar on stderr.

    Returns:
        Every match, in the order of the second's, then the first's paths. Unreadable images match nothing.
    """
    first_paths, first_pictures = _fingerprints(_paths(first), workers, progress)
    second_paths, second_pictures = _fingerprints(_paths(second), workers, progress)
    found = []
    for i, j, similarity in _alike(first_pictures, second_pictures):
        equal = similarity > 0.999 and same_pixels(first_paths[i], second_paths[j])
        if equal or similarity >= SIMILARITY:
            found.append(SharedImage(first_paths[i], second_paths[j], round(min(1.0, similarity), 4), equal))
    return sorted(found, key=lambda shared: (shared.second, shared.first))


def shared_table(shared: Sequence[SharedImage]) -> pd.DataFrame:
    """A row a match: first, second, similarity, equal."""
    import pandas as pd  # only tables need it

    rows = [(match.first.name, match.second.name, match.similarity, match.equal) for match in shared]
    return pd.DataFrame(rows, columns=["first", "second", "similarity", "equal"])


def exclude_shared(shared: Iterable[SharedImage], pairs: Iterable[Pair], layout: Layout) -> Plan:
    """A plan that drops from the first dataset every image that the second one holds, with its mask.

    Args:
        shared: what `find_shared` found.
        pairs: the first dataset's pairs.
        layout: the first dataset's layout.
    """
    masks = {pair.image: pair.mask for pair in pairs}
    corrections = [
        Correction(
            "drop",
            relative_to(image, layout.root),
            None if (mask := masks.get(image)) is None else relative_to(mask, layout.root),
            reason="shared with the other dataset",
        )
        for image in sorted({match.first for match in shared})
    ]
    return Plan(corrections)


def _paths(images: Iterable[Pair | Path]) -> list[Path]:
    return [image.image if isinstance(image, Pair) else image for image in images]


def _fingerprints(paths: list[Path], workers: int, progress: bool) -> tuple[list[Path], np.ndarray]:
    """The readable paths and their small pictures: uint8 (N, 16, 16, 3)."""
    with ThreadPoolExecutor(max(1, workers)) as pool:
        found = pool.map(small_picture, paths)
        bar = tqdm(
            found, total=len(paths), desc="fingerprint", unit="image", disable=not progress, smoothing=0
        )
        pictures = dict(zip(paths, bar, strict=True))
    readable = {path: picture for path, picture in pictures.items() if picture is not None}
    return list(readable), np.stack([np.zeros((SIDE, SIDE, 3), np.uint8), *readable.values()])[1:]


def small_picture(path: Path) -> np.ndarray | None:
    """An image at 16x16 pixels: uint8 (16, 16, 3); None where it cannot be read. JPEGs are decoded small."""
    try:
        with opened(path, MAX_PIXELS) as picture:
            picture.draft("RGB", (4 * SIDE, 4 * SIDE))
            small = decode(picture).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
            return np.asarray(small)
    except Unreadable:
        return None


def _alike(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """The index pairs of small pictures that correlate, and how much; memory is bounded by blocks."""
    others, _ = _normalised(second)
    for start in range(0, len(first), _BLOCK):
        block, flat_block = _normalised(first[start : start + _BLOCK])
        correlation = block @ others.T  # (block, len(second))
        for i, j in zip(*np.nonzero(correlation >= SIMILARITY), strict=True):
            yield int(i) + start, int(j), float(correlation[i, j])
        for i in (
            np.flatnonzero(flat_block) + start
        ):  # one colour all over has no pattern: only equals are alike
            for j in np.flatnonzero((second == first[i]).all((1, 2, 3))):
                yield int(i), int(j), 1.0


def _normalised(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of zero mean and norm 1, so that a product is a correlation; and which have no pattern."""
    vectors = pictures.reshape(len(pictures), -1).astype(np.float32)
    vectors -= vectors.reshape(-1, SIDE * SIDE, 3).mean(1).repeat(SIDE * SIDE, 0).reshape(vectors.shape)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    flat = norms[:, 0] < vectors.shape[1] ** 0.5  # a standard deviation below one grey level
    return np.where(flat[:, None], 0, vectors / np.maximum(norms, 1e-6)), flat
