"""Images that are the same: the same pixels under two names."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path

from PIL import Image

from workbook.curation.opening import MAX_PIXELS, Unreadable, decode, opened

SampleKey = tuple[int, int, bytes]

_SAMPLE_SIDE = 24


def sample_key(picture: Image.Image) -> SampleKey:
    """Width, height and a grid of RGB pixels of a decoded image: equal for equal pixels, whatever the format.

    A hash of all pixels would cost a fifth of decoding them. Few images share a sample; those are compared.
    """
    sample = picture.resize((_SAMPLE_SIDE, _SAMPLE_SIDE), Image.Resampling.NEAREST)
    if sample.mode != "RGB":
        sample = sample.convert("RGB")
    return picture.width, picture.height, sample.tobytes()


def find_equal(keys: Mapping[Path, SampleKey], max_pixels: int = MAX_PIXELS) -> Iterator[list[Path]]:
    """The groups of images whose pixels are all equal, among those with equal samples, in the given order."""
    for alike in group_by(keys):
        digests = {path: digest for path in alike if (digest := _pixel_digest(path, max_pixels)) is not None}
        yield from group_by(digests)


def same_pixels(first: Path, second: Path) -> bool:
    """Whether two files decode to the same RGB pixels; False where one cannot be read."""
    digest = _pixel_digest(first)
    return digest is not None and digest == _pixel_digest(second)


def group_by(keys: Mapping[Path, Hashable]) -> Iterable[list[Path]]:
    """The groups of at least two paths that have one key, in the order of the mapping."""
    groups: dict[Hashable, list[Path]] = defaultdict(list)
    for path, key in keys.items():
        groups[key].append(path)
    return [paths for paths in groups.values() if len(paths) > 1]


def _pixel_digest(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int, bytes] | None:
    try:
        with opened(path, max_pixels) as picture:
            rgb = decode(picture).convert("RGB")
    except Unreadable:
        return None
    return rgb.width, rgb.height, hashlib.blake2b(rgb.tobytes()).digest()
