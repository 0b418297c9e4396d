"""From samples to what the model sees: collate, move, scale and normalise, and the way back for display."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbook.core.errors import DataError
from workbook.core.fit import pad_to

# ImageNet's channel means and deviations, on a scale of 0 to 1: what timm's backbones were trained with.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

CACHED = 1 << 20  # numbers; normalised a piece at a time, they are still in the cache for the next operation
_TRUTHS = ("mask", "edge_mask", "shape_mask")


def collate(samples: Sequence[Any]) -> dict[str, Any]:
    """Make a batch of samples: tensors are stacked, names listed, sizes evened out.

    Samples of different height or width are padded with zeros at the bottom and right to the largest, and
    `shape_mask` then marks the real pixels. A sample may also be a tuple `(image, mask)`.

    Args:
        samples: dictionaries as a dataset gives them, all with the same fields.

    Returns:
        The fields, tensors with a leading dimension B, numbers as tensors (B,), all else as lists.

    Raises:
        DataError: no sample, fields that differ between samples, or a field whose shapes cannot be stacked.

    >>> batch = collate([{"mask": torch.ones(1, 2, width), "name": str(width)} for width in (2, 3)])
    >>> batch["mask"].shape, batch["name"], batch["shape_mask"][0, 0, 0].tolist()
    (torch.Size([2, 1, 2, 3]), ['2', '3'], [1.0, 1.0, 0.0])
    """
    if not samples:
        raise DataError("there is no sample to make a batch of; the dataset or the sampler is empty")
    rows = [_as_fields(sample) for sample in samples]
    for row in rows[1:]:
        if row.keys() != rows[0].keys():
            odd = sorted(row.keys() ^ rows[0].keys())
            raise DataError(
                f"some samples of the batch carry {odd} and others do not; give all the same fields"
            )
    spatial = rows[0].get("image", rows[0].get("mask"))
    if isinstance(spatial, Tensor) and spatial.ndim == 3:
        _even_out(rows, "image" if "image" in rows[0] else "mask")
    return {key: _stack(key, [row[key] for row in rows]) for key in rows[0]}


def _as_fields(sample: Any) -> dict[str, Any]:
    if isinstance(sample, Mapping):
        return dict(sample)
    if isinstance(sample, (tuple, list)) and len(sample) == 2:
        return {"image": sample[0], "mask": sample[1]}
    raise DataError(
        f"a sample is a {type(sample).__name__}; return a dictionary of fields or a tuple (image, mask)"
    )


def _even_out(rows: list[dict[str, Any]], key: str) -> None:
    """Pad every field that has the size of its sample's image to the largest size in the batch."""
    sizes = [tuple(row[key].shape[-2:]) for row in rows]
    if len(set(sizes)) == 1:
        return
    largest = (max(height for height, _ in sizes), max(width for _, width in sizes))
    for row, size in zip(rows, sizes, strict=True):
        row.setdefault("shape_mask", torch.ones(1, *size))
        for name, value in row.items():
            if isinstance(value, Tensor) and value.ndim >= 2 and tuple(value.shape[-2:]) == size:
                row[name] = pad_to(value, largest)


def _stack(key: str, values: list[Any]) -> Any:
    first = values[0]
    if isinstance(first, Tensor):
        try:
            if key == "image" and first.dtype == torch.uint8 and first.stride()[:1] == (1,):
                # Decoded pixel by pixel: bytes are copied as they lie, which takes a tenth of turning them.
                return torch.stack([value.permute(1, 2, 0) for value in values]).permute(0, 3, 1, 2)
            return torch.stack(values)
        except (RuntimeError, TypeError) as error:
            shapes = sorted({tuple(value.shape) for value in values if isinstance(value, Tensor)})
            raise DataError(
                f"{key}: shapes {shapes} cannot be stacked; make them equal in post_func"
            ) from error
    if isinstance(first, (bool, int, float)):
        return torch.tensor(values)
    return values


def prepare_batch(
    batch: Any,
    device: torch.device | str = "cpu",
    *,
    memory_format: torch.memory_format = torch.contiguous_format,
) -> dict[str, Any]:
    """Move a batch to a device and bring it into the form that the model sees.

    A uint8 image becomes float32, scaled to [0, 1] and normalised with `MEAN` and `STD`; a float image is
    taken as it is. `mask`, `edge_mask` and `shape_mask` become float32 (B, 1, H, W), `label` float32 (B,).

    Args:
        batch: a dictionary of fields, or a tuple `(image, mask)`.
        device: where to.
        memory_format: how the image lies in memory; `torch.channels_last` is what convolutions are fast
            for, and how decoded images lie anyway.

    Raises:
        DataError: a mask with values outside [0, 1] (0/255 levels, NaN), an image that is not (B, C, H, W),
            or a batch that is neither a dictionary nor a pair.

    >>> ready = prepare_batch((torch.full((1, 3, 2, 2), 255, dtype=torch.uint8), torch.ones(1, 2, 2)))
    >>> ready["image"].dtype, ready["mask"].shape
    (torch.float32, torch.Size([1, 1, 2, 2]))
    """
    fields = _as_fields(batch)
    for key in _TRUTHS:
        if key in fields:
            _check_range(key, fields[key])
    ready = {
        key: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
        for key, value in fields.items()
    }
    if "image" in ready:
        ready["image"] = _normalize(ready["image"], memory_format)
    for key in _TRUTHS:
        if key in ready:
            truth = ready[key]
            ready[key] = (truth[:, None] if truth.ndim == 3 else truth).float()  # (B, 1, H, W)
    if "label" in ready:
        ready["label"] = _numbers(ready["label"], device)
    return ready


