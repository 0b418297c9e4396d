"""The formulas against scikit-learn and against hand-computed numbers."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from workbook.core import scores
from workbook.core.scores import Counts

KINDS = ("uniform", "model", "8-bit", "constant", "all 0", "all 1")


def draw(kind, generator, shape=(1, 1, 6, 7)):
    """A random prediction of this kind, with a mask that may be empty or full and may be soft."""
    uniform = torch.rand(shape, generator=generator)
    mask = torch.rand(shape, generator=generator)
    mask = (mask + torch.randint(-1, 2, (1,), generator=generator) * 0.5).clamp(0, 1)
    pred = {
        "uniform": uniform,
        "model": torch.sigmoid(8 * (uniform - 0.6) + 4 * mask),
        "8-bit": (uniform * 255).round() / 255,
        "constant": torch.full(shape, float(uniform.flatten()[0])),
        "all 0": torch.zeros(shape),
        "all 1": torch.ones(shape),
    }[kind]
    return pred, mask if uniform[0, 0, 0, 0] < 0.5 else (mask > 0.5).float()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padded", [False, True])
def test_counts_agree_with_scikit_learn(kind, padded):
    generator = torch.Generator().manual_seed(len(kind) + padded)
    for _ in range(30):  # 360 cases in all
        pred, mask = draw(kind, generator)
        threshold = 0.5 if kind == "8-bit" else float(torch.rand((), generator=generator)) * 0.9
        real = (torch.rand(mask.shape, generator=generator) < 0.7).float() if padded else None
        counts = scores.pixel_counts(pred, mask, real, threshold)
        keep = np.ones(mask.numel(), bool) if real is None else real.numpy().ravel() > 0.5
        truth, found = (mask.numpy() > 0.5).ravel()[keep], (pred.numpy() > threshold).ravel()[keep]
        assert scores.f1(counts, 0.0).item() == pytest.approx(
            f1_score(truth, found, zero_division=0), abs=1e-9
        )
        assert scores.iou(counts, 1.0).item() == pytest.approx(
            jaccard_score(truth, found, zero_division=1), abs=1e-9
        )
        assert scores.accuracy(counts).item() == pytest.approx(accuracy_score(truth, found), abs=1e-9)


def test_counts_by_hand():
    pred = torch.tensor([[[[0.9, 0.8, 0.1, 0.5]]], [[[0.0, 0.0, 0.0, 0.6]]]])
    mask = torch.tensor([[[[1.0, 0.0, 1.0, 0.0]]], [[[0.0, 0.0, 0.0, 0.5]]]])
    counts = scores.pixel_counts(pred, mask)
    assert [part.tolist() for part in counts] == [[1, 0], [1, 1], [1, 0], [1, 3]]
    assert scores.f1(counts).tolist() == [0.5, 0.0]
    assert scores.iou(counts).tolist() == pytest.approx([1 / 3, 0])
    assert scores.accuracy(counts).tolist() == [0.5, 0.75]
    assert scores.false_alarm_rate(counts).tolist() == [0.5, 0.25]


def test_undefined_is_nan_unless_said_otherwise():
    nothing = Counts(*torch.zeros(4, dtype=torch.int64))
    for formula in (scores.f1, scores.iou, scores.accuracy, scores.false_alarm_rate):
        assert math.isnan(formula(nothing))
        assert formula(nothing, 1.0) == 1


def test_padding_is_not_counted():
    pred, mask = torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    real = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    assert [int(part) for part in scores.pixel_counts(pred, mask, real)] == [1, 0, 0, 0]


def test_images_in_parts_are_the_images_at_once(monkeypatch):
    pred, mask = torch.rand(7, 1, 4, 4), torch.rand(7, 1, 4, 4)
    at_once = scores.pixel_counts(pred, mask)
    monkeypatch.setattr(scores, "AT_ONCE", 32)
    for one, other in zip(at_once, scores.pixel_counts(pred, mask), strict=True):
        assert one.tolist() == other.tolist()


def test_counts_beyond_what_a_float_holds():
    mask = torch.ones(1, 1, 4097, 4097)  # an odd number of pixels above 2^24
    assert [int(part) for part in scores.pixel_counts(mask, mask)] == [4097 * 4097, 0, 0, 0]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_half_precision_does_not_round_the_threshold(dtype):
    pred = torch.full((1, 1, 1, 1), 0.30078125, dtype=dtype)  # 0.3 itself, rounded to bfloat16
    assert scores.pixel_counts(pred, torch.ones(1, 1, 1, 1), threshold=0.3).tp.item() == 1


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_above_is_greater_than(threshold):
    values = torch.cat([torch.rand(1000), torch.tensor([0.0, 1.0, threshold, 1e-40])])
    edge = torch.tensor([threshold]).nextafter(torch.tensor([1.0]))
    values = torch.cat([values, edge, torch.tensor([threshold]).nextafter(torch.tensor([0.0]))])
    # a float32 is compared with the threshold as a float32, as torch does
    assert torch.equal(torch.as_tensor(scores.above(values, threshold)), values > torch.tensor(threshold))
