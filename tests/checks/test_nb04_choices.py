import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as F

from workbook.checks.nb04_choices import brighten, honest_f1, read_failure
from workbook.checks.nb04_scores import grid
from workbook.checks.verdict import WrongAnswer


@pytest.mark.parametrize(
    ("marked", "mask", "word"),
    [
        ("##..", "##..", "right"),
        ("#...", "##..", "right"),  # just half of it
        ("...#", "##..", "missed"),  # and a false alarm besides
        ("####", "##..", "right"),  # as much outside as inside
        ("#.##", "##..", "spilled"),
        ("#...", "....", "false alarm"),
        ("....", "....", "right"),
    ],
)
def test_failures_read_by_hand(marked, mask, word):
    assert read_failure.reference(0.9 * grid(marked), grid(mask)) == word


def test_a_failure_read_with_tensors_passes():
    def by_tensors(pred_mask, mask):
        marked, region = pred_mask > 0.5, mask > 0.5
        if not region.any():
            return "false alarm" if marked.double().mean() > 0.01 else "right"
        if marked[region].double().mean() < 0.5:
            return "missed"
        return "spilled" if marked[~region].sum() > marked[region].sum() else "right"

    read_failure(by_tensors)


def test_numpy_chooses_a_threshold():
    honest_f1(lambda thresholds, valid, test: (thresholds[np.argmax(valid)], test[int(np.argmax(valid))]))


def test_brightness_by_numpy_passes():
    def by_numpy(image, factor):
        levels = np.rint(np.minimum(image.numpy().astype(np.float64) * factor, 255))
        return torch.from_numpy(levels.astype(np.uint8))

    brighten(by_numpy)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda image, factor: (image * factor).to(torch.uint8), "uint8 begins again at 0"),
        (F.adjust_brightness, "rounded"),
        (lambda image, factor: image.float(), "'torch.float32' where 'torch.uint8'"),
        (lambda image, factor: image.tolist(), "'list' where 'torch.uint8'"),
        (lambda image, factor: image.mul_(2), "changes its input"),
        ("brighter", "where a function is expected"),
    ],
)
def test_images_of_another_type_or_level_are_told(answer, told):
    with pytest.raises(WrongAnswer, match=told):
        brighten(answer)
