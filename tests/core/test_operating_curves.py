"""Curves against scikit-learn's."""

import numpy as np
import pytest
import sklearn.calibration
import sklearn.metrics as sk
import torch

from workbook.core import BestPixelF1, Prediction
from workbook.core.errors import DataError, WorkbookError
from workbook.core.operating_curves import (
    area_under_roc,
    average_precision,
    calibration_error,
    operating_curve,
    reliability,
    threshold_curve,
)


@pytest.fixture(scope="module")
def predictions():
    generator = torch.Generator().manual_seed(0)
    found = []
    for i in range(12):
        mask = (torch.rand(1, 24, 32, generator=generator) < 0.05 * (i % 4)).float()
        prob = (2 * torch.randn(mask.shape, generator=generator) + 2 * mask - 1).sigmoid()
        label = None if i % 2 else 0.03 + 0.9 * float(torch.rand((), generator=generator).round(decimals=1))
        found.append(Prediction(None, mask, mask, prob, label, f"{i}.png"))
    return found


def flat(predictions, of):
    if of == "images":
        return np.array([bool(p.mask.any()) for p in predictions]), np.array([p.score for p in predictions])
    return tuple(
        np.concatenate([getattr(p, k).flatten() for p in predictions]) for k in ("mask", "pred_mask")
    )


@pytest.mark.parametrize(("of", "near"), [("pixels", 1e-4), ("images", 1e-9)])
def test_areas_are_scikit_learns(predictions, of, near):
    curve, (truth, score) = operating_curve(predictions, of), flat(predictions, of)
    assert area_under_roc(curve) == pytest.approx(sk.roc_auc_score(truth, score), abs=near)
    assert average_precision(curve) == pytest.approx(
        sk.average_precision_score(truth, score), abs=1e-3 if near > 1e-6 else near
    )


def test_points_are_scikit_learns(predictions):
    curve, (truth, score) = operating_curve(predictions, "images"), flat(predictions, "images")
    fpr, tpr, thresholds = sk.roc_curve(truth, score, drop_intermediate=False)
    np.testing.assert_allclose(curve["false_positive_rate"], fpr)
    np.testing.assert_allclose(curve["true_positive_rate"], tpr)
    np.testing.assert_allclose(curve["threshold"], thresholds)


def test_a_threshold_of_the_pixel_curve_marks_what_it_says(predictions):
    curve, (truth, score) = operating_curve(predictions), flat(predictions, "pixels")
    row = curve.iloc[len(curve) // 3]
    marked = score >= row["threshold"]
    assert row["true_positive_rate"] == pytest.approx(marked[truth > 0.5].mean())
    assert row["precision"] == pytest.approx(truth[marked].mean())


def test_the_best_of_the_threshold_curve_is_best_pixel_f1(predictions):
    curve, metric, pooled = threshold_curve(predictions), BestPixelF1(), BestPixelF1(average="pooled")
    for one in predictions:
        metric.update(one.pred_mask[None], one.mask[None])
        pooled.update(one.pred_mask[None], one.mask[None])
    assert curve["pixel_f1"].max() == pytest.approx(metric.compute().item(), abs=1e-9)
    assert curve["threshold"][curve["pixel_f1"].idxmax()] == metric.best_threshold
    assert curve["pixel_f1_pooled"].max() == pytest.approx(pooled.compute().item(), abs=1e-9)
    half = [(one.pred_mask > 0.5).float().mean().item() for one in predictions if not one.mask.any()]
    assert curve["false_alarm_rate"][128] == pytest.approx(np.mean(half), abs=1e-6)


@pytest.mark.parametrize("of", ["pixels", "images"])
def test_reliability_is_scikit_learns(predictions, of):
    table, (truth, score) = reliability(predictions, of), flat(predictions, of)
    share, mean = sklearn.calibration.calibration_curve(truth, score, n_bins=10)
    known = table.dropna()
    np.testing.assert_allclose(known["tampered"], share, atol=1e-6)
    np.testing.assert_allclose(known["probability"], mean, atol=1e-6)
    assert table["number"].sum() == len(truth)


def test_calibration_error_by_hand():
    mask, prob = torch.tensor([[[1.0, 0, 0, 0]]]), torch.tensor([[[0.75, 0.75, 0.25, 0.25]]])
    table = reliability([Prediction(None, mask, mask, prob, None)], bins=2)
    assert calibration_error(table) == pytest.approx(0.25)  # 0.25 against 0, and 0.75 against 0.5


def test_what_has_no_curve(predictions):
    tampered = [one for one in predictions if one.mask.any()]
    with pytest.raises(DataError, match="all images are tampered"):
        operating_curve(tampered, "images")
    with pytest.raises(DataError, match="no prediction"):
        reliability([])
    with pytest.raises(WorkbookError, match="of is 'pixel'"):
        operating_curve(predictions, "pixel")
    assert threshold_curve(tampered)["false_alarm_rate"].isna().all()
    unknown = Prediction(None, predictions[0].image, None, predictions[0].pred_mask, None, "a.png")
    with pytest.raises(DataError, match=r"a\.png: its truth is not known"):
        threshold_curve([unknown])
