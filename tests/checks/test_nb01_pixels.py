import numpy as np
import pytest
from PIL import Image

from workbook.checks.nb01_pixels import alpha_to_mask, choose_repair, joint_flip
from workbook.core import mask_levels
from workbook.curation.alignment import mask_auc


def drawn(exercise, seed):
    return list(exercise.draw(np.random.default_rng(seed)))


@pytest.mark.parametrize("seed", range(5))
def test_the_masks_are_the_librarys(seed):
    for rgba, soft in drawn(alpha_to_mask, seed):
        if rgba[..., 3].max() < 127:
            continue  # not a mask that the library would find in a file: nothing is marked
        levels = mask_levels(Image.fromarray(rgba)).astype(np.float32)[None]
        expected = levels / 255 if soft else (levels > 127).astype(np.float32)
        np.testing.assert_allclose(alpha_to_mask.reference(rgba, soft), expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_each_repair_is_the_answer_for_some_input_and_by_a_clear_margin(seed):
    cases = drawn(choose_repair, seed)
    answers = {choose_repair.reference(*case) for case in cases}
    assert answers == {"keep", "flip horizontal", "flip vertical", "rotate 180", "invert", "drop"}
    for changed, mask in cases:
        tried = [mask, mask[:, ::-1], mask[::-1], mask[::-1, ::-1], ~mask]
        iou = sorted({round(float((one & changed).sum() / (one | changed).sum()), 9) for one in tried})
        assert iou[-1] == 0.5 or abs(iou[-1] - 0.5) > 0.05  # one half is exact in floats


def test_the_repair_of_a_mirrored_mask_is_what_the_librarys_auc_says():
    changed = np.zeros((8, 8), dtype=bool)
    changed[1:3, :3] = True
    mirrored = changed[:, ::-1]
    assert choose_repair.reference(changed, mirrored) == "flip horizontal"
    change = changed.astype(np.uint8) * 200
    assert mask_auc(change, mirrored[:, ::-1]) == 1.0 > mask_auc(change, mirrored)


def test_about_half_of_the_draws_flip():
    flips = [not joint_flip.reference(*case)[1].equal(case[1]) for case in drawn(joint_flip, 0)]
    assert 0.2 < np.mean(flips) < 0.8
