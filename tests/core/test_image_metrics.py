"""The image scores against scikit-learn, by hand, and where they are undefined."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from workbook.core.metrics import ImageAccuracy, ImageAUC, ImageF1


def score(metric, pred, label):
    metric.update(torch.tensor(pred), torch.tensor(label))
    return metric.compute().item()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.one_of(st.floats(0, 1, width=32), st.sampled_from([0.25, 0.75])), st.booleans())
    ).filter(lambda rows: len({label for _, label in rows}) == 2)
)
def test_image_scores_agree_with_scikit_learn(rows):
    pred, label = [p for p, _ in rows], [float(x) for _, x in rows]
    found = [p > 0.5 for p in pred]
    assert score(ImageF1(), pred, label) == pytest.approx(f1_score(label, found, zero_division=0), abs=1e-9)
    assert score(ImageAccuracy(), pred, label) == pytest.approx(accuracy_score(label, found), abs=1e-9)
    assert score(ImageAUC(), pred, label) == pytest.approx(roc_auc_score(label, pred), abs=1e-9)


def test_image_scores_by_hand():
    pred, label = [0.9, 0.8, 0.1, 0.5, 0.6], [1.0, 0.0, 1.0, 0.0, 1.0]
    assert score(ImageF1(), pred, label) == pytest.approx(4 / 6)
    assert score(ImageAccuracy(), pred, label) == pytest.approx(3 / 5)
    assert score(ImageF1(threshold=0.85), pred, label) == pytest.approx(2 / 4)
    assert score(ImageAUC(), pred, label) == pytest.approx(3 / 6)


def test_ties_count_a_half():
    assert score(ImageAUC(), [0.3, 0.3, 0.3], [1.0, 0.0, 1.0]) == 0.5
    assert score(ImageAUC(), [0.0, -0.0], [1.0, 0.0]) == 0.5


@pytest.mark.parametrize("metric", [ImageF1, ImageAUC])
def test_undefined_is_nan_and_never_zero(metric):
    with pytest.warns(UserWarning, match="undefined"):
        assert math.isnan(score(metric(), [0.9, 0.1], [0.0, 0.0]))


def test_auc_of_tampered_images_only_is_undefined():
    with pytest.warns(UserWarning, match="2 of 2 images are tampered"):
        assert math.isnan(score(ImageAUC(), [0.9, 0.1], [1.0, 1.0]))
    assert score(ImageF1(), [0.9, 0.1], [1.0, 1.0]) == pytest.approx(2 / 3)


def test_batches_and_columns_add_up():
    metric = ImageAUC()
    metric.update(torch.tensor([[0.2], [0.7]]), torch.tensor([0.0, 1.0]))
    metric.update(torch.tensor(0.6), torch.tensor(0.0))
    metric.update(torch.tensor([0.4], dtype=torch.bfloat16), torch.tensor([[1.0]]))
    assert metric.compute().item() == 0.75
