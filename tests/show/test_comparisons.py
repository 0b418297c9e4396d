import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from workbook.core import Prediction, compare_protocols
from workbook.core.errors import DataError
from workbook.show import show_protocols, show_robustness


@pytest.fixture
def protocols():
    mask = torch.zeros(1, 40, 40)
    mask[:, :20] = 1
    found = [Prediction(None, mask, mask, (mask * 0.3 + 0.1 * i), None) for i in range(1, 7)]
    return compare_protocols(found, ["MVSS-Net", "TruFor, best threshold"])


def test_each_protocol_has_its_point_its_interval_and_its_terms(protocols):
    ax = show_protocols(protocols).axes[0]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[0] == "MVSS-Net\nthreshold 0.5"
    assert "border ignored" in labels[1]
    points = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
    assert points == pytest.approx(sorted(protocols["pixel_f1"]))
    assert [line.get_marker() for line in ax.lines if len(line.get_xdata()) == 1] == ["o", "s"]
    texts = [text.get_text() for text in ax.texts]
    assert texts == [f"{value:.3f}" for value in sorted(protocols["pixel_f1"])]


def test_the_lowest_is_at_the_bottom_whatever_its_name(protocols):
    ax = show_protocols(protocols.assign(protocol=["z", "a"])).axes[0]
    assert [label.get_text()[0] for label in ax.get_yticklabels()] == ["z", "a"]


def test_an_undefined_score_is_said_so(protocols):
    nothing = protocols.assign(pixel_f1=[float("nan"), 0.5])
    assert "undefined" in [text.get_text() for text in show_protocols(nothing).axes[0].texts]


def test_another_table_is_refused(protocols):
    with pytest.raises(DataError, match="has no pixel_f1; give that of compare_protocols"):
        show_protocols(protocols.drop(columns="pixel_f1"))
    with pytest.raises(DataError, match="has no row"):
        show_protocols(protocols[:0])


@pytest.fixture
def table():
    rows = [("clean", np.nan, "", 0.8), ("jpeg", 90, "quality", 0.7), ("jpeg", 50, "quality", 0.3)]
    rows += [("noise", 3, "levels", 0.6)]
    return pd.DataFrame(rows, columns=["perturbation", "strength", "unit", "pixel_f1"])


def test_a_panel_a_perturbation_with_the_clean_score_as_a_line(table):
    figure = show_robustness({"a": table, "b": table.assign(pixel_f1=[0.9, 0.8, 0.2, 0.1])})
    jpeg, noise = figure.axes
    assert [tick.get_text() for tick in jpeg.get_xticklabels()] == ["90", "50"]
    assert (jpeg.get_xlabel(), noise.get_xlabel()) == ("quality", "levels")
    heights = {line.get_label(): list(line.get_ydata()) for line in jpeg.lines}
    assert heights == {
        "a": [0.7, 0.3],
        "a clean, 0.800": [0.8, 0.8],
        "b": [0.8, 0.2],
        "b clean, 0.900": [0.9, 0.9],
    }
    assert (
        len({(line.get_linestyle(), line.get_marker()) for line in jpeg.lines[::2]}) == 2
    )  # not colour alone


def test_axes_of_ones_own_take_one_perturbation(table, tmp_path):
    figure, ax = plt.subplots()
    assert show_robustness(table[:3], ax=ax, save=tmp_path / "a.png") is figure
    assert (tmp_path / "a.png").stat().st_size > 1000
    with pytest.raises(DataError, match="2 perturbations need as many axes"):
        show_robustness(table, ax=ax)
    with pytest.raises(DataError, match="no score 'f1'"):
        show_robustness(table, "f1")
    with pytest.raises(DataError, match="give that of robustness"):
        show_robustness(table.drop(columns="strength"))
