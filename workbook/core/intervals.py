"""How far a score would move with other images of the same kind: bootstrap confidence intervals.

Images are drawn with replacement, as often as there are, and scored again (Efron, "Bootstrap Methods: Another
Look at the Jackknife", Annals of Statistics 1979). A draw is a count of each image, so that all draws of a
score are a few matrix products, and an evaluation hardly waits for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import singledispatch

import torch
from torch import Tensor

from workbook.core import scores
from workbook.core.curve_metrics import BestPixelF1
from workbook.core.errors import WorkbookError
from workbook.core.image_metrics import ImageAUC, ImageScore
from workbook.core.pixel_metrics import PixelScore
from workbook.core.score_metric import Score
from workbook.core.scores import Counts

AT_ONCE = 2**21  # numbers in a block of draws


def interval(
    metric: Score, rows: Tensor, *, confidence: float = 0.95, resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The bootstrap percentile interval of a score.

    Args:
        metric: whose score it is.
        rows: what the metric keeps of each image, (N, columns) int64.
        confidence: how much of the resampled scores lies within, in (0, 1).
        resamples: how often images are drawn.
        seed: of the draws; the same images in the same order give the same interval.

    Returns:
        Its lower and upper end; NaN where the score is undefined, or with fewer than two images.

    Raises:
        WorkbookError: a confidence or a number of resamples that cannot be.

    >>> from workbook.core.metrics import PixelF1
    >>> metric = PixelF1()
    >>> rows = torch.tensor([[1, 0, 0, 9], [0, 0, 1, 9]] * 50)  # tp, fp, fn, tn: half the images are right
    >>> [round(end, 1) for end in interval(metric, rows)]
    [0.4, 0.6]
    """
    if not 0 < confidence < 1 or resamples < 1:
        raise WorkbookError(
            f"confidence={confidence}, resamples={resamples}; give one in (0, 1), one above 0"
        )
    if len(rows) < 2:
        return math.nan, math.nan
    values = torch.cat([resampled(metric, rows, drawn) for drawn in draws(len(rows), resamples, seed)])
    values = values[~values.isnan()]  # draws without an image that counts
    if not len(values):
        return math.nan, math.nan
    ends = torch.tensor([(1 - confidence) / 2, (1 + confidence) / 2], dtype=torch.float64)
    low, high = torch.quantile(values, ends).tolist()
    return low, high


def draws(number: int, resamples: int, seed: int) -> Iterator[Tensor]:
    """How often each image is drawn: blocks (r, number) float64 of all resamples, each row sums to number."""
    generator = torch.Generator().manual_seed(seed)
    block = max(1, AT_ONCE // number)
    for first in range(0, resamples, block):
        rows = min(block, resamples - first)
        chosen = torch.randint(number, (rows, number), generator=generator)
        ones = torch.ones(1, 1, dtype=torch.float64).expand(rows, number)
        yield torch.zeros(rows, number, dtype=torch.float64).scatter_add_(1, chosen, ones)


@singledispatch
def resampled(metric: Score, rows: Tensor, drawn: Tensor) -> Tensor:
    """A score of each draw: rows (N, columns), drawn (R, N) -> (R,) float64; NaN where it is undefined."""
    again = (rows.repeat_interleave(times.long(), dim=0) for times in drawn)
    return torch.tensor([metric._score(one)[0] for one in again], dtype=torch.float64)


@resampled.register
def _(metric: PixelScore, rows: Tensor, drawn: Tensor) -> Tensor:
    counted = metric._counted(rows)
    if metric.average == "pooled":
        pooled = (drawn[:, counted] @ rows[counted].double()).long()
        return metric._formula(pooled) if counted.any() else torch.full((len(drawn),), scores.NAN).double()
    values = metric._values(rows)
    defined = ~values.isnan()
    return _mean(values[defined], drawn[:, defined])


@resampled.register
def _(metric: BestPixelF1, rows: Tensor, drawn: Tensor) -> Tensor:
    counted = metric._counted(rows)
    if not counted.any():
        return torch.full((len(drawn),), scores.NAN, dtype=torch.float64)
    if metric.average == "pooled":
        curves = metric._curves((drawn[:, counted] @ rows[counted].double()).long())
    else:
        curves = metric._curves(rows[counted])
        if metric.average == "own_threshold":
            return _mean(curves.amax(1), drawn[:, counted])
        curves = _mean(curves, drawn[:, counted])
    return curves.amax(1)


@resampled.register
def _(metric: ImageScore, rows: Tensor, drawn: Tensor) -> Tensor:
    marked, tampered = metric._probabilities(rows) > metric.threshold, rows[:, 1] == 1
    kinds = torch.stack([marked & tampered, marked & ~tampered, ~marked & tampered, ~marked & ~tampered], 1)
    counts = Counts(*(drawn @ kinds.double()).long().unbind(1))  # each (R,)
    if type(metric).__name__ == "ImageF1":
        values = scores.f1(counts)
        return values.masked_fill(counts.tp + counts.fn == 0, scores.NAN)
    return scores.accuracy(counts)


@resampled.register
def _(metric: ImageAUC, rows: Tensor, drawn: Tensor) -> Tensor:
    probability, level = metric._probabilities(rows).unique(return_inverse=True)
    tampered = (rows[:, 1] == 1).double()
    at_level = torch.zeros(len(drawn), len(probability), dtype=torch.float64)
    level = level.expand(len(drawn), -1)
    positives = at_level.scatter_add(1, level, drawn * tampered)  # (R, levels), lowest first
    negatives = at_level.scatter_add(1, level, drawn * (1 - tampered))
    won = (positives * (2 * negatives.cumsum(1) - negatives)).sum(1)
    pairs = 2 * positives.sum(1) * negatives.sum(1)
    return torch.where(pairs > 0, won / pairs.clamp_min(1), scores.NAN)


def _mean(values: Tensor, drawn: Tensor) -> Tensor:
    """Weighted means: values (N, ...) float64, drawn (R, N) -> (R, ...); NaN where nothing was drawn."""
    total = drawn.sum(1)
    means = drawn @ values
    total = total.view(-1, *[1] * (means.ndim - 1))
    return torch.where(total > 0, means / total.clamp_min(1), scores.NAN)
