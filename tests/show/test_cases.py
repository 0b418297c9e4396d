from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from workbook.core import Prediction
from workbook.core.errors import DataError, WorkbookError
from workbook.show import overlay, save_overlays, show_cases


@pytest.fixture
def predictions():
    """Of a region of ten columns, more and more is found; the last is authentic and half of it is marked."""
    found = []
    for i, columns in enumerate((5, 1, 10, 8, 0)):
        mask, prob = torch.zeros(1, 20, 20), torch.zeros(1, 20, 20)
        mask[..., :10] = float(i < 4)
        prob[..., : columns if i < 4 else 10] = 0.9
        image = torch.full((3, 20, 20), 100, dtype=torch.uint8)
        found.append(Prediction(None, image, mask, prob, None, f"{i}.png", Path(f"{i}.png")))
    return found


def shown(figure):
    """The names, from the titles at the left; a figure's axes come row by row, four a row."""
    return [ax.get_title().split("\n")[0] for ax in figure.axes[::4]]


def test_the_worst_and_the_best_first_with_name_and_score(predictions):
    worst = show_cases(predictions, limit=3)
    assert shown(worst) == ["1.png", "4.png", "0.png"]
    assert [ax.get_title().split("\n")[1] for ax in worst.axes[::4]] == [
        "F1 0.182",
        "authentic, 50.0% marked",
        "F1 0.667",
    ]
    assert shown(show_cases(predictions, "best", limit=2)) == ["2.png", "3.png"]
    assert shown(show_cases(predictions, "both", limit=3)) == ["1.png", "4.png", "2.png"]
    assert shown(show_cases(predictions, "given")) == [f"{i}.png" for i in range(5)]


def test_scores_of_ones_own_and_undefined_ones_last(predictions):
    nan = float("nan")
    assert shown(show_cases(predictions, scores=[3, nan, 1, 2, 4], limit=4)) == [
        "2.png",
        "3.png",
        "0.png",
        "4.png",
    ]
    assert shown(show_cases(predictions, "best", scores=[3, nan, 1, 2, 4])) == [
        "4.png", "0.png", "3.png", "2.png", "1.png",
    ]  # fmt: skip


def test_without_a_truth_there_are_three_columns(predictions):
    blind = [Prediction(None, p.image, None, p.pred_mask, None, p.name) for p in predictions[:2]]
    assert len(show_cases(blind).axes) == 6


def test_what_cannot_be_shown(predictions):
    with pytest.raises(WorkbookError, match="first is 'last'; choose from worst"):
        show_cases(predictions, "last")
    with pytest.raises(DataError, match="0 predictions"):
        show_cases([])
    with pytest.raises(DataError, match="5 predictions and 1 scores"):
        show_cases(predictions, scores=[1])


def test_overlays_are_saved_at_the_images_own_size(predictions, tmp_path):
    files = save_overlays(predictions[:2], tmp_path / "out")
    assert [file.name for file in files] == ["0_overlay.png", "1_overlay.png"]
    one = predictions[0]
    expected = overlay(one.image.permute(1, 2, 0).numpy(), one.mask[0].numpy(), one.pred_mask[0].numpy())
    assert np.array_equal(np.array(Image.open(files[0])), expected)
    save_overlays(predictions[:1], tmp_path / "out")  # our own are replaced
    (tmp_path / "out" / "4_overlay.png").write_bytes(b"something else")
    with pytest.raises(DataError, match=r"4_overlay\.png: is there already"):
        save_overlays(predictions[4:], tmp_path / "out")
