"""Making a dataset of huge images small once, so that training does not decode them anew every epoch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from workbook.core.errors import DataError
from workbook.core.pairs import Pair, Pairing, write_pairs
from workbook.core.whole_files import write_whole
from workbook.curation.applying import refuse_inside
from workbook.curation.inside import relative_to
from workbook.curation.layouts import Layout, PathLike, moved_layout, pair_layout, resolve_layout
from workbook.curation.mask_values import read_mask
from workbook.curation.opening import Unreadable, decode, opened, pixel_limit
from workbook.curation.pixel_repairs import repair_values
from workbook.curation.sizes import resize_nearest

MAX_PIXELS = 1_000_000_000  # huge images are what this is for


def presize(
    source: PathLike | Layout,
    out: PathLike,
    longest: int = 1024,
    *,
    soft: bool = False,
    quality: int = 95,
    workers: int = 2,
    progress: bool = True,
) -> Pairing:
    """Write a copy of a dataset whose images have at most `longest` pixels on their longest side.

    Images are resampled with antialiasing, masks take the nearest pixel. Nothing is enlarged: a pair that is
    small enough is copied byte for byte. A second call writes only what is missing.

    Args:
        source: the dataset; only read.
        out: the folder of the copy, in the source's layout.
        longest: the longest side that is left, in pixels.
        soft: masks keep grey values.
        quality: of JPEG images; other formats become PNG.
        workers: threads.
        progress: show a progress bar on stderr.

    Raises:
        DataError: a mask of another size than its image, or a file that cannot be read: correct those first.
    """
    if longest < 1:
        raise DataError(f"longest={longest}: give at least 1 pixel")
    layout = resolve_layout(source)
    folder = Path(out)
    refuse_inside(layout, folder)
    pairs = pair_layout(layout).pairs

    def shrink(pair: Pair) -> Pair:
        return _shrink_pair(pair, layout, folder, longest, soft, quality)

    with pixel_limit(MAX_PIXELS), ThreadPoolExecutor(max(1, workers)) as pool:
        done = pool.map(shrink, pairs)
        written = list(tqdm(done, total=len(pairs), desc="presize", unit="pair", disable=not progress))
    if layout.name == "json":
        write_pairs(written, folder / layout.images.name, relative=True)
    return pair_layout(moved_layout(layout, folder))


def target_size(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """The size at which the longest side is at most `longest`, in the same shape; never larger.

    >>> target_size((3000, 4000), 1024), target_size((100, 50), 1024)
    ((768, 1024), (100, 50))
    """
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _shrink_pair(pair: Pair, layout: Layout, out: Path, longest: int, soft: bool, quality: int) -> Pair:
    image_target = out / relative_to(pair.image, layout.root)
    try:
        with opened(pair.image, MAX_PIXELS) as picture:
            size = (picture.height, picture.width)
            wanted = target_size(size, longest)
            kept = wanted == size
            if not kept and picture.format != "JPEG":
                image_target = image_target.with_suffix(".png")
            if not image_target.exists():
                write_whole(
                    image_target, pair.image.read_bytes() if kept else _smaller(picture, wanted, quality)
                )
        if pair.mask is None:
            return Pair(image_target)
        mask_target = out / relative_to(pair.mask, layout.root)
        return Pair(image_target, _shrink_mask(pair.mask, mask_target, size, wanted, soft))
    except Unreadable as error:
        raise DataError(f"{pair.image}: {error}; correct the dataset first: correct(folder, out)") from error
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror}); make room and call again") from error


def _smaller(picture: Image.Image, size: tuple[int, int], quality: int) -> bytes:
    jpeg = picture.format == "JPEG"
    if jpeg:
        picture.draft(None, (2 * size[1], 2 * size[0]))  # decoding at a fraction is nearly free
    mode = picture.mode if picture.mode in ("L", "RGB") else "RGB"
    smaller = decode(picture).convert(mode).resize(size[::-1], Image.Resampling.LANCZOS)
    buffer = BytesIO()
    smaller.save(buffer, "JPEG" if jpeg else "PNG", quality=quality)
    return buffer.getvalue()


def _shrink_mask(
    mask: Path, target: Path, size: tuple[int, int], wanted: tuple[int, int], soft: bool
) -> Path:
    """Write the mask at the wanted size, unless it is there; returns its path."""
    with opened(mask, MAX_PIXELS) as picture:
        if (picture.height, picture.width) != size:
            raise Unreadable(f"its mask is {picture.height}x{picture.width}, the image {size[0]}x{size[1]}")
        if wanted == size:
            if not target.exists():
                write_whole(target, mask.read_bytes())
            return target
        target = target.with_suffix(".png")
        if target.exists():
            return target
        values = resize_nearest(read_mask(decode(picture), soft=soft).values, wanted)
    buffer = BytesIO()
    Image.fromarray(repair_values(np.ascontiguousarray(values), wanted, [], soft=soft)).save(buffer, "PNG")
    return write_whole(target, buffer.getvalue())
