"""The pixel scores and their policies for images without a tampered pixel."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, jaccard_score
from torchmetrics import MetricCollection

from workbook.core.metrics import FalseAlarmRate, PixelAccuracy, PixelF1, PixelIoU

# four images of four pixels: half found; nothing tampered nor marked; a false alarm; all tampered, one found
PRED = torch.tensor([[0.9, 0.8, 0.1, 0.0], [0.0, 0.1, 0.2, 0.5], [0.0, 0.0, 0.9, 0.0], [0.9, 0.1, 0.1, 0.1]])
MASK = torch.tensor([[1.0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
PRED, MASK = PRED.view(4, 1, 2, 2), MASK.view(4, 1, 2, 2)


def score(metric, pred=PRED, mask=MASK, shape_mask=None):
    metric.update(pred, mask, shape_mask)
    return metric.compute().item()


@pytest.mark.parametrize(
    ("metric", "average", "skip", "zero", "one"),
    [
        (PixelF1, "per_image", [0.5, 0.4], [0.5, 0.0, 0.0, 0.4], [0.5, 1.0, 0.0, 0.4]),
        (PixelIoU, "per_image", [1 / 3, 0.25], [1 / 3, 0.0, 0.0, 0.25], [1 / 3, 1.0, 0.0, 0.25]),
        (PixelAccuracy, "per_image", [0.5, 0.25], [0.5, 1.0, 0.75, 0.25], [0.5, 1.0, 0.75, 0.25]),
        (PixelF1, "pooled", [4 / 9], [4 / 10], [4 / 10]),
        (PixelIoU, "pooled", [2 / 7], [2 / 8], [2 / 8]),
        (PixelAccuracy, "pooled", [3 / 8], [10 / 16], [10 / 16]),
    ],
)
def test_scores_by_hand(metric, average, skip, zero, one):
    for empty, expected in (("skip", skip), ("zero", zero), ("one", one)):
        made = metric(average=average, empty=empty)
        assert score(made) == pytest.approx(sum(expected) / len(expected)), empty
        assert made.skipped == (2 if empty == "skip" else 0)


@pytest.mark.parametrize(
    ("empty", "values"), [("skip", [0.5, None, None, 0.4]), ("one", [0.5, 1.0, 0.0, 0.4])]
)
def test_each_image_has_its_value(empty, values):
    metric = PixelF1(empty=empty)
    metric.update(PRED[:3], MASK[:3])
    metric.update(PRED[3:], MASK[3:])
    found = [None if math.isnan(value) else value for value in metric.per_image_values.tolist()]
    assert found == pytest.approx(values)


@pytest.mark.parametrize(("empty", "expected"), [("zero", 0.0), ("one", 1.0)])
@pytest.mark.parametrize("average", ["per_image", "pooled"])
def test_authentic_images_only(average, empty, expected):
    assert score(PixelF1(average=average, empty=empty), PRED[1:2], MASK[1:2]) == expected
    assert (
        score(PixelF1(average=average, empty=empty), PRED[2:3], MASK[2:3]) == 0
    )  # a false alarm is never right
    with pytest.warns(UserWarning, match="undefined"):
        assert math.isnan(score(PixelF1(average=average), PRED[1:3], MASK[1:3]))


def test_false_alarms_on_authentic_images_only():
    metric = FalseAlarmRate()
    assert score(metric) == pytest.approx((0 + 0.25) / 2)
    assert metric.skipped == 2
    assert score(FalseAlarmRate(average="pooled")) == pytest.approx(1 / 8)
    assert score(FalseAlarmRate(threshold=0.1)) == pytest.approx((0.5 + 0.25) / 2)
    with pytest.warns(UserWarning, match="no authentic image"):
        assert math.isnan(score(FalseAlarmRate(), PRED[:1], MASK[:1]))


def test_soft_masks_are_cut_and_padding_is_ignored():
    soft = torch.tensor([[[[0.6, 0.5, 0.9, 0.1]]]])
    assert score(PixelF1(), torch.tensor([[[[0.9, 0.1, 0.9, 0.1]]]]), soft) == 1
    real = torch.tensor([[[[1.0, 1.0, 1.0, 0.0]]]])
    assert score(PixelF1(), torch.tensor([[[[0.9, 0.1, 0.9, 0.9]]]]), soft, real) == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), min_size=1, max_size=20))
def test_pooled_is_scikit_learn_on_all_pixels(pixels):
    pred = torch.tensor([p / 10 for p, _, _ in pixels]).view(1, 1, 1, -1)
    mask = torch.tensor([float(m) for _, m, _ in pixels]).view(1, 1, 1, -1)
    real = torch.tensor([float(r) for _, _, r in pixels]).view(1, 1, 1, -1)
    keep = real.flatten().bool()
    truth, found = mask.flatten()[keep] > 0.5, pred.flatten()[keep] > 0.5
    for metric, referee in ((PixelF1, f1_score), (PixelIoU, jaccard_score)):
        expected = referee(truth, found, zero_division=0) if keep.any() else 0.0
        assert score(metric("pooled", empty="zero"), pred, mask, real) == pytest.approx(expected)
    if keep.any():
        made = PixelAccuracy("pooled", empty="zero")
        assert score(made, pred, mask, real) == pytest.approx(accuracy_score(truth, found))


def test_metrics_of_a_collection_share_counts_only_where_thresholds_agree():
    collection = MetricCollection([PixelF1(), PixelIoU()])
    low, high = PixelF1(threshold=0.3), PixelF1(threshold=0.7)
    both = MetricCollection({"low": low, "high": high})
    for first in (torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.5)):  # alike at first, then not
        collection.update(first, torch.ones(1, 1, 2, 2))
        both.update(first, torch.ones(1, 1, 2, 2))
    assert len(collection.compute_groups) == 1
    assert {name: value.item() for name, value in both.compute().items()} == {"low": 0.5, "high": 0.0}
