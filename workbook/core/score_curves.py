"""Scores over all thresholds, as formulas on plain tensors: area under the ROC curve, F1 at each threshold.

Pixels are sorted into levels and counted there, because sorting millions of them takes ten times longer.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from workbook.core.scores import NAN, above, in_parts, ratio

ONE = 0x3F800000  # the bits of 1.0, the largest float here; from 0 up, floats are in the order of their bits
DROPPED = 17  # bits of a probability that its level leaves out
LEVELS = 2 * (ONE >> DROPPED) + 1
HEAVY = 1e-4  # share of all pairs (tampered, authentic) in one level from which pixels are sorted after all
SPREAD = 2e-5  # standard error of the area from which they are, too
STEPS = 256  # thresholds of the F1 curve: k/256 is exact in binary, and so is "above"


def auc(scores: Tensor, positive: Tensor) -> Tensor:
    r"""Area under the ROC curve: how often a positive outranks a negative, a tie counted as a half.

    $AUC = \frac{1}{PN}\sum_{i \in pos}\sum_{j \in neg} [s_i > s_j] + \tfrac12 [s_i = s_j]$

    Args:
        scores: (N,), in [0,1].
        positive: (N,) bool.

    Returns:
        () float64; NaN where only one class exists.

    >>> auc(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([False, False, True, True]))
    tensor(0.7500, dtype=torch.float64)
    >>> auc(torch.full((4,), 0.3), torch.tensor([False, False, True, True]))  # all tied
    tensor(0.5000, dtype=torch.float64)
    """
    return auc_of_ranks(*ranks(*_exact_levels(scores, positive)))


def auc_of_ranks(won: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """AUC (...) float64 from what `ranks` returns; NaN where only one class exists."""
    return ratio(won, 2.0 * positives.cpu().double() * negatives.cpu().double(), NAN)


def ranks(positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """From the numbers at each level, lowest first, what AUC is made of, in whole numbers.

    Args:
        positives: (levels,).
        negatives: (levels,).

    Returns:
        Twice the pairs that positives win (a tie is half a pair), the positives, the negatives; each ().

    >>> ranks(torch.tensor([0, 1, 1]), torch.tensor([1, 1, 0]))  # wins: 1 + a tie, and 2
    (tensor(7), tensor(2), tensor(2))
    """
    to_and_with = negatives.cumsum(0)
    return (positives * (2 * to_and_with - negatives)).sum(), positives.sum(), to_and_with[-1:].sum()


def pixel_ranks(
    pred_mask: Tensor, mask: Tensor, shape_mask: Tensor | None = None, exact: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """For each image, `ranks` of its pixels, (3,) int64, and how many are at each level, (2, LEVELS) int64.

    Pixels are counted in 16,257 levels that are fine near 0 and 1 as well, where a trained model's
    probabilities crowd. Where many pixels of both kinds share a level, all are sorted, so that only ties
    count as ties.

    Args:
        pred_mask: (B,1,H,W), float in [0,1].
        mask: (B,1,H,W), float in [0,1].
        shape_mask: (B,1,H,W), 1 on real pixels; padding is not counted.
        exact: sort all pixels, whatever that costs.
    """
    for pred, truth, real in _each_image(pred_mask, mask, shape_mask):
        levels = _histogram(_levels(pred), truth, real, LEVELS)
        # Whole numbers in double, exact up to 2^53: three times as fast on a CPU; not all devices have it.
        positives, negatives = levels.cpu().double()
        won = ranks(positives, negatives)
        if exact or _is_coarse(positives, negatives):
            won = ranks(*_exact_levels(pred, truth, real))
        yield torch.stack(won).long().to(levels.device), levels


def step_counts(pred_mask: Tensor, mask: Tensor, shape_mask: Tensor | None = None) -> Tensor:
    """Each image's tampered and authentic pixels between thresholds: (B, 2, STEPS + 1) int64.

    Step k holds the pixels above the threshold (k-1)/256 and not above k/256; step 0 those that are 0.
    """
    rows = [
        _histogram((pred * STEPS).ceil_().int(), truth, real, STEPS + 1)
        for pred, truth, real in _each_image(pred_mask, mask, shape_mask)
    ]
    return torch.stack(rows) if rows else torch.zeros(0, 2, STEPS + 1, dtype=torch.int64, device=mask.device)


def _each_image(
    pred_mask: Tensor, mask: Tensor, shape_mask: Tensor | None
) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """The masks as (pixels,), float32, one image at a time."""
    for preds, masks, real in in_parts(pred_mask, mask, shape_mask):
        for i in range(len(preds)):
            yield preds[i].float(), masks[i], None if real is None else real[i]


def _levels(pred: Tensor) -> Tensor:
    """(pixels,) in [0,1] -> level in [0, LEVELS), int32, rising with the probability p.

    A float's bits are its logarithm, in straight pieces: those of p spread the values near 0, those of 1 - p
    the values near 1, and their difference does both, much as a logit would.
    """
    pred = pred + 0.0  # the bits of -0.0 are those of a negative number
    bits = pred.view(torch.int32).sub_((1 - pred).view(torch.int32))
    return bits.bitwise_right_shift_(DROPPED).add_(ONE >> DROPPED)


def _is_coarse(positives: Tensor, negatives: Tensor) -> bool:
    """Whether levels that hold these numbers, (LEVELS,) each, may blur the area by more than 1e-4.

    A level's pairs count as ties: where its pixels have no order, an error of Mann and Whitney's variance.
    """
    all_pairs = positives.sum() * negatives.sum()
    positives, negatives = positives[1:-1], negatives[1:-1]  # exactly 0 and exactly 1 are true ties
    pairs = positives * negatives
    variance = torch.dot(pairs, positives + negatives + 1) / 12
    return bool((pairs.amax() > HEAVY * all_pairs) | (variance > (SPREAD * all_pairs) ** 2))


def _histogram(levels: Tensor, truth: Tensor, real: Tensor | None, number: int) -> Tensor:
    """(pixels,) each -> (2, number) int64: tampered pixels and authentic pixels at each level."""
    authentic = torch.as_tensor(above(truth, 0.5)).logical_not()
    cell = levels.add(authentic.int(), alpha=number)
    if real is not None:
        cell = torch.where(torch.as_tensor(above(real, 0.5)), cell, 2 * number)  # padding into its own cell
    return torch.bincount(cell, minlength=2 * number + 1)[: 2 * number].view(2, number)


def most_off(positives: Tensor, negatives: Tensor) -> float:
    """How far the area of levels that hold these numbers, (LEVELS,) each, may be from that of the pixels.

    0 where it hardly is: in every level few of both kinds, whose order is as good as drawn.
    """
    if not _is_coarse(positives, negatives):
        return 0.0
    inside = torch.dot(positives[1:-1], negatives[1:-1])  # all won or all lost, in place of half of them
    return (inside / (2 * positives.sum() * negatives.sum())).item()


def pixel_keys(scores: Tensor, truth: Tensor, real: Tensor | None = None) -> Tensor:
    """The real pixels as (N,) int32 that sort as their scores do; the lowest bit: 1 where tampered."""
    bits = (scores.float() + 0.0).view(torch.int32)
    key = bits * 2 + (truth > 0.5).int()  # fits, since the bits of 1.0 are below 2^30
    return key.flatten() if real is None else key[real > 0.5]


def _exact_levels(scores: Tensor, truth: Tensor, real: Tensor | None = None) -> tuple[Tensor, Tensor]:
    return sorted_levels(pixel_keys(scores, truth, real))


def sorted_levels(keys: Tensor) -> tuple[Tensor, Tensor]:
    """How many positives and negatives have each value that occurs, lowest first; int64 each."""
    key = keys.sort().values  # ten times faster than sorting floats
    new = key[1:] >> 1 != key[:-1] >> 1
    level = torch.cat([new.new_zeros(min(1, len(key))), new]).cumsum(0)
    both = torch.bincount(level * 2 + (key & 1), minlength=2)
    both = torch.cat([both, both.new_zeros(len(both) % 2)]).view(-1, 2)  # the last level may lack positives
    return both[:, 1], both[:, 0]
