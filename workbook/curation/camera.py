"""The photographs that the embedded datasets are made of, cropped and compressed as a camera would."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from PIL import Image

QUALITY = (90, 99)  # of the JPEG images as saved
SUBSAMPLING = 0  # colours at full resolution, so that a camera's colour noise survives


@functools.cache
def photograph(name: str) -> np.ndarray:
    """One of scikit-image's photographs as uint8 (H, W, 3)."""
    from skimage import data  # only the makers of datasets need scikit-image

    found = data.stereo_motorcycle()[0] if name == "stereo_motorcycle" else getattr(data, name)()
    return np.stack([found] * 3, axis=-1) if found.ndim == 2 else found[..., :3]


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
