"""An image's file with one thing changed and every other pixel and byte as it was."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from workbook.curation.opening import ORIENTATION, decode, opened


def upright(path: Path) -> bytes:
    """A file's bytes with the EXIF orientation set to 1 (upright); the pixels stay as they are stored.

    A JPEG is not compressed anew, since that would wipe out the traces that forensics looks for.
    """
    data = path.read_bytes()
    if data[:2] == b"\xff\xd8":
        return _without_jpeg_orientation(data)
    with opened(path) as picture:
        decode(picture)
        exif = picture.getexif()
        exif.pop(ORIENTATION, None)
        buffer = BytesIO()
        options = {"lossless": True} if picture.format == "WEBP" else {}
        picture.save(buffer, picture.format, exif=exif.tobytes() if len(exif) else b"", **options)
    return buffer.getvalue()


def _without_jpeg_orientation(data: bytes) -> bytes:
    """Set the orientation to 1 in place, wherever an EXIF block of the JPEG holds it."""
    whole = bytearray(data)
    place = 2
    while place + 4 <= len(whole) and whole[place] == 0xFF and whole[place + 1] != 0xDA:
        length = int.from_bytes(whole[place + 2 : place + 4], "big")
        if whole[place + 1] == 0xE1 and whole[place + 4 : place + 10] == b"Exif\0\0":
            _set_upright(whole, place + 10, place + 2 + length)
        place += 2 + length
    return bytes(whole)


def _set_upright(whole: bytearray, start: int, end: int) -> None:
    """Within a TIFF block from `start` to `end`: the orientation's value to 1."""
    if start + 8 > end or end > len(whole):
        return
    order = "<" if whole[start : start + 2] == b"II" else ">"
    directory = start + struct.unpack_from(order + "I", whole, start + 4)[0]
    if directory + 2 > end:
        return
    for entry in range(struct.unpack_from(order + "H", whole, directory)[0]):
        position = directory + 2 + 12 * entry
        if position + 12 > end:
            return
        if struct.unpack_from(order + "H", whole, position)[0] == ORIENTATION:
            struct.pack_into(order + "H", whole, position + 8, 1)


def converted(path: Path) -> bytes:
    """The first frame as an 8-bit PNG: 16-bit values scaled by their format's range, colours as RGB."""
    with opened(path) as picture:
        picture = decode(picture)
        if picture.mode[0] in "IF":
            wide = np.nan_to_num(np.asarray(picture).astype(np.float64)).clip(0)
            top = next((limit for limit in (1.0, 255.0, 65535.0) if wide.max() <= limit), float(wide.max()))
            top = 65535.0 if picture.mode.startswith("I;16") else top
            picture = Image.fromarray(np.rint(wide * (255 / top)).astype(np.uint8))
        elif picture.mode not in ("L", "RGB"):
            picture = picture.convert("RGB")
        buffer = BytesIO()
        picture.save(buffer, "PNG", exif=b"")
    return buffer.getvalue()
