"""The scores as formulas on plain tensors: no state, no policy. `core/metrics.py` accumulates them.

An undefined score is NaN here; it never turns into 0 unless the caller says so.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

NAN = float("nan")


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
    # bf16 would round the threshold itself: 0.3 is 0.30078 there
    marked = pred_mask.detach().float() > threshold
    tampered = mask.detach() > 0.5
    number = torch.full_like(marked[:, 0, 0, 0], marked[0].numel(), dtype=torch.int64)
    if shape_mask is not None:
        real = shape_mask > 0.5
        marked, tampered, number = marked & real, tampered & real, _count(real)
    tp, marks, tampers = _count(marked & tampered), _count(marked), _count(tampered)
    return Counts(tp, marks - tp, tampers - tp, number - marks - tampers + tp)


def _count(where: Tensor) -> Tensor:
    """How many are true in each image: (B, ...) bool -> (B,) int64."""
    return where.flatten(1).sum(1)


def f1(counts: Counts, undefined: float = NAN) -> Tensor:
    r"""F1, also called Dice: $2\,tp / (2\,tp + fp + fn)$; `undefined` where nothing is tampered nor marked.

    >>> f1(Counts(*torch.tensor([1, 1, 1, 7])))
    tensor(0.5000, dtype=torch.float64)
    """
    return _ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn, undefined)


def iou(counts: Counts, undefined: float = NAN) -> Tensor:
    r"""Intersection over union: $tp / (tp + fp + fn)$; `undefined` where nothing is tampered nor marked.

    >>> iou(Counts(*torch.tensor([1, 1, 1, 7])))
    tensor(0.3333, dtype=torch.float64)
    """
    return _ratio(counts.tp, counts.tp + counts.fp + counts.fn, undefined)


def accuracy(counts: Counts, undefined: float = NAN) -> Tensor:
    r"""Accuracy: $(tp + tn) / (tp + fp + fn + tn)$; `undefined` where there is nothing to count.

    >>> accuracy(Counts(*torch.tensor([1, 1, 1, 7])))
    tensor(0.8000, dtype=torch.float64)
    """
    return _ratio(counts.tp + counts.tn, counts.tp + counts.fp + counts.fn + counts.tn, undefined)


def false_alarm_rate(counts: Counts, undefined: float = NAN) -> Tensor:
    r"""Share of what is authentic that was marked: $fp / (fp + tn)$; `undefined` where nothing is authentic.

    >>> false_alarm_rate(Counts(*torch.tensor([1, 1, 1, 7])))
    tensor(0.1250, dtype=torch.float64)
    """
    return _ratio(counts.fp, counts.fp + counts.tn, undefined)


def _ratio(part: Tensor, whole: Tensor, undefined: float) -> Tensor:
    # On the CPU: the counts are few, and an Apple GPU has no float64
    part, whole = part.cpu().double(), whole.cpu().double()
    return torch.where(whole > 0, part / whole.clamp_min(1), torch.full_like(part, undefined))


def auc(scores: Tensor, positive: Tensor) -> Tensor:
    r"""Area under the ROC curve: how often a positive outranks a negative, a tie counted as a half.

    $AUC = \frac{1}{PN}\sum_{i \in pos}\sum_{j \in neg} [s_i > s_j] + \tfrac12 [s_i = s_j]$

    Args:
        scores: (N,), any order-preserving score.
        positive: (N,) bool.

    Returns:
        () float64; NaN where only one class exists.

    >>> auc(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([False, False, True, True]))
    tensor(0.7500, dtype=torch.float64)
    """
    levels, level = torch.unique(scores.cpu(), return_inverse=True)
    positive = positive.cpu()
    positives = torch.bincount(level[positive], minlength=len(levels))
    negatives = torch.bincount(level[~positive], minlength=len(levels))
    return auc_of_levels(positives, negatives)


def auc_of_levels(positives: Tensor, negatives: Tensor) -> Tensor:
    """AUC from how many positives and negatives there are at each level of the score, lowest first.

    Args:
        positives: (..., levels) int64.
        negatives: (..., levels) int64.

    Returns:
        (...) float64; NaN where only one class exists.

    >>> auc_of_levels(torch.tensor([3]), torch.tensor([5]))  # all tied
    tensor(0.5000, dtype=torch.float64)
    """
    positives, negatives = positives.cpu().double(), negatives.cpu().double()
    below = negatives.cumsum(-1) - negatives
    won = (positives * (below + negatives / 2)).sum(-1)
    return _ratio(won, positives.sum(-1) * negatives.sum(-1), NAN)