def _numbers(label: Any, device: torch.device | str) -> Tensor:
    try:
        return torch.as_tensor(label, device=device).float()
    except (TypeError, ValueError, RuntimeError) as error:
        shown = label[0] if isinstance(label, list) and label else label
        raise DataError(
            f"label: is {shown!r} and the like; give numbers, 1 for tampered and 0 for authentic"
        ) from error


def _check_range(key: str, truth: Tensor) -> None:
    if not isinstance(truth, Tensor) or truth.ndim not in (3, 4):
        raise DataError(f"{key}: is {_describe(truth)}; give a tensor (B, 1, H, W)")
    # On another device the check would make the host wait; there the loader's own batches were checked.
    if truth.device.type == "cpu" and truth.dtype != torch.bool and truth.numel():
        low, high = (float(value) for value in torch.aminmax(truth))
        if not (low >= 0 and high <= 1):  # so written, NaN is caught too
            nan = "look at the file or the transform that made it"
            remedy = nan if low != low else "divide 0/255 levels by 255"
            raise DataError(f"{key}: values run from {low:g} to {high:g}; they must lie in [0, 1] ({remedy})")


def _normalize(image: Tensor, memory_format: torch.memory_format) -> Tensor:
    if not isinstance(image, Tensor) or image.ndim != 4:
        raise DataError(f"image: is {_describe(image)}; give a tensor (B, 3, H, W)")
    if image.dtype != torch.uint8:
        if not image.is_floating_point():
            raise DataError(
                f"image: is {image.dtype}; give uint8 levels, or floats normalised as you want them"
            )
        return image.to(torch.float32, memory_format=memory_format)
    if image.shape[1] != len(MEAN):
        raise DataError(f"image: has {image.shape[1]} channels; uint8 images must be RGB (B, 3, H, W)")
    ready = _room(image.shape, image.device, memory_format)
    channels_last = memory_format == torch.channels_last
    scale, shift = _scale_and_shift(image.device, image.shape[3] if channels_last else 0)
    # As many images at a time as stay in a CPU's cache.
    together = max(1, CACHED // max(1, image.shape[1:].numel())) if image.device.type == "cpu" else len(image)
    for levels, pixels in zip(image.split(together), ready.split(together), strict=True):
        pixels.copy_(levels)
        lying = pixels.permute(0, 2, 3, 1).flatten(2) if channels_last else pixels  # a view, (B, H, W * 3)
        lying.mul_(scale).sub_(shift)
    return ready


def _room(shape: torch.Size, device: torch.device, memory_format: torch.memory_format) -> Tensor:
    """An uninitialised float32 tensor.

    For a CPU numpy allocates it, which asks Linux for large pages: the first touch of a batch's memory, page
    by page, took a tenth to a fifth of the time of its samples.
    """
    if device.type != "cpu":
        return torch.empty(shape, device=device, memory_format=memory_format)
    if memory_format == torch.channels_last:
        count, colours, rows, columns = shape
        return torch.from_numpy(np.empty((count, rows, columns, colours), np.float32)).permute(0, 3, 1, 2)
    return torch.from_numpy(np.empty(shape, np.float32))


@functools.lru_cache(maxsize=16)
def _scale_and_shift(device: torch.device, width: int) -> tuple[Tensor, Tensor]:
    """What levels of 0 to 255 are multiplied by and what is taken off then, (3, 1, 1).

    With a width it is that of a row of as many pixels which lies in memory colour by colour, (width * 3,).
    """
    mean, std = _moments(device)
    scale, shift = 1 / (255 * std), mean / std
    return (scale.flatten().repeat(width), shift.flatten().repeat(width)) if width else (scale, shift)


def denormalize(image: Tensor) -> Tensor:
    """Undo the normalisation for display: float32 in [0, 1], of the same shape (3, H, W) or (B, 3, H, W).

    >>> white = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    >>> bool(torch.allclose(denormalize(prepare_batch({"image": white})["image"]), torch.ones(1, 3, 2, 2)))
    True
    """
    mean, std = _moments(image.device)
    return (image.detach().float() * std + mean).clamp_(0, 1)


def _moments(device: torch.device) -> tuple[Tensor, Tensor]:
    shape = (3, 1, 1)
    return torch.tensor(MEAN, device=device).view(shape), torch.tensor(STD, device=device).view(shape)


def _describe(value: Any) -> str:
    return f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
