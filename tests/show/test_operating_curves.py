import matplotlib.pyplot as plt
import pytest
import torch

from workbook.core import Prediction, operating_curve
from workbook.core.errors import DataError
from workbook.show import show_precision_recall, show_reliability, show_roc


@pytest.fixture(scope="module")
def predictions():
    generator = torch.Generator().manual_seed(0)
    found = []
    for i in range(6):
        mask = (torch.rand(1, 24, 32, generator=generator) < 0.1 * (i % 3)).float()
        prob = (2 * torch.randn(mask.shape, generator=generator) + 2 * mask - 1).sigmoid()
        found.append(Prediction(None, mask, mask, prob, None))
    return found


def line(ax, starts):
    return next(one for one in ax.lines if one.get_label().startswith(starts))


@pytest.mark.parametrize("of", ["pixels", "images"])
def test_the_drawn_curve_lies_on_the_curve(predictions, of):
    curve = operating_curve(predictions, of)
    points = set(zip(curve["false_positive_rate"], curve["true_positive_rate"], strict=True))
    ax = show_roc(predictions, of).axes[0]
    drawn = list(zip(*line(ax, "area").get_data(), strict=True))
    assert set(drawn) <= points
    assert drawn[0] == (0, 0)
    assert drawn[-1] == (1, 1)
    assert len(drawn) <= 502
    assert of in ax.get_xlabel()


def test_models_differ_by_more_than_colour_and_say_their_scores(predictions):
    ax = show_precision_recall({"a": predictions, "b": predictions[::-1]}).axes[0]
    first, second = line(ax, "a average precision 0."), line(ax, "b average precision 0.")
    assert first.get_linestyle() != second.get_linestyle()
    share = sum(p.mask.sum() for p in predictions) / (6 * 24 * 32)
    assert line(ax, "marking all").get_ydata()[0] == pytest.approx(share.item())


def test_reliability_says_where_the_pixels_are(predictions):
    ax = show_reliability(predictions, bins=5).axes[0]
    assert len(ax.patches) == 5
    assert "off by 0." in line(ax, "off by").get_label()
    assert len(line(ax, "off by").get_xdata()) == 5


@pytest.mark.parametrize("show", [show_roc, show_precision_recall, show_reliability])
def test_axes_of_ones_own_and_a_file(predictions, show, tmp_path):
    figure, ax = plt.subplots()
    assert show(predictions, ax=ax, save=tmp_path / "a.png") is figure
    assert (tmp_path / "a.png").stat().st_size > 1000
    with pytest.raises(DataError, match="no prediction"):
        show([])
    with pytest.raises(DataError, match="no prediction"):
        show({})
