import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from workbook.checks.by_hand import cross_entropy, draw_mask, slope


def test_cross_entropy_by_hand_and_against_scikit_learn():
    assert cross_entropy(np.array([[0.8], [0.4]]), np.array([[1], [0]])) == pytest.approx(
        -(math.log(0.8) + math.log(0.6)) / 2
    )
    rng = np.random.default_rng(0)
    prob, truth = rng.uniform(0.01, 0.99, 50), rng.integers(0, 2, 50)
    assert cross_entropy(prob, truth) == pytest.approx(log_loss(truth, prob))


def test_a_mask_holds_both_kinds():
    mask = draw_mask(np.random.default_rng(0), (3, 1, 8, 8))
    assert mask.dtype == torch.float32
    assert mask.shape == (3, 1, 8, 8)
    assert mask.unique().tolist() == [0, 1]


def test_a_slope_is_found_twice_and_only_where_there_is_one():
    x = torch.tensor([1.0, 3.0], requires_grad=True)
    loss = (x**2).sum()
    assert [slope(loss, x).tolist() for _ in range(2)] == [[2, 6], [2, 6]]
    other = torch.tensor(1.0, requires_grad=True)
    for nothing in (other * 2, loss.detach(), loss.item(), x * 2, None):
        assert slope(nothing, x) == "none"
