from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from workbook.core.errors import WorkbookError
from workbook.core.model import run_model
from workbook.core.tiles import ALIGN, predict_tiles, spans
from workbook.models import UNet


@given(st.integers(1, 700), st.integers(1, 200), st.floats(0, 0.5))
def test_tiles_cover_each_pixel_with_a_weight_of_one(length, tile, share):
    overlap = int(tile * share)
    total = torch.zeros(length)
    found = spans(length, tile, overlap)
    for span in found:
        assert 0 <= span.start < span.stop <= length
        assert len(span.weight) == span.stop - span.start < tile + ALIGN
        assert (span.weight >= 0).all()
        total[span.start : span.stop] += span.weight
    torch.testing.assert_close(total, torch.ones(length), atol=1e-5, rtol=0)
    for left, right in pairwise(found):
        assert left.stop - right.start >= overlap
    if tile - overlap >= ALIGN:
        assert all(span.start % ALIGN == 0 for span in found)


def test_a_tile_counts_for_nothing_at_its_border_within_the_image():
    first, second = spans(192, tile=128, overlap=64)
    assert (first.weight[-16:] == 0).all()
    assert (second.weight[:16] == 0).all()
    assert first.weight[0] == second.weight[-1] == 1  # but fully at the image's own border
    middle = first.weight[64 + 16 : 64 + 48]  # half of the overlap: a straight line from 1 to 0
    torch.testing.assert_close(middle, 1 - (torch.arange(32) + 0.5) / 32)


class Local(nn.Module):
    """Sees 8 pixels to each side, and pads with zeros, as a network does."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 1, 17, padding=8)

    def forward(self, image):
        pred = self.conv(image).sigmoid()
        return {"pred_mask": pred, "pred_label": pred.amax((1, 2, 3))}


@settings(max_examples=10, deadline=None)
@given(st.integers(30, 150), st.integers(30, 150), st.integers(1, 3))
def test_no_seam_where_the_model_sees_no_further_than_the_margin(height, width, at_once):
    model = Local()
    image = torch.rand(3, height, width)
    with torch.no_grad():
        whole = model(image[None])["pred_mask"][0]
        tiled, _ = predict_tiles(model, image, tile=64, overlap=32, at_once=at_once)
    torch.testing.assert_close(tiled, whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(3, 64, 64), (3, 50, 41)])
def test_an_image_no_larger_than_a_tile_is_predicted_as_it_is(shape):
    model = UNet(features=4, depth=3, noise=True, scale=2).eval()
    image = torch.randn(shape)
    with torch.no_grad():
        whole = run_model(model, {"image": image[None]})
        tiled, label = predict_tiles(lambda tiles: run_model(model, {"image": tiles}), image, tile=64)
    torch.testing.assert_close(tiled, whole["pred_mask"][0], atol=1e-5, rtol=0)
    assert label == pytest.approx(whole["pred_label"].item(), abs=1e-5)


def test_the_image_score_is_that_of_the_worst_tile_and_batches_are_small():
    sizes = []

    def run(tiles):
        sizes.append(len(tiles))
        return {"pred_mask": tiles[:, :1], "pred_label": tiles.amax((1, 2, 3))}

    image = torch.zeros(3, 128, 128)
    image[:, 100, 20] = 0.75
    tiled, label = predict_tiles(run, image, tile=64, overlap=0, at_once=3)
    assert label == 0.75
    assert sizes == [3, 1]
    assert torch.equal(tiled, image[:1])


@pytest.mark.parametrize(("tile", "overlap"), [(0, 0), (64, 33), (64, -1)])
def test_tiles_that_cannot_be_are_refused(tile, overlap):
    with pytest.raises(WorkbookError, match=f"tile={tile}, overlap={overlap}"):
        predict_tiles(Local(), torch.zeros(3, 8, 8), tile, overlap)
