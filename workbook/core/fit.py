"""Bring a sample to the size that the model sees: resized, or padded at the bottom and right."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2.functional import resize_image

from workbook.core.errors import WorkbookError

Fit = Literal["resize", "pad"]


def read_size(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Read a size setting as (height, width); one number means a square.

    Raises:
        WorkbookError: not one or two positive integers.

    >>> read_size(512)
    (512, 512)
    """
    if size is None:
        return None
    pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2 or not all(type(side) is int and side > 0 for side in pair):  # a bool is no size
        raise WorkbookError(f"size is {size!r}; give one number of pixels, (height, width), or None")
    return pair


def fit_sample(sample: dict[str, Any], size: tuple[int, int], fit: Fit, soft: bool = False) -> dict[str, Any]:
    """Fit `image`, `mask` and, where there is one, `edge_mask` to a size; sets `shape` and `shape_mask`.

    `shape` is the size of the image's own pixels within the result: undo a padding by cutting to it, then
    resize to `original_shape`. Resizing is bilinear (antialiased) for the image and a soft mask, nearest for
    a binary one. Padding is with zeros; what is larger than the size is cut off at the bottom and right,
    as IMDL-BenCo does, since scaling would wipe out the traces that a detector looks for.

    Args:
        sample: image (3, H, W), mask (1, H, W) and maybe edge_mask (1, H, W); changed in place.
        size: (height, width).
        fit: "resize", or "pad", which adds `shape_mask` float32 (1, height, width).
        soft: whether the mask is a soft matte.
    """
    height, width = sample["image"].shape[-2:]
    if fit == "resize":
        # Channels last is what the resizing is fast for, four times: turned and blurred images are not.
        pixels = sample["image"].permute(1, 2, 0).contiguous().permute(2, 0, 1)
        sample["image"] = resize_image(pixels, list(size), InterpolationMode.BILINEAR, antialias=True)
        sample["mask"] = _resize_mask(sample["mask"], size, soft)
        if "edge_mask" in sample:
            sample["edge_mask"] = _resize_mask(sample["edge_mask"], size, soft=False)
        shape = size
    else:
        shape = (min(height, size[0]), min(width, size[1]))
        for key in ("image", "mask", "edge_mask"):
            if key in sample:
                sample[key] = pad_to(sample[key][..., : shape[0], : shape[1]], size)
        sample["shape_mask"] = pad_to(torch.ones(1, *shape), size)
    sample["shape"] = torch.tensor(shape)
    return sample


def pad_to(field: Tensor, size: tuple[int, int]) -> Tensor:
    """Pad (C, H, W) with zeros at the bottom and right to (C, *size); nothing is cut."""
    below, right = size[0] - field.shape[-2], size[1] - field.shape[-1]
    return F.pad(field, (0, right, 0, below)) if below or right else field


def _resize_mask(mask: Tensor, size: tuple[int, int], soft: bool) -> Tensor:
    if tuple(mask.shape[-2:]) == size:
        return mask
    if soft:
        return F.interpolate(mask[None], size, mode="bilinear", antialias=True)[0].clamp_(0, 1)
    return F.interpolate(mask[None], size, mode="nearest-exact")[0]
