import pytest
import torch

from workbook.core import ImageAUC, PixelF1, ProtocolF1
from workbook.core.score_rows import all_metrics, image_rows, summary_rows
from workbook.core.scored_set import ScoredSet


def test_metrics_and_protocols():
    names = [metric.name for metric in all_metrics(None, None)]
    assert names == ["pixel_f1", "pixel_iou", "false_alarm_rate"]
    assert [type(metric) for metric in all_metrics(None, "MVSS-Net")] == [ProtocolF1]
    assert [type(metric) for metric in all_metrics([ImageAUC()], ["MVSS-Net", "FOCAL"])] == [
        ImageAUC,
        ProtocolF1,
        ProtocolF1,
    ]


def test_rows_by_hand():
    kinds = ["splice", "authentic", "splice", "copy-move"]
    images = [{"key": ("", i), "name": f"{i}.png", "kind": kind} for i, kind in enumerate(kinds)]
    rows = torch.tensor([[2, 0, 0, 2], [0, 1, 0, 3], [1, 1, 1, 1], [0, 0, 1, 3]])  # tp, fp, fn, tn
    found = ScoredSet(images, {"pixel_f1": rows}, {}, {})
    table = summary_rows(found, [PixelF1()], resamples=10)
    assert [(row["kind"], row["value"], row["images"]) for row in table] == [
        ("all", 0.5, 3),
        ("copy-move", 0.0, 1),
        ("splice", 0.75, 2),
    ]
    assert [row["name"] for row in image_rows(found, [PixelF1()])] == ["0.png", "1.png", "2.png", "3.png"]
    values = [row["pixel_f1"] for row in image_rows(found, [PixelF1()])]
    assert values == pytest.approx([1, float("nan"), 0.5, 0], nan_ok=True)
    assert "key" not in image_rows(found, [])[0]
