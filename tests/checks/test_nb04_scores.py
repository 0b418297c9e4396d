import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from workbook.checks.nb04_scores import draw_map, draw_mask, grid, pixel_f1, two_scores
from workbook.checks.verdict import WrongAnswer
from workbook.core import FalseAlarmRate, PixelF1


def test_f1_of_a_map_counted_by_hand():
    # 2 found, 1 false alarm, 1 missed: 4 / (4 + 1 + 1)
    assert pixel_f1.reference(torch.tensor([[0.9, 0.8, 0.7, 0.2]]), grid("##.#"), 0.5) == pytest.approx(2 / 3)


def test_the_reference_is_scikit_learns():
    rng = np.random.default_rng(1)
    for _ in range(30):
        mask = draw_mask(rng, (7, 9), soft=True)
        found = draw_map(rng, mask)
        expected = f1_score((mask > 0.5).flatten(), (found > 0.5).flatten(), zero_division=np.nan)
        score = pixel_f1.reference(found, mask, 0.5)
        if (mask > 0.5).any():
            assert score == pytest.approx(expected, abs=1e-12)
        else:
            assert np.isnan(score)  # scikit-learn says 0 where something is marked


def test_scikit_learn_and_the_library_answer_rightly():
    def by_scikit_learn(pred_mask, mask, threshold):
        tampered = (mask > 0.5).flatten().numpy()
        return f1_score(tampered, (pred_mask > threshold).flatten().numpy()) if tampered.any() else np.nan

    def by_the_library(pred_mask, mask, threshold):
        metric = PixelF1(threshold=threshold)
        metric.update(pred_mask[None, None], mask[None, None])
        return metric.compute()

    pixel_f1(by_scikit_learn)
    pixel_f1(by_the_library)


def test_another_mistake_gets_the_general_hint():
    with pytest.raises(WrongAnswer, match="Hint: Count found"):
        pixel_f1(lambda pred_mask, mask, threshold: 0.123)


def test_the_librarys_two_metrics_answer_rightly():
    def by_metrics(pred_masks, masks):
        f1, alarms = PixelF1(), FalseAlarmRate()
        for pred_mask, mask in zip(pred_masks, masks, strict=True):
            f1.update(pred_mask[None, None], mask[None, None])
            alarms.update(pred_mask[None, None], mask[None, None])
        return {"pixel_f1": float(f1.compute()), "false_alarm_rate": float(alarms.compute())}

    two_scores(by_metrics)


def test_two_scores_by_hand():
    right, alarm = torch.tensor([[0.9, 0.1]]), torch.tensor([[0.9, 0.9]])
    scores = two_scores.reference([right, alarm, alarm], [grid("#."), grid("#."), grid("..")])
    assert scores == {"pixel_f1": pytest.approx((1 + 2 / 3) / 2), "false_alarm_rate": 1.0}
