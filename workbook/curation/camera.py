"""The photographs that the embedded datasets are made of, cropped and compressed as a camera would."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from PIL import Image

QUALITY = (90, 99)  # of the JPEG images as saved
LUMA = (0.299, 0.587, 0.114)  # the weights of red, green and blue in brightness (ITU-R BT.601)
COLOUR_BLUR = 2.0  # standard deviation in pixels
SUBSAMPLING = 0  # colours at full resolution, so that a camera's colour noise survives


@functools.cache
def photograph(name: str) -> np.ndarray:
    """One of scikit-image's photographs as uint8 (H, W, 3), its colours smoothed."""
    from skimage import data  # only the makers of datasets need scikit-image

    found = data.stereo_motorcycle()[0] if name == "stereo_motorcycle" else getattr(data, name)()
    return np.stack([found] * 3, axis=-1) if found.ndim == 2 else _smooth(found[..., :3])


def _smooth(found: np.ndarray) -> np.ndarray:
    """The photograph with its colours, not its brightness, blurred as a camera's noise reduction does it.

    The photographs have histories of their own; without this, coloured fringes of two pixels pass for another
    camera's noise, and eight photographs are too few to learn the difference from.
    """
    from scipy.ndimage import gaussian_filter

    values = found.astype(np.float32)
    brightness = values @ np.array(LUMA, np.float32)
    colours = gaussian_filter(values - brightness[..., None], (COLOUR_BLUR, COLOUR_BLUR, 0))
    return np.clip(np.rint(brightness[..., None] + colours), 0, 255).astype(np.uint8)


def crop(name: str, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A random crop of (height, width); the other orientation where the photograph is too small."""
    whole = photograph(name)
    height, width = size if whole.shape[0] >= size[0] and whole.shape[1] >= size[1] else size[::-1]
    top = int(rng.integers(whole.shape[0] - height + 1))
    left = int(rng.integers(whole.shape[1] - width + 1))
    part = whole[top : top + height, left : left + width]
    return part[:, ::-1] if rng.random() < 0.5 else part


def save_jpeg(image: np.ndarray, path: Path, rng: np.random.Generator) -> None:
    """Save uint8 (H, W, 3) as a JPEG of a quality drawn from `QUALITY`."""
    Image.fromarray(image).save(path, "JPEG", quality=int(rng.integers(*QUALITY)), subsampling=SUBSAMPLING)
