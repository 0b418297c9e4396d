"""The scores as formulas on plain tensors: no state, no policy. `core/metrics.py` accumulates them.

An undefined score is NaN here; it never turns into 0 unless the caller says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

NAN = float("nan")
AT_ONCE = 2**18  # pixels: what a CPU's cache holds is counted several times faster


class Counts(NamedTuple):
    """How many pixels (or images) were marked rightly and wrongly; int64 tensors of one shape."""

    tp: Tensor  # tampered and marked
    fp: Tensor  # authentic and marked
    fn: Tensor  # tampered and missed
    tn: Tensor  # authentic and left alone


def pixel_counts(
    pred_mask: Tensor, mask: Tensor, shape_mask: Tensor | None = None, threshold: float = 0.5
) -> Counts:
    """Count each image's pixels by what they are and what they were taken for.

    A pixel is marked where `pred_mask > threshold`, and tampered where `mask > 0.5` (soft masks are cut).

    Args:
        pred_mask: (B,1,H,W), float in [0,1].
        mask: (B,1,H,W), float in [0,1].
        shape_mask: (B,1,H,W), 1 on real pixels; padding is not counted at all.
        threshold: in [0,1].

    Returns:
        Counts, each (B,) int64.

    >>> pixel_counts(torch.tensor([[[[0.9, 0.8, 0.1]]]]), torch.tensor([[[[1.0, 0.0, 1.0]]]]))
    Counts(tp=tensor([1]), fp=tensor([1]), fn=tensor([1]), tn=tensor([0]))
    """
    parts = [_count(*part, threshold) for part in in_parts(pred_mask, mask, shape_mask)]
    tp, marked, tampered, number = torch.cat(parts, dim=1)  # each (B,)
    return Counts(tp, marked - tp, tampered - tp, number - marked - tampered + tp)


def in_parts(
    pred_mask: Tensor, mask: Tensor, shape_mask: Tensor | None
) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """The masks as (n, pixels): a few images at a time on a CPU, all of them elsewhere."""
    images = max(1, AT_ONCE // max(1, mask[:1].numel()) if mask.device.type == "cpu" else len(mask))
    preds, masks = pred_mask.detach().flatten(1).split(images), mask.detach().flatten(1).split(images)
    real = [None] * len(preds) if shape_mask is None else shape_mask.flatten(1).split(images)
    return zip(preds, masks, real, strict=True)


def above(values: Tensor, threshold: float) -> Any:
    """Where values are above a threshold: bools, in an array of numpy on a CPU, which is six times as fast.

    >>> above(torch.tensor([0.4, 0.5, 0.6]), 0.5)
    array([False, False,  True])
    """
    if values.dtype not in (torch.float32, torch.float64):
        values = values.float()  # a bfloat16 would round the threshold itself: 0.3 is 0.30078 there
    return (values.numpy() if values.device.type == "cpu" else values) > threshold


def _count(pred: Tensor, truth: Tensor, real: Tensor | None, threshold: float) -> Tensor:
    """(n, pixels) each -> (4, n) int64: tampered and marked, marked, tampered, all."""
    marked, tampered = above(pred, threshold), above(truth, 0.5)
    if real is None:
        number = torch.full((len(pred),), pred.shape[1], dtype=torch.int64, device=pred.device)
    else:
        there = above(real, 0.5)
        marked, tampered, number = marked & there, tampered & there, _in_rows(there)
    return torch.stack([_in_rows(marked & tampered), _in_rows(marked), _in_rows(tampered), number])


def _in_rows(flags: Any) -> Tensor:
    """How many in each row are true: (n, pixels) -> (n,) int64."""
    if isinstance(flags, Tensor):
        return flags.sum(1)
    # one row at a time: along an axis, numpy counts twenty times slower
    return torch.tensor([np.count_nonzero(row) for row in flags], dtype=torch.int64)


def f1(counts: Counts, undefined: float = NAN) -> Tensor:
    r"""F1, also called Dice: $2\,tp / (2\,tp + fp + fn)$; `undefined` where nothing is tampered nor marked.

    >>> f1(Counts(*torch.tensor([1, 1, 1, 7])))
    tensor(0.5000, dtype=torch.float64)
    """
    return ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn, undefined)


def iou(counts: Counts, undefined: float = NAN) -> Tensor:
    r"""Intersection over union: $tp / (tp + fp + fn)$; `undefined` where nothing is tampered nor marked.

    >>> iou(Counts(*torch.tensor([1, 1, 1, 7])))
    tensor(0.3333, dtype=torch.float64)
    """
    return ratio(counts.tp, counts.tp + counts.fp + counts.fn, undefined)


def accuracy(counts: Counts, undefined: float = NAN) -> Tensor:
    r"""Accuracy: $(tp + tn) / (tp + fp + fn + tn)$; `undefined` where there is nothing to count.

    >>> accuracy(Counts(*torch.tensor([1, 1, 1, 7])))
    tensor(0.8000, dtype=torch.float64)
    """
    return ratio(counts.tp + counts.tn, counts.tp + counts.fp + counts.fn + counts.tn, undefined)


def false_alarm_rate(counts: Counts, undefined: float = NAN) -> Tensor:
    r"""Share of what is authentic that was marked: $fp / (fp + tn)$; `undefined` where nothing is authentic.

    >>> false_alarm_rate(Counts(*torch.tensor([1, 1, 1, 7])))
    tensor(0.1250, dtype=torch.float64)
    """
    return ratio(counts.fp, counts.fp + counts.tn, undefined)


def ratio(part: Tensor, whole: Tensor, undefined: float) -> Tensor:
    """`part / whole` as float64 on the CPU; `undefined` where the whole is 0."""
    # the counts are few, and an Apple GPU has no float64
    part, whole = part.cpu().double(), whole.cpu().double()
    return torch.where(whole > 0, part / whole.clamp_min(1), torch.full_like(part, undefined))
