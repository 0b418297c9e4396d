"""Opening image files that may be anything: the reason where one cannot be read, never a surprise."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

MAX_PIXELS = 89_478_485  # where Pillow begins to warn of a decompression bomb
ORIENTATION = 274  # the EXIF tag
# What Pillow's decoders raise on broken files, found by feeding them broken files.
_BROKEN = (
    *(OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error),
    *(IndexError, KeyError, TypeError, OverflowError, MemoryError, AttributeError, NotImplementedError),
)


class Unreadable(Exception):
    """A file that cannot be read as a picture; its text is the cause, in a few words."""


@contextmanager
def pixel_limit(max_pixels: int) -> Iterator[None]:
    """Let `max_pixels` decide what is too large, in place of Pillow's own limit and its warning."""
    before = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        Image.MAX_IMAGE_PIXELS = max_pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


@contextmanager
def opened(path: Path, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Open an image file and read its header; the pixels come with `decode`.

    Raises:
        Unreadable: empty, no image, larger than `max_pixels`, or not readable.
    """
    try:
        picture = Image.open(path)
    except UnidentifiedImageError:
        raise Unreadable("empty file" if path.stat().st_size == 0 else "not an image") from None
    except Image.DecompressionBombError:
        raise Unreadable("too large: more than twice the limit of pixels") from None
    except OSError as error:
        raise Unreadable((error.strerror or str(error)).lower()) from error
    except _BROKEN as error:
        raise Unreadable(f"broken: {error}") from error
    with picture:
        pixels = picture.width * picture.height
        if pixels > max_pixels:
            raise Unreadable(f"too large: {pixels / 1e6:.0f} megapixels")
        yield picture


def decode(picture: Image.Image) -> Image.Image:
    """Decode all pixels of an opened image.

    Raises:
        Unreadable: the file ends too early or is broken inside.
    """
    try:
        picture.load()
    except _BROKEN as error:
        cause = (
            "truncated" if "truncated" in str(error) or isinstance(error, EOFError) else f"broken: {error}"
        )
        raise Unreadable(cause) from error
    return picture


def frames(picture: Image.Image) -> int:
    """How many frames an opened image has; 1 where its format has no animation."""
    if picture.format == "TIFF" and getattr(getattr(picture, "tag_v2", None), "next", 1) == 0:
        return 1  # its directory is the last one; counting would read it twice more
    try:
        return int(getattr(picture, "n_frames", 1))
    except _BROKEN as error:
        raise Unreadable(f"broken: {error}") from error


def orientation(picture: Image.Image) -> int:
    """The EXIF orientation of an opened image, 1 (upright) to 8; 1 where it has none."""
    if "exif" not in picture.info or picture.format == "TIFF":  # Pillow turns a TIFF upright by itself
        return 1
    try:
        value = picture.getexif().get(ORIENTATION, 1)
    except _BROKEN as error:
        raise Unreadable(f"broken EXIF: {error}") from error
    return value if value in range(2, 9) else 1
