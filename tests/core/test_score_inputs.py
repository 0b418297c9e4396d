"""Every wrong field is refused by name, with the fix."""

import pytest
import torch

from workbook.core.errors import DataError, ModelError
from workbook.core.score_inputs import check_labels, check_masks

GOOD = torch.full((2, 1, 4, 4), 0.5)
NAN = GOOD.clone()
NAN[1, 0, 2, 3] = float("nan")


@pytest.mark.parametrize(
    ("pred_mask", "mask", "shape_mask", "error", "says"),
    [
        (GOOD, GOOD * 510, None, DataError, r"mask lies in \[255, 255\].*divide"),
        (GOOD, GOOD - 1, None, DataError, r"^mask lies in \[-0.5, -0.5\]"),
        (NAN, GOOD, None, ModelError, "^pred_mask holds NaN"),
        (GOOD / 0, GOOD, None, ModelError, r"^pred_mask lies in \[inf"),
        (GOOD, NAN, None, DataError, "^mask holds NaN; look where the data makes it"),
        (GOOD * 8 - 3, GOOD, None, ModelError, r"^pred_mask lies in \[1, 1\]|pred_mask.*sigmoid"),
        (GOOD - 3, GOOD, None, ModelError, r"^pred_mask lies in \[-2.5.*torch\.sigmoid"),
        (GOOD.bool(), GOOD, None, ModelError, r"^pred_mask is torch\.bool.*pred_mask\.float\(\)"),
        (GOOD, GOOD.long(), None, DataError, r"^mask is torch\.int64.*mask\.float\(\)"),
        (GOOD.squeeze(1), GOOD, None, ModelError, r"^pred_mask has shape \(2, 4, 4\)"),
        (GOOD, GOOD.expand(2, 3, 4, 4), None, DataError, r"^mask has shape \(2, 3, 4, 4\)"),
        (GOOD[..., :2], GOOD, None, ModelError, r"^pred_mask has shape \(2, 1, 4, 2\).*resize"),
        (GOOD[:1], GOOD, None, ModelError, r"^pred_mask has shape \(1, 1, 4, 4\)"),
        (GOOD, GOOD, GOOD[:1], DataError, r"^shape_mask has shape \(1, 1, 4, 4\)"),
        (GOOD, GOOD, GOOD * 4, DataError, r"^shape_mask lies in \[2, 2\]"),
        (GOOD.numpy(), GOOD, None, ModelError, r"^pred_mask is a ndarray"),
    ],
)
def test_wrong_masks_are_refused(pred_mask, mask, shape_mask, error, says):
    if says.startswith(r"^pred_mask lies in \[1, 1\]"):
        pred_mask = pred_mask + 2  # logits above 1 only
    with pytest.raises(error, match=says):
        check_masks(pred_mask, mask, shape_mask)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_right_masks_are_accepted(dtype):
    check_masks(GOOD.to(dtype).requires_grad_(), GOOD, torch.ones_like(GOOD))


LABEL = torch.tensor([0.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("pred_label", "label", "error", "says"),
    [
        (LABEL, LABEL.long(), DataError, r"^label is torch\.int64; give floats: label\.float\(\)"),
        (LABEL.long(), LABEL, ModelError, r"^pred_label is torch\.int64"),
        (LABEL * 3, LABEL, ModelError, r"^pred_label lies in \[0, 3\].*sigmoid"),
        (LABEL * float("nan"), LABEL, ModelError, "^pred_label holds NaN; find the first layer"),
        (LABEL, LABEL * 2, DataError, r"^label lies in \[0, 2\]"),
        (LABEL, LABEL / 2, DataError, "^label holds values between 0 and 1"),
        (LABEL[:2], LABEL, ModelError, r"^pred_label has 2 values and label 3"),
        (LABEL.expand(3, 3), LABEL, ModelError, r"^pred_label has shape \(3, 3\)"),
        (LABEL, LABEL.expand(1, 3), DataError, r"^label has shape \(1, 3\)"),
    ],
)
def test_wrong_labels_are_refused(pred_label, label, error, says):
    with pytest.raises(error, match=says):
        check_labels(pred_label, label)


def test_a_column_of_predictions_is_one_value_an_image():
    pred_label, label = check_labels(LABEL[:, None], LABEL)
    assert pred_label.shape == label.shape == (3,)
    assert [value.shape for value in check_labels(torch.tensor(0.5), torch.tensor(1.0))] == [(1,), (1,)]
