from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from workbook.core import Pair, PixelF1, prepare_batch
from workbook.core.errors import DataError, ModelError
from workbook.core.perturbations import PERTURBATIONS, image_seed
from workbook.show import RobustnessSlider


class Bright(nn.Module):
    """Marks what is bright; counts how often it is asked, and in what mode."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.seen = []

    def forward(self, image):
        self.seen.append(self.training)
        prob = torch.sigmoid(self.scale * image.mean(1, keepdim=True))
        return {"pred_mask": prob, "pred_label": prob.amax((1, 2, 3))}


@pytest.fixture
def image():
    pixels = np.random.default_rng(0).integers(0, 120, (24, 36, 3)).astype(np.uint8)
    pixels[6:18, 6:24] += 120
    return pixels


@pytest.fixture
def mask():
    truth = np.zeros((24, 36), dtype=np.float32)
    truth[6:18, 6:24] = 1
    return truth


def test_the_map_is_that_of_the_disturbed_image(image, mask, drawn):
    model = Bright()
    slider = RobustnessSlider(model, image, mask)
    slider.kind.value = "noise"
    slider.strength.value = 23
    disturbed = PERTURBATIONS["noise"](torch.from_numpy(image).permute(2, 0, 1), 23, image_seed(0, 0))
    (panes,) = slider.scene().rows
    np.testing.assert_array_equal(panes[0].pixels, disturbed.permute(1, 2, 0))
    np.testing.assert_array_equal(panes[1].pixels, slider.clean.pred_mask[0])
    with torch.no_grad():
        expected = model(prepare_batch({"image": disturbed[None]})["image"])
    np.testing.assert_allclose(panes[2].pixels, expected["pred_mask"][0, 0], atol=1e-6)
    metric = PixelF1()
    metric.update(expected["pred_mask"], torch.tensor(mask)[None, None])
    assert f"noise 23: F1 {float(metric.compute()):.3f}" in slider.text.value
    assert f"image score {float(expected['pred_label']):.3f}" in slider.text.value
    before = drawn(slider)
    slider.strength.value = 3
    assert not np.array_equal(before, drawn(slider))


def test_another_kind_starts_at_its_mildest(image):
    slider = RobustnessSlider(Bright(), image)
    assert "jpeg 100" in slider.text.value
    slider.strength.value = 50
    slider.kind.value = "blur"
    assert slider.strength.value == 0
    assert "blur 0" in slider.text.value
    assert "changed by 0.000" in slider.text.value
    slider.strength.value = 3
    slider.kind.value = "noise"  # its mildest is the same number
    assert "noise 3" in slider.text.value


def test_the_model_is_asked_once_a_move_and_left_in_its_mode(image):
    model = Bright().train()
    slider = RobustnessSlider(model, image)
    asked = len(model.seen)
    slider.strength.value = 70
    assert len(model.seen) == asked + 1
    assert not any(model.seen)
    assert model.training


def test_a_function_of_ones_own(image):
    own = {"darker": (lambda picture, by: (picture / by).to(torch.uint8), [1, 2])}
    slider = RobustnessSlider(Bright(), image, perturbations=own)
    slider.strength.value = 2
    assert "darker 2" in slider.text.value
    (panes,) = slider.scene().rows
    assert panes[0].pixels.max() == image.max() // 2


def test_a_perturbation_that_changes_the_size_is_told(image):
    own = {"as it is": (lambda picture, by: picture, [1]), "cut": (lambda picture, by: picture[:, :9], [1])}
    slider = RobustnessSlider(Bright(), image, perturbations=own)
    slider.kind.value = "cut"
    assert "cut at 1: made torch.uint8 (3, 9, 36)" in slider.text.value


def test_it_takes_a_pair_and_refuses_a_mask_of_another_size(image, mask, tmp_path):
    files = Path(tmp_path, "a.png"), Path(tmp_path, "a_gt.png")
    Image.fromarray(image).save(files[0])
    Image.fromarray((mask * 255).astype(np.uint8)).save(files[1])
    slider = RobustnessSlider(Bright(), Pair(*files))
    assert "a.png, jpeg 100: F1" in slider.text.value
    assert repr(slider).startswith("RobustnessSlider: a.png under jpeg, blur, noise, resize")
    with pytest.raises(DataError, match="different sizes"):
        RobustnessSlider(Bright(), image, mask.T)


def test_a_model_without_a_map_is_refused(image):
    class Judge(nn.Module):
        def forward(self, image):
            return {"pred_label": image.mean((1, 2, 3)).sigmoid()}

    with pytest.raises(ModelError, match="no pred_mask"):
        RobustnessSlider(Judge(), image)
