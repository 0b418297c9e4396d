import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from workbook.core import DataError, Pair, predict


class Brightness(nn.Module):
    """Marks what is bright, so that the map can be told from the image by hand."""

    def __init__(self):
        super().__init__()
        self.cut = nn.Parameter(torch.tensor(0.0))

    def forward(self, image, mask=None):
        assert mask is None, "the truth must not reach the model"
        assert not self.training
        return {"pred_mask": (image.mean(1, keepdim=True) > self.cut).float()}


@pytest.fixture
def pairs(tmp_path):
    found = []
    for number, size in enumerate([(30, 20), (20, 30)]):
        pixels = np.zeros((*size, 3), np.uint8)
        pixels[:5] = 255
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        Image.fromarray(pixels[..., 0]).save(tmp_path / f"{number}_gt.png")
        found.append(Pair(tmp_path / f"{number}.png", tmp_path / f"{number}_gt.png" if number == 0 else None))
    return found


def test_each_image_is_predicted_at_its_own_size_without_the_truth(pairs):
    model = Brightness().train()
    first, second = predict(model, pairs)
    assert first.pred_mask.shape == (1, 30, 20)
    assert second.pred_mask.shape == (1, 20, 30)
    assert torch.equal(first.pred_mask, first.mask)
    assert second.mask.sum() == 0
    assert second.pred_mask.sum() == 5 * 30
    assert first.pred_label is None
    assert [one.pair for one in (first, second)] == pairs
    assert model.training, "the mode is put back"


def test_an_unreadable_image_is_named(pairs):
    pairs[1].image.write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"1\.png"):
        predict(Brightness(), pairs)
