"""Images that are the same: the same pixels under two names."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path

from PIL import Image

from workbook.curation.opening import MAX_PIXELS, Unreadable, decode, opened

PixelKey = tuple[int, int, int]


def pixel_key(picture: Image.Image) -> PixelKey:
    """Width, height and checksum of a decoded image's RGB pixels, the same in every file format."""
    rgb = picture if picture.mode == "RGB" else picture.convert("RGB")
    return rgb.width, rgb.height, zlib.crc32(rgb.tobytes())


def same_pixels(first: Path, second: Path, max_pixels: int = MAX_PIXELS) -> bool:
    """Whether two files decode to the same RGB pixels; False where one cannot be read."""
    try:
        with opened(first, max_pixels) as one, opened(second, max_pixels) as other:
            left, right = decode(one).convert("RGB"), decode(other).convert("RGB")
            return left.size == right.size and left.tobytes() == right.tobytes()
    except Unreadable:
        return False


def group_equal(keys: Mapping[Path, Hashable]) -> Iterable[list[Path]]:
    """The groups of at least two paths that have one key, in the order of the mapping."""
    groups: dict[Hashable, list[Path]] = defaultdict(list)
    for path, key in keys.items():
        groups[key].append(path)
    return (paths for paths in groups.values() if len(paths) > 1)
