import pytest
import torch
import torchmetrics

from workbook.core import FalseAlarmRate, ImageAUC, PixelF1
from workbook.core.errors import DataError, WorkbookError
from workbook.core.run import copied, watched


@pytest.mark.parametrize(
    ("watch", "metrics", "tests", "expected"),
    [
        (None, [PixelF1(), ImageAUC()], [""], ("pixel_f1", True)),
        (None, [], [""], ("valid_loss", False)),
        (None, [], [], ("loss", False)),
        ("image_auc", [PixelF1(), ImageAUC()], ["a", "b"], ("image_auc", True)),
        ("b/image_auc", [PixelF1(), ImageAUC()], ["a", "b"], ("b/image_auc", True)),
        ("a/valid_loss", [PixelF1()], ["a", "b"], ("a/valid_loss", False)),
        (None, [FalseAlarmRate()], [""], ("false_alarm_rate", False)),
        (None, [torchmetrics.MeanSquaredError()], [""], ("mean_squared_error", False)),
        (("pixel_f1", "min"), [PixelF1()], [""], ("pixel_f1", False)),
        (("loss", "max"), [PixelF1()], [""], ("loss", True)),
    ],
)
def test_what_is_watched_and_in_which_direction(watch, metrics, tests, expected):
    assert watched(watch, metrics, tests) == expected


def test_what_cannot_be_watched():
    with pytest.raises(WorkbookError, match="did you mean 'pixel_f1'"):
        watched("pixelF1", [PixelF1()], [""])
    with pytest.raises(WorkbookError, match="there are loss, pixel_f1, valid_loss"):
        watched("xyzzy", [PixelF1()], [""])
    with pytest.raises(WorkbookError, match="'min' or 'max'"):
        watched(("pixel_f1", "up"), [PixelF1()], [""])
    with pytest.raises(DataError, match="valid_data"):
        watched(None, [PixelF1()], [])
    with pytest.raises(WorkbookError, match="two metrics are called pixel_f1"):
        watched(None, [PixelF1(), PixelF1(average="pooled")], [""])


def test_a_copy_does_not_follow_the_training():
    state = {0: {"step": torch.tensor(1.0), "name": "a"}}
    copy = copied(state)
    state[0]["step"].add_(1)
    assert copy == {0: {"step": torch.tensor(1.0), "name": "a"}}
