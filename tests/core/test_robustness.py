import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from workbook.core import FalseAlarmRate, ImageAUC, Pair, PairDataset, PixelF1, evaluate, robustness
from workbook.core.errors import DataError, WorkbookError
from workbook.core.perturbations import blur


class Bright(nn.Module):
    """Marks what is brighter than the middle."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(0.0))

    def forward(self, image, mask=None):
        assert mask is None, "the truth must not reach the model"
        prob = (5 * image.mean(1, keepdim=True) + self.shift).sigmoid()
        return {"pred_mask": prob, "pred_label": prob.amax((1, 2, 3))}


@pytest.fixture
def data():
    torch.manual_seed(0)
    found = []
    for i in range(5):
        mask = torch.zeros(1, 32, 32 + 8 * (i % 2))
        if i:
            mask[:, 8:20:3, 4:24] = 1
        found.append({"image": (90 + 100 * mask).byte().expand(3, -1, -1), "mask": mask, "name": f"{i}.png"})
    return found


def test_the_grid_its_clean_row_and_the_fall(data):
    model = Bright().train()
    table = robustness(model, data, ["blur", "noise"], [PixelF1(), ImageAUC()])
    assert list(table.columns) == ["perturbation", "strength", "unit", "pixel_f1", "image_auc"]
    assert table["perturbation"].tolist() == ["clean", *["blur"] * 7, *["noise"] * 6]
    assert table["pixel_f1"][0] == evaluate(model, data, [PixelF1()]).value("pixel_f1") == 1
    assert table["pixel_f1"][1] == 1  # a blur of 0 is clean
    assert table["pixel_f1"][7] < 0.6
    assert model.training


def test_a_cell_is_the_score_of_images_changed_beforehand(data):
    table = robustness(Bright(), data, {"blur": [3, 7]})
    for row in table[1:].to_dict("records"):
        before = [one | {"image": blur(one["image"], row["strength"])} for one in data]
        assert row["pixel_f1"] == pytest.approx(
            evaluate(Bright(), before, [PixelF1()]).value("pixel_f1"), abs=1e-6
        )


def test_it_repeats_itself_whatever_the_batch(data):
    first = robustness(Bright(), data, {"noise": [40, 80]}, seed=3)
    for options in ({"batch_size": 1}, {"workers": 2}):
        again = robustness(Bright(), data, {"noise": [40, 80]}, seed=3, **options)
        pd.testing.assert_frame_equal(first, again)
    other = robustness(Bright(), data, {"noise": [40, 80]}, seed=4)
    assert not first["pixel_f1"].equals(other["pixel_f1"])


def test_what_cannot_be_is_refused(data):
    with pytest.raises(WorkbookError, match=r"half at 2: made torch.uint8 \(3, 16, 32\)"):
        robustness(Bright(), data, {"half": (lambda im, s: im[:, ::2], [2])})
    with pytest.raises(DataError, match=r"there are 2 datasets \(a, b\)"):
        robustness(Bright(), {"a": data, "b": data})
    with pytest.raises(DataError, match="perturbations need uint8"):
        robustness(Bright(), [one | {"image": one["image"] / 255} for one in data])


class SeesMean(nn.Module):
    """Remembers a field that a post_func makes of the image."""

    def __init__(self):
        super().__init__()
        self.layer, self.seen = nn.Linear(1, 1), []

    def forward(self, image, mean):
        self.seen.append(round(float(mean[0])))
        return {"pred_mask": torch.zeros_like(image[:, :1])}


def test_fields_of_a_post_func_are_made_of_the_perturbed_image(tmp_path):
    Image.new("RGB", (8, 8), (200, 200, 200)).save(tmp_path / "a.png")
    data = PairDataset([Pair(tmp_path / "a.png")], post_func=lambda s: {"mean": s["image"].float().mean()})
    model = SeesMean()
    robustness(model, data, {"darker": (lambda image, by: image // int(by), [2, 4])}, [FalseAlarmRate()])
    assert model.seen == [200, 100, 50]
