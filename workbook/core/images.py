"""From a file to pixels: every image becomes 8-bit RGB, every mask 8-bit levels, whatever the file's mode.

The silent faults of this field are made here: a mask coded 0/1 and read as 0/255 is empty, a mask whose shape
lies in the alpha channel is full, a 16-bit mask cut to 8 bits is white. Each mode has its rule below.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from workbook.core.alpha import informative_alpha
from workbook.core.errors import DataError

# What Pillow raises on files that are cut short, are no image, or ask for too much memory.
_UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


def read_image(path: str | os.PathLike[str]) -> Tensor:
    """Read an image as uint8 RGB (3, H, W), turned upright by its EXIF orientation.

    Grey, palette, CMYK, 16-bit and RGBA files are converted to 8-bit RGB; an alpha channel is dropped.

    Raises:
        DataError: the file is missing, truncated or not an image.
    """
    path = Path(path)
    try:
        with Image.open(path) as image:
            ImageOps.exif_transpose(image, in_place=True)
            if image.mode.startswith(("I", "F")):
                rgb = Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
            else:
                rgb = image if image.mode == "RGB" else image.convert("RGB")
            return torch.from_numpy(np.array(rgb)).permute(2, 0, 1)  # (3, H, W)
    except _UNREADABLE as error:
        _unreadable(path, "image", error)


def read_mask(path: str | os.PathLike[str]) -> Tensor:
    """Read a mask as uint8 levels (1, H, W): 0 = authentic, 255 = tampered, between them a soft matte.

    See `mask_levels` for how the modes are read.

    Raises:
        DataError: the file is missing, truncated or not an image.
    """
    path = Path(path)
    try:
        with Image.open(path) as image:
            levels = mask_levels(image)
    except _UNREADABLE as error:
        _unreadable(path, "mask", error)
    return torch.from_numpy(levels)[None]


def mask_levels(image: Image.Image) -> np.ndarray:
    """The levels of a mask, uint8 (H, W), 0 = authentic and 255 = tampered.

    - Grey and RGB: the luminance. 1-bit: 0 and 255. 16-bit and float: scaled to 8 bits.
    - Levels 0 and 1 only, in a lossless file: the mask is coded 0/1, and 1 becomes 255.
    - Palette: its greys where all colours in use are grey, else (classes) every index but 0 is 255.
    - With alpha: alpha, where it is what holds the mask (`informative_alpha`); else the luminance.

    >>> mask_levels(Image.fromarray(np.array([[0, 1]], dtype=np.uint8))).tolist()
    [[0, 255]]
    """
    lossless = image.format != "JPEG"  # in a JPEG a lone 1 is noise, not a code
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # it copies where there is nothing to turn
        image = ImageOps.exif_transpose(image)
    if image.mode == "P" and "transparency" not in image.info:
        levels = _palette_levels(image)
    elif image.has_transparency_data:
        rgba = image.convert("RGBA")
        levels = np.array(informative_alpha(rgba) or rgba.convert("L"))
    elif image.mode.startswith(("I", "F")):
        levels = _eight_bits(np.asarray(image))
    else:
        levels = np.array(image.convert("L"))
    if lossless and levels.size and levels.max() == 1:
        levels = levels * np.uint8(255)
    return levels


def _palette_levels(image: Image.Image) -> np.ndarray:
    index = np.array(image)
    palette = np.array(image.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
    used = palette[np.unique(index)]
    if (used == used[:, :1]).all():
        return palette[:, 0][index]
    return np.where(index > 0, np.uint8(255), np.uint8(0))


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Bring 16-bit, 32-bit and float levels to uint8; the scale is told by the largest value."""
    values = values.astype(np.float64)
    top = values.max(initial=0.0)
    if np.isnan(top) or top > 65535 or values.min(initial=0.0) < 0:
        raise ValueError(f"levels outside 0..65535 (the largest is {top:g})")
    scale = 255.0 if top <= 1 else 1.0 if top <= 255 else 255.0 / 65535.0
    return np.rint(values * scale).astype(np.uint8)


def _unreadable(path: Path, kind: str, error: BaseException) -> NoReturn:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
    raise DataError(
        f"{path}: the {kind} cannot be read ({reason}); audit the dataset and drop or replace it"
    ) from error
