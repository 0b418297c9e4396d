from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from workbook.core.errors import DataError
from workbook.show import CheckpointCompare
from workbook.show.prediction_panes import words_of


@pytest.fixture
def three(predictions):
    """Three checkpoints: one as it is, one that is right, one that marks nothing."""
    return {
        "first": predictions,
        "right": [replace(found, pred_mask=found.mask * 0.9) for found in predictions],
        "blind": [replace(found, pred_mask=found.mask * 0) for found in predictions],
    }


def test_both_are_shown_with_their_scores(three):
    compare = CheckpointCompare(three)
    lines = compare.scene().lines
    assert lines[1] == f"first: {words_of(three['first'][0], 0.5)}"
    assert lines[2] == "right: F1 1.000, IoU 1.000"
    above, below = compare.scene().rows
    assert [pane.title for pane in above] == ["image", "first, probability", "right, probability"]
    assert [pane.title for pane in below] == ["truth", "first, marked", "right, marked"]
    np.testing.assert_array_equal(above[2].pixels, three["right"][0].pred_mask[0])


def test_checkpoints_image_and_threshold_can_be_changed(three, drawn):
    compare = CheckpointCompare(three)
    seen = [drawn(compare)]
    for change in (
        lambda: setattr(compare.right, "value", "blind"),
        lambda: setattr(compare.left, "value", "right"),
        lambda: setattr(compare.threshold, "value", 0.95),
        lambda: setattr(compare.number, "value", 2),
    ):
        change()
        seen.append(drawn(compare))
    assert all(a.shape != b.shape or (a != b).any() for a, b in pairwise(seen))
    assert "right: F1 0.000" in compare.text.value  # nothing is above 0.95
    assert "2 of 3: Sp_S" in compare.text.value


def test_a_truth_that_is_not_known_is_said(three):
    for found in three["first"]:
        object.__setattr__(found, "mask", None)
    rows = CheckpointCompare(three).scene().rows
    assert rows[1][0].pixels == "the truth is not known"


def test_what_cannot_be_compared_is_refused(three):
    with pytest.raises(DataError, match="at least two"):
        CheckpointCompare({"first": three["first"]})
    with pytest.raises(DataError, match="at least two"):
        CheckpointCompare({"first": [], "right": []})
    with pytest.raises(DataError, match="first and right were predicted on different images"):
        CheckpointCompare({"first": three["first"], "right": three["right"][::-1]})
    with pytest.raises(DataError, match="different images"):
        CheckpointCompare({"first": three["first"], "right": three["right"][:2]})
    with pytest.raises(DataError, match="below 1"):
        CheckpointCompare(three, threshold=2)


def test_the_text_that_is_stored_says_no_score(three):
    assert repr(CheckpointCompare(three)) == "CheckpointCompare: 3 images, checkpoints first, right, blind"
