import numpy as np
import pytest
import torch

from workbook.core import FalseAlarmRate, PixelF1, PixelIoU
from workbook.core.errors import DataError
from workbook.show import ThresholdSlider
from workbook.show.display import to_map, to_picture
from workbook.show.predictions import overlay


def apart(predictions, metric):
    for found in predictions:
        metric.update(found.pred_mask[None], found.mask[None])
    return float(metric.compute())


@pytest.mark.parametrize("step", [0, 1, 77, 128, 200, 255])
def test_the_scores_are_those_of_the_metrics(predictions, step):
    at = step / 256
    slider = ThresholdSlider(predictions)
    slider.threshold.value = at
    scores = slider.scores()
    assert scores["pixel_f1"] == pytest.approx(apart(predictions, PixelF1(threshold=at)), abs=1e-12)
    assert scores["pixel_iou"] == pytest.approx(apart(predictions, PixelIoU(threshold=at)), abs=1e-12)
    assert scores["false_alarm_rate"] == pytest.approx(
        apart(predictions, FalseAlarmRate(threshold=at)), abs=1e-12
    )
    own = apart(predictions[:1], PixelF1(threshold=at))
    assert f"splice: F1 {own:.3f}" in slider.text.value
    assert f"all 3 images at {at:.3f}: F1 {scores['pixel_f1']:.3f}" in slider.text.value


def test_a_case_by_hand(predictions):
    found = predictions[0]
    found.mask.zero_()[0, 0, :4] = 1
    found.pred_mask.zero_()[0, 0, 2:8] = 0.75  # 2 right, 4 wrong, 2 missed
    slider = ThresholdSlider([found])
    assert slider.scores()["pixel_f1"] == pytest.approx(4 / 10)
    assert slider.scores()["pixel_iou"] == pytest.approx(2 / 8)
    assert slider.scores(0.75)["pixel_f1"] == 0  # above, not at
    assert np.isnan(slider.scores()["false_alarm_rate"])


def test_the_picture_follows_the_threshold(predictions, drawn):
    slider = ThresholdSlider(predictions, threshold=0.5)
    found = predictions[0]
    for at in (0.25, 0.75):
        slider.threshold.value = at
        shown = overlay(to_picture(found.image), to_map(found.mask), to_map(found.pred_mask), at)
        (panes,) = slider.scene().rows
        np.testing.assert_array_equal(panes[2].pixels, shown)
        assert panes[1].level == at
    before = drawn(slider)
    slider.threshold.value = 0.5
    assert not np.array_equal(before, drawn(slider))


def test_the_images_can_be_gone_through(predictions):
    slider = ThresholdSlider(predictions)
    slider.number.value = 3
    marked = float((predictions[2].pred_mask > 0.5).double().mean())
    assert f"3 of 3: Au_ani_0004.jpg, authentic: {marked:.1%} marked" in slider.text.value
    assert "all 3 images" in slider.text.value


def test_without_a_truth_there_is_a_picture_and_no_score(predictions):
    for found in predictions:
        object.__setattr__(found, "mask", None)
    slider = ThresholdSlider(predictions)
    assert "F1 nan" in slider.text.value
    assert "% marked" in slider.scene().lines[0]
    (panes,) = slider.scene().rows
    assert panes[2].tint
    assert panes[2].mask.sum() == (predictions[0].pred_mask > 0.5).sum()


@pytest.mark.parametrize("threshold", [-0.1, 1, float("nan")])
def test_a_threshold_outside_is_refused(predictions, threshold):
    with pytest.raises(DataError, match="below 1"):
        ThresholdSlider(predictions, threshold)


def test_it_starts_at_the_step_that_is_nearest(predictions):
    assert ThresholdSlider(predictions, 0.3).threshold.value == 77 / 256
    assert ThresholdSlider(predictions, 0.999).threshold.value == 255 / 256


def test_nothing_to_show_is_refused():
    with pytest.raises(DataError, match="no predictions"):
        ThresholdSlider([])


def test_the_text_that_is_stored_says_no_score(predictions):
    assert repr(ThresholdSlider(predictions)) == "ThresholdSlider: 3 predictions"


def test_counting_is_done_once(predictions, monkeypatch):
    slider = ThresholdSlider(predictions * 20)
    monkeypatch.setattr(torch, "bincount", None)
    slider.threshold.value = 0.25
    assert "at 0.250" in slider.text.value
