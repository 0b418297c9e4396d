"""What a score accepts: a wrong field is refused by name, with the fix, before it makes a wrong number."""

from __future__ import annotations

import torch
from torch import Tensor

from workbook.core.errors import DataError, ModelError, WorkbookError


def check_masks(pred_mask: Tensor, mask: Tensor, shape_mask: Tensor | None = None) -> None:
    """Refuse masks from which a score would be wrong.

    Args:
        pred_mask: (B,1,H,W), float, probabilities in [0,1].
        mask: (B,1,H,W), float, in [0,1], 1 = tampered.
        shape_mask: (B,1,H,W), float, 1 on the image's own pixels and 0 on padding.

    Raises:
        ModelError: `pred_mask` has another shape or type, is not finite, or holds logits.
        DataError: the same for `mask` or `shape_mask`, such as a mask of 0 and 255.

    >>> check_masks(torch.rand(2, 1, 4, 4), torch.full((2, 1, 4, 4), 255.0))
    Traceback (most recent call last):
    workbook.core.errors.DataError: mask lies in [255, 255], not in [0, 1]; divide a mask of 0 and 255 by 255
    """
    logits = "pass probabilities: torch.sigmoid(logits)"
    _check_mask("pred_mask", pred_mask, ModelError, logits)
    _check_mask("mask", mask, DataError, "divide a mask of 0 and 255 by 255")
    if pred_mask.shape != mask.shape:
        raise ModelError(
            f"pred_mask has shape {tuple(pred_mask.shape)} and mask {tuple(mask.shape)}; "
            "resize the prediction to the size of the mask"
        )
    if shape_mask is not None:
        _check_mask("shape_mask", shape_mask, DataError, "it is 1 on real pixels and 0 on padding")
        if shape_mask.shape != mask.shape:
            raise DataError(
                f"shape_mask has shape {tuple(shape_mask.shape)} and mask {tuple(mask.shape)}; "
                "give each image one shape_mask of the mask's size"
            )


def check_labels(pred_label: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Refuse image-level values from which a score would be wrong; the accepted ones come back as (B,), (B,).

    Args:
        pred_label: (), (B,) or (B,1), float, probabilities in [0,1].
        label: the same for the truth, float, 0 or 1.

    Raises:
        ModelError: `pred_label` has another shape or type, is not finite, or holds logits.
        DataError: `label` has another shape or type, or another value than 0 and 1.

    >>> check_labels(torch.rand(4, 1), torch.tensor([0, 1, 1, 0]))
    Traceback (most recent call last):
    workbook.core.errors.DataError: label is torch.int64; give floats: label.float()
    """
    pred_label = _flat_labels("pred_label", pred_label, ModelError)
    label = _flat_labels("label", label, DataError)
    _check_range("pred_label", pred_label, ModelError, "pass probabilities: torch.sigmoid(logits)")
    _check_range("label", label, DataError, "1 is tampered and 0 is authentic")
    if ((label != 0) & (label != 1)).any():
        raise DataError("label holds values between 0 and 1; 1 is tampered and 0 is authentic")
    if pred_label.shape != label.shape:
        raise ModelError(
            f"pred_label has {len(pred_label)} values and label {len(label)}; return one value an image"
        )
    return pred_label, label


def check_threshold(threshold: float) -> float:
    """The threshold itself, if it is one.

    Raises:
        WorkbookError: it is not a number in [0, 1].

    >>> check_threshold(1.5)
    Traceback (most recent call last):
    workbook.core.errors.WorkbookError: threshold is 1.5; give a probability from 0 to 1
    """
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise WorkbookError(f"threshold is {threshold!r}; give a probability from 0 to 1")
    return float(threshold)


def _check_mask(name: str, value: Tensor, error: type[WorkbookError], fix: str) -> None:
    _check_float(name, value, error)
    if value.ndim != 4 or value.shape[1] != 1:
        raise error(f"{name} has shape {tuple(value.shape)}; give (B, 1, H, W), one channel an image")
    _check_range(name, value, error, fix)


def _flat_labels(name: str, value: Tensor, error: type[WorkbookError]) -> Tensor:
    _check_float(name, value, error)
    if value.ndim > 2 or (value.ndim == 2 and value.shape[1] != 1):
        raise error(f"{name} has shape {tuple(value.shape)}; give (B,), one value an image")
    return value.detach().reshape(-1)


def _check_float(name: str, value: Tensor, error: type[WorkbookError]) -> None:
    if not isinstance(value, Tensor):
        raise error(f"{name} is a {type(value).__name__}; give a torch.Tensor")
    if not value.is_floating_point():
        raise error(f"{name} is {value.dtype}; give floats: {name}.float()")


def _check_range(name: str, value: Tensor, error: type[WorkbookError], fix: str) -> None:
    if value.numel() == 0:
        return
    low, high = torch.stack([bound.float() for bound in torch.aminmax(value.detach())]).tolist()  # one wait
    if low >= 0 and high <= 1:
        return
    if low != low or high != high:  # NaN is the only value that differs from itself
        layer = "find the first layer that returns NaN (torch.autograd.set_detect_anomaly)"
        raise error(f"{name} holds NaN; {layer if error is ModelError else 'look where the data makes it'}")
    raise error(f"{name} lies in [{low:g}, {high:g}], not in [0, 1]; {fix}")
