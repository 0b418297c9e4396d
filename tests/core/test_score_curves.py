"""The area under the ROC curve and F1 at each threshold against scikit-learn and brute force."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from workbook.core import score_curves, scores

KINDS = {
    "uniform": lambda x: torch.sigmoid(x) * 0 + torch.rand(x.shape),
    "model": torch.sigmoid,
    "sharp": lambda x: torch.sigmoid(6 * x),
    "saturated": lambda x: torch.sigmoid(40 * x - 60),
    "near 1": lambda x: 1 - torch.sigmoid(-x - 12),
    "near a half": lambda x: 0.5 + 1e-4 * x.tanh(),
    "bfloat16": lambda x: torch.sigmoid(3 * x).bfloat16().float(),
    "8-bit": lambda x: (torch.sigmoid(2 * x) * 255).round() / 255,
    "two values": lambda x: (x > 0.5).float() * 0.25 + 0.25,
    "constant": lambda x: torch.full_like(x, 0.3),
    "all 0": torch.zeros_like,
    "all 1": torch.ones_like,
}


def areas(pred, mask, real=None):
    ranks = [ranks for ranks, _ in score_curves.pixel_ranks(pred, mask, real)]
    return score_curves.auc_of_ranks(*torch.stack(ranks, 1)).numpy()


def referee(pred, mask, keep=None):
    truth, score = (mask > 0.5).flatten().numpy(), pred.flatten().double().numpy()
    keep = slice(None) if keep is None else keep.flatten().numpy() > 0.5
    return roc_auc_score(truth[keep], score[keep])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padded", [False, True])
def test_pixel_auc_agrees_with_scikit_learn(kind, padded):
    torch.manual_seed(0)
    mask = (
        torch.rand(6, 1, 96, 96) < torch.tensor([0.01, 0.1, 0.3, 0.5, 0.9, 0.99]).view(6, 1, 1, 1)
    ).float()
    pred = KINDS[kind](torch.randn(mask.shape) + 1.5 * mask)
    real = (torch.rand(mask.shape) < 0.8).float() if padded else None
    expected = [referee(pred[i], mask[i], None if real is None else real[i]) for i in range(6)]
    np.testing.assert_allclose(areas(pred, mask, real), expected, atol=1e-4)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("where", [slice(0, 2), slice(2, 4), slice(1, 3)])
def test_a_constant_prediction_scores_a_half_wherever_the_mask_lies(value, where):
    mask = torch.zeros(1, 1, 4, 4)
    mask[:, :, where] = 1
    assert areas(torch.full_like(mask, value), mask).tolist() == [0.5]


def test_negative_zero_is_zero():
    pred = torch.tensor([[[[-0.0, 0.0, 0.5]]]])
    assert areas(pred, torch.tensor([[[[1.0, 0.0, 1.0]]]])).tolist() == [0.75]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_one_kind_of_pixel_has_no_area(value):
    assert math.isnan(areas(torch.rand(1, 1, 4, 4), torch.full((1, 1, 4, 4), value))[0])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 1e-30, 0.2, 0.20001, 0.9, 1.0]), st.booleans()), max_size=12))
def test_auc_is_its_definition(items):
    values = torch.tensor([value for value, _ in items])
    positive = torch.tensor([kind for _, kind in items], dtype=torch.bool)
    pairs = [(a > b) + 0.5 * (a == b) for a in values[positive].tolist() for b in values[~positive].tolist()]
    found = score_curves.auc(values, positive).item()
    assert found == pytest.approx(sum(pairs) / len(pairs)) if pairs else math.isnan(found)


def test_ranks_by_hand():
    # levels low to high hold (+, -): (0, 1), (1, 1), (1, 0): wins 1.5 and 2 of 2 x 2 pairs, doubled
    assert [int(n) for n in score_curves.ranks(torch.tensor([0, 1, 1]), torch.tensor([1, 1, 0]))] == [7, 2, 2]


def test_levels_rise_with_the_probability():
    values = torch.cat(
        [torch.rand(10_000), 10 ** (-40 * torch.rand(1000)), 1 - 2.0 ** (-24 * torch.rand(1000))]
    )
    levels = score_curves._levels(values.clamp(0, 1).sort().values)
    assert (levels.diff() >= 0).all()
    assert score_curves._levels(torch.tensor([0.0, 1.0])).tolist() == [0, score_curves.LEVELS - 1]


def test_level_counts_hold_every_real_pixel_once():
    pred, mask, real = torch.rand(3, 1, 8, 8), torch.rand(3, 1, 8, 8), (torch.rand(3, 1, 8, 8) < 0.5).float()
    counts = sum(levels for _, levels in score_curves.pixel_ranks(pred, mask, real))
    assert counts.sum(1).tolist() == [
        int(((mask > 0.5) & (real > 0.5)).sum()),
        int(((mask <= 0.5) & (real > 0.5)).sum()),
    ]


def test_steps_count_what_lies_above_each_threshold():
    torch.manual_seed(1)
    pred = torch.cat([torch.rand(2, 1, 8, 8), torch.randint(0, 257, (2, 1, 8, 8)) / 256])
    mask = (torch.rand(pred.shape) < 0.4).float()
    steps = score_curves.step_counts(pred, mask)
    for k in (0, 1, 77, 128, 255):
        counts = scores.pixel_counts(pred, mask, threshold=k / 256)
        assert steps[:, 0, k + 1 :].sum(1).tolist() == counts.tp.tolist()
        assert steps[:, 1, k + 1 :].sum(1).tolist() == counts.fp.tolist()
        best = f1_score(mask[0].flatten() > 0.5, pred[0].flatten() > k / 256)
        assert scores.f1(counts)[0].item() == pytest.approx(best)


@pytest.mark.parametrize("tampered", [1, 3, 10, 100])
def test_few_tampered_pixels_among_many(tampered):
    torch.manual_seed(tampered)
    pred, mask = torch.rand(1, 1, 300, 300), torch.zeros(1, 1, 300, 300)
    mask.view(-1)[torch.randperm(mask.numel())[:tampered]] = 1
    assert areas(pred, mask)[0] == pytest.approx(referee(pred, mask), abs=5e-5)


def test_only_ties_that_may_blur_the_area_are_sorted():
    torch.manual_seed(0)
    mask = (torch.rand(1, 1, 256, 256) < 0.2).float()
    smooth = torch.sigmoid(torch.randn(mask.shape) + mask)
    ends = (smooth > 0.5).float()  # half of all pixels at exactly 0, half at exactly 1: true ties
    for pred, coarse in (
        (smooth, False),
        (ends, False),
        (0.5 + 1e-4 * smooth, True),
        (0 * smooth + 0.3, True),
    ):
        ((_, levels),) = score_curves.pixel_ranks(pred, mask)
        assert score_curves._is_coarse(*levels) is coarse
    mask = torch.zeros_like(mask)
    mask.view(-1)[::2200] = 1  # thirty tampered pixels: none makes its level heavy, but each weighs much
    ((_, levels),) = score_curves.pixel_ranks(torch.rand(mask.shape), mask)
    assert score_curves._is_coarse(*levels)
