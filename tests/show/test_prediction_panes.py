import numpy as np
import pytest

from workbook.core import PixelF1
from workbook.show.display import to_map
from workbook.show.prediction_panes import LEGEND, overlay_pane, probability_pane, title_of, words_of


def unknown(found):
    object.__setattr__(found, "mask", None)
    return found


def test_title_has_the_kind_only_where_the_truth_is_known(predictions):
    assert title_of(predictions[1]) == "Sp_S_NNN_A_ani0003_ani0003_0002.jpg, copy-move"
    assert title_of(unknown(predictions[0])) == "Sp_D_NNN_A_ani0001_ani0002_0001.jpg"


def test_words_are_the_scores_or_the_share(predictions):
    first, _, authentic = predictions
    metric = PixelF1(threshold=0.3)
    metric.update(first.pred_mask[None], first.mask[None])
    assert words_of(first, 0.3).startswith(f"F1 {float(metric.compute()):.3f}, IoU 0.")
    share = float((authentic.pred_mask > 0.3).double().mean())
    assert words_of(authentic, 0.3) == f"{share:.1%} marked"
    assert words_of(unknown(first), 1.0) == "0.0% marked"


def test_the_map_is_outlined_at_the_threshold(predictions):
    pane = probability_pane(predictions[0], 0.3)
    assert (pane.level, pane.colours) == (0.3, "magma")
    np.testing.assert_array_equal(pane.pixels, to_map(predictions[0].pred_mask))


@pytest.mark.parametrize("threshold", [0.2, 0.7])
def test_without_a_truth_the_marked_pixels_are_tinted(predictions, threshold):
    found = unknown(predictions[0])
    pane = overlay_pane(found, threshold, LEGEND)
    assert pane.title == "yellow: marked"
    assert pane.tint
    np.testing.assert_array_equal(pane.mask, (found.pred_mask[0] > threshold).numpy())
