"""From whatever holds a picture to what matplotlib draws: the only place where that is decided."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from workbook.core.batch import denormalize
from workbook.core.errors import DataError
from workbook.core.images import mask_levels, read_image, read_mask

Picture = NDArray[np.uint8]  # (H, W, 3), RGB
Map = NDArray[np.float32]  # (H, W), in [0, 1]


def to_picture(image: Any) -> Picture:
    """Any image as RGB levels to draw.

    Args:
        image: a path, a Pillow image, a tensor (3, H, W), (1, H, W), (1, 3, H, W) or (H, W), or an array of
            these shapes or (H, W, 3). uint8 is taken as levels; floats in [0, 1] as brightness; floats
            beyond [0, 1] as normalised, which is undone.

    Returns:
        uint8 (H, W, 3).

    Raises:
        DataError: another shape, or a file that cannot be read.

    >>> to_picture(torch.full((3, 2, 4), 0.5)).shape
    (2, 4, 3)
    >>> to_picture(np.array([[0, 255]], dtype=np.uint8))[0, 1].tolist()
    [255, 255, 255]
    """
    if isinstance(image, (str, os.PathLike)):
        image = read_image(Path(image))
    elif isinstance(image, Image.Image):
        image = np.array(image.convert("RGB"))
    values = _channels_first(image)  # (1 or 3, H, W)
    if values.dtype == torch.bool:
        values = values.float()
    if values.is_floating_point():
        values = values.detach().float().cpu()
        if len(values) == 3 and not _is_brightness(values):
            values = denormalize(values)
        values = (values.nan_to_num(0).clamp(0, 1) * 255).round()
    return values.expand(3, -1, -1).permute(1, 2, 0).to(torch.uint8).cpu().numpy()


def to_pictures(images: Any) -> list[Picture]:
    """Each image as `to_picture` does it; of a float batch (B, 3, H, W), all are normalised or none is.

    >>> [picture.shape for picture in to_pictures(torch.zeros(2, 3, 4, 5))]
    [(4, 5, 3), (4, 5, 3)]
    """
    if isinstance(images, torch.Tensor) and images.is_floating_point() and images.shape[-3:-2] == (3,):
        images = images.detach().float().cpu()
        images = images if _is_brightness(images) else denormalize(images)
    return [to_picture(image) for image in images]


def to_map(mask: Any) -> Map:
    """Any mask or probability map as values to draw.

    Args:
        mask: a path, a Pillow image, or a tensor or array (H, W), (1, H, W), (1, 1, H, W) or (H, W, 1):
            bools, floats in [0, 1], or uint8 levels (0/255, or 0/1 where nothing is above 1).

    Returns:
        float32 (H, W) in [0, 1].

    Raises:
        DataError: another shape, or a file that cannot be read.

    >>> to_map(torch.tensor([[[0, 255]]], dtype=torch.uint8)).tolist(), to_map(np.array([[0, 1]])).tolist()
    ([[0.0, 1.0]], [[0.0, 1.0]])
    """
    if isinstance(mask, (str, os.PathLike)):
        mask = read_mask(Path(mask))
    elif isinstance(mask, Image.Image):
        mask = mask_levels(mask)
    values = _channels_first(mask)
    if len(values) != 1:
        raise DataError(f"a mask has one channel, not {len(values)}; give (H, W) or (1, H, W)")
    scale = 1.0 if values.is_floating_point() or not values.numel() or values.max() <= 1 else 255.0
    return (values[0].detach().float().cpu() / scale).nan_to_num(0).clamp(0, 1).numpy()


def to_maps(masks: Iterable[Any] | None, like: Sequence[Picture]) -> list[Map | None]:
    """A map for each picture; None where there is no mask, as with an authentic image."""
    if masks is None:
        return [None] * len(like)
    maps = [None if mask is None else to_map(mask) for mask in masks]
    if len(maps) != len(like):
        raise DataError(f"{len(like)} images and {len(maps)} masks; give one mask an image, or None for it")
    return maps


def _is_brightness(values: torch.Tensor) -> bool:
    slack = 1e-4  # of rounding, as interpolation leaves it
    return not values.numel() or bool(values.min() >= -slack and values.max() <= 1 + slack)


def _channels_first(value: Any) -> torch.Tensor:
    """A tensor or array in any of the usual shapes as (1 or 3, H, W)."""
    if not isinstance(value, (torch.Tensor, np.ndarray)):
        raise DataError(f"a {type(value).__name__} is no picture; give a path, a tensor or an array")
    tensor = value if isinstance(value, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(value))
    if tensor.ndim == 4 and len(tensor) == 1:
        tensor = tensor[0]
    if tensor.ndim == 2:
        return tensor[None]
    if tensor.ndim == 3:
        if tensor.shape[0] in (1, 3):
            return tensor
        if tensor.shape[2] in (1, 3):
            return tensor.permute(2, 0, 1)
    raise DataError(f"shape {tuple(value.shape)} is no picture; give (3, H, W), (1, H, W) or (H, W)")
