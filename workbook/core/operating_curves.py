"""Predictions over all thresholds: ROC, precision and recall, F1; and whether a probability is one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from workbook.core import score_curves, scores
from workbook.core.errors import DataError, WorkbookError
from workbook.core.scores import Counts

if TYPE_CHECKING:
    import pandas as pd

    from workbook.core.prediction import Prediction

OF = ("pixels", "images")


def operating_curve(predictions: Iterable[Prediction], of: str = "pixels") -> pd.DataFrame:
    """Rates at every threshold, of all pixels together or of the images' scores.

    Args:
        predictions: from `predict`, on images whose truth is known.
        of: "pixels", or "images", which are tampered where their mask has a tampered pixel.

    Returns:
        A row a threshold, highest first, from where nothing is marked to where all is: `threshold` (marked is
        what is at or above it), `false_positive_rate`, `true_positive_rate` (recall), `precision` (NaN where
        nothing is marked). Pixels are counted in 16,257 levels (see `score_curves`), images exactly.

    Raises:
        DataError: no prediction, one whose truth is not known, or all of one kind.

    >>> from workbook.core.prediction import Prediction
    >>> mask, prob = torch.tensor([[[1.0, 1, 0, 0]]]), torch.tensor([[[0.9, 0.4, 0.6, 0.1]]])
    >>> curve = operating_curve([Prediction(None, mask, mask, prob, None)])
    >>> curve["true_positive_rate"].tolist(), curve["false_positive_rate"].tolist()
    ([0.0, 0.5, 0.5, 1.0, 1.0], [0.0, 0.0, 0.5, 0.5, 1.0])
    """
    import pandas as pd

    known = _known(predictions)
    if of not in OF:
        raise WorkbookError(f"of is {of!r}; choose from {', '.join(OF)}")
    if of == "images":
        values, positives, negatives = _image_levels(known)
    else:
        values, positives, negatives = _pixel_levels(known)
    if not positives.sum() or not negatives.sum():
        only = "tampered" if positives.sum() else "authentic"
        raise DataError(f"all {of} are {only}, so there is no curve; give predictions of both kinds")
    tp, fp = positives.flip(0).cumsum(0).double(), negatives.flip(0).cumsum(0).double()
    table = {
        "threshold": [float("inf"), *values.flip(0).tolist()],
        "false_positive_rate": [0.0, *(fp / fp[-1]).tolist()],
        "true_positive_rate": [0.0, *(tp / tp[-1]).tolist()],
        "precision": [float("nan"), *(tp / (tp + fp)).tolist()],
    }
    return pd.DataFrame(table)


def area_under_roc(curve: pd.DataFrame) -> float:
    """The area under a curve of `operating_curve`: a positive outranks a negative so often."""
    x, y = curve["false_positive_rate"].to_numpy(), curve["true_positive_rate"].to_numpy()
    return float(((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2).sum())


def average_precision(curve: pd.DataFrame) -> float:
    """The mean precision over the recalls of a curve of `operating_curve`, in steps, as in scikit-learn."""
    recall, precision = curve["true_positive_rate"].to_numpy(), curve["precision"].to_numpy()
    return float(((recall[1:] - recall[:-1]) * precision[1:]).sum())


def threshold_curve(predictions: Iterable[Prediction]) -> pd.DataFrame:
    """Scores at the thresholds 0, 1/256, ... 255/256: to choose one on validation images, not on test images.

    Args:
        predictions: from `predict`, on images whose truth is known.

    Returns:
        A row a threshold: `threshold`, `pixel_f1` (the mean over tampered images), `pixel_f1_pooled`,
        `false_alarm_rate` (the mean over authentic images; NaN without any).
    """
    import pandas as pd

    steps = torch.cat(
        [score_curves.step_counts(f.pred_mask[None], _truth(f)[None]) for f in _known(predictions)]
    )
    above = steps.flip(2).cumsum(2).flip(2)[:, :, 1:]  # (N, 2, STEPS): above k/256
    tp, fp = above.unbind(1)
    tampered, authentic = steps.sum(2, keepdim=True).unbind(1)
    counts = Counts(tp, fp, tampered - tp, authentic - fp)
    some = tampered[:, 0] > 0
    pooled = Counts(*(part[some].sum(0) for part in counts))
    none = torch.full((score_curves.STEPS,), scores.NAN, dtype=torch.float64)
    table = {
        "threshold": [k / score_curves.STEPS for k in range(score_curves.STEPS)],
        "pixel_f1": (scores.f1(counts)[some].mean(0) if some.any() else none).tolist(),
        "pixel_f1_pooled": (scores.f1(pooled) if some.any() else none).tolist(),
        "false_alarm_rate": (
            scores.false_alarm_rate(counts)[~some].mean(0) if (~some).any() else none
        ).tolist(),
    }
    return pd.DataFrame(table)


def reliability(predictions: Iterable[Prediction], of: str = "pixels", bins: int = 10) -> pd.DataFrame:
    """Whether what is given a probability of 0.8 is tampered in 8 of 10 cases (Guo et al., ICML 2017).

    Args:
        predictions: from `predict`, on images whose truth is known.
        of: "pixels" of all images together, or "images" (their scores).
        bins: of equal width.

    Returns:
        A row a bin: `low`, `high`, `probability` (the mean of what is in it), `tampered` (the share that is),
        `number`; both NaN where it is empty.

    Raises:
        DataError: no prediction, or one whose truth is not known.

    >>> from workbook.core.prediction import Prediction
    >>> mask, prob = torch.tensor([[[1.0, 0, 0, 0]]]), torch.tensor([[[0.7, 0.7, 0.1, 0.1]]])
    >>> table = reliability([Prediction(None, mask, mask, prob, None)], bins=2)
    >>> table["tampered"].tolist(), [round(p, 3) for p in table["probability"]]
    ([0.0, 0.5], [0.1, 0.7])
    """
    import pandas as pd

    if of not in OF or bins < 1:
        raise WorkbookError(f"of={of!r}, bins={bins}; choose of from {', '.join(OF)}, and at least one bin")
    sums = torch.zeros(3, bins, dtype=torch.float64)  # how many, their probabilities, tampered ones
    for found in _known(predictions):
        probability, truth = found.pred_mask.flatten(), (_truth(found) > 0.5).flatten()
        if of == "images":
            probability, truth = torch.tensor([found.score]), truth.any()[None]
        place = (probability * bins).long().clamp_(0, bins - 1)
        for row, weight in zip(sums, (torch.ones_like(probability), probability, truth), strict=True):
            row += torch.bincount(place, weights=weight.double(), minlength=bins)
    number = sums[0]
    return pd.DataFrame(
        {
            "low": [i / bins for i in range(bins)],
            "high": [(i + 1) / bins for i in range(bins)],
            "probability": (sums[1] / number).tolist(),
            "tampered": (sums[2] / number).tolist(),
            "number": number.long().tolist(),
        }
    )


def calibration_error(table: pd.DataFrame) -> float:
    """How far probability and share lie apart in a table of `reliability`, each bin by its number (ECE)."""
    apart = (table["probability"] - table["tampered"]).abs().fillna(0)
    return float((apart * table["number"]).sum() / table["number"].sum())


def _known(predictions: Iterable[Prediction]) -> list[Prediction]:
    found = list(predictions)
    if not found:
        raise DataError("there is no prediction; check what was predicted")
    for one in found:
        _truth(one)
    return found


def _truth(found: Prediction) -> Tensor:
    if found.mask is None:
        raise DataError(f"{found.name}: its truth is not known, so it cannot be scored; predict on pairs")
    return found.mask


def _image_levels(found: list[Prediction]) -> tuple[Tensor, Tensor, Tensor]:
    """The scores that occur, lowest first, and how many tampered and authentic images have each."""
    probability = torch.tensor([one.score for one in found], dtype=torch.float64)
    tampered = torch.tensor([bool((_truth(one) > 0.5).any()) for one in found])
    values, place = probability.unique(return_inverse=True)
    positives = torch.bincount(place[tampered], minlength=len(values))
    return values, positives, torch.bincount(place[~tampered], minlength=len(values))


def _pixel_levels(found: list[Prediction]) -> tuple[Tensor, Tensor, Tensor]:
    """The lowest probability of each level that occurs, and its pixels."""
    levels = torch.zeros(2, score_curves.LEVELS, dtype=torch.int64)
    lowest = torch.full((score_curves.LEVELS,), 2.0)
    for one in found:
        truth = _truth(one)[None]
        for _, counted in score_curves.pixel_ranks(one.pred_mask[None], truth):
            levels += counted
        flat = one.pred_mask.float().flatten()
        lowest.scatter_reduce_(0, score_curves._levels(flat).long(), flat, "amin")
    used = levels.sum(0) > 0
    return lowest[used], levels[0, used], levels[1, used]
