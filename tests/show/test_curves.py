import math

import numpy as np
import pandas as pd
import pytest

from workbook.core.errors import DataError
from workbook.show import show_history, show_scores, show_threshold_curve


@pytest.fixture
def history():
    return pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "loss": [0.9, 0.6, 0.5],
            "lr": [1e-3, 5e-4, 1e-5],
            "valid_loss": [1.0, 0.7, 0.65],
            "pixel_f1": [0.1, math.nan, 0.4],
            "casia/pixel_f1": [0.2, math.nan, 0.5],
            "seconds": [1.0, 1.0, 1.0],
            "images_per_second": [9.0, 9.0, 9.0],
            "peak_memory": [1.0, 1.0, 1.0],
        }
    )


def panels(figure):
    return {ax.get_title(): ax for ax in figure.axes}


def test_a_history_has_a_panel_a_score(history):
    axes = panels(show_history(history))
    assert list(axes) == ["loss", "pixel_f1", "learning rate"]
    assert [line.get_label() for line in axes["loss"].lines] == ["loss", "valid_loss"]
    assert axes["loss"].lines[1].get_ydata().tolist() == [1.0, 0.7, 0.65]
    assert axes["pixel_f1"].lines[0].get_xdata().tolist() == [1, 3]  # no test in epoch 2


def test_curves_differ_without_colour(history):
    loss, valid = panels(show_history(history))["loss"].lines
    assert loss.get_linestyle() != valid.get_linestyle()
    first, second = panels(show_history({"a": history, "b": history}))["learning rate"].lines
    assert first.get_marker() != second.get_marker()
    assert first.get_color() != second.get_color()


def test_several_runs_by_name(history):
    axes = panels(show_history({"small": history, "large": history.drop(columns="casia/pixel_f1")}))
    assert [line.get_label() for line in axes["pixel_f1"].lines] == [
        "small pixel_f1",
        "small casia/pixel_f1",
        "large pixel_f1",
    ]
    assert [text.get_text() for text in axes["learning rate"].get_legend().texts] == ["small", "large"]


def test_a_history_without_epochs_is_refused():
    for nothing in (pd.DataFrame(), {}, pd.DataFrame({"loss": [1.0]})):
        with pytest.raises(DataError, match="no epoch"):
            show_history(nothing)


def test_scores_are_grouped_by_kind():
    table = pd.DataFrame(
        {
            "name": [
                "Au_ani_0001.jpg",
                "Sp_D_N_A_ani0001_ani0002_0003.jpg",
                "Sp_S_N_A_ani0001_ani0001_0004.jpg",
                "Sp_D_N_A_ani0004_ani0002_0003.jpg",
                "Sp_D_N_A_ani0005_ani0002_0003.jpg",
            ],
            "pixel_f1": [math.nan, 0.2, 0.7, 0.4, 0.9],
        }
    )
    ax = show_scores(table).axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "splice\n3 images",
        "copy-move\n1 images",
        "authentic\n1 images\n1 undefined",
    ]
    points = {
        c.get_label(): c.get_offsets()[:, 1].tolist()
        for c in ax.collections
        if c.get_label() in ("splice", "copy-move", "authentic")
    }
    assert points == {"splice": [0.2, 0.4, 0.9], "copy-move": [0.7], "authentic": []}
    assert [text.get_text() for text in ax.texts] == ["0.40", "0.70"]  # medians


def test_kinds_may_be_given_or_follow_from_labels():
    table = pd.DataFrame({"f1": [0.5, 0.6], "label": [0, 1], "name": ["a.jpg", "b.jpg"]})
    labels = [label.get_text().split("\n")[0] for label in show_scores(table, "f1").axes[0].get_xticklabels()]
    assert labels == ["tampered", "authentic"]
    table["kind"] = ["easy", "hard"]
    labels = [label.get_text().split("\n")[0] for label in show_scores(table, "f1").axes[0].get_xticklabels()]
    assert labels == ["easy", "hard"]
    with pytest.raises(DataError, match="no column 'pixel_f1'"):
        show_scores(table)


def test_the_best_threshold_is_marked():
    thresholds = np.linspace(0, 1, 11)
    ax = show_threshold_curve(thresholds, {"F1": 1 - (thresholds - 0.3) ** 2}, chosen=0.5).axes[0]
    stars = [line for line in ax.lines if line.get_marker() == "*"]
    assert stars[0].get_xydata().tolist() == [[pytest.approx(0.3), pytest.approx(1.0)]]
    assert "F1, best 1.000 at 0.30" in [text.get_text() for text in ax.get_legend().texts]
    with pytest.raises(DataError, match="2 scores and 11 thresholds"):
        show_threshold_curve(thresholds, [0.1, 0.2])
    assert show_threshold_curve(thresholds, [math.nan] * 11).axes[0].lines
