import importlib
import inspect
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import workbook.core
from workbook.core import DataError, Pair, PairDataset, iter_predict, predict
from workbook.core.errors import ModelError, WorkbookError
from workbook.core.segmenter import top_mean


class Brightness(nn.Module):
    """Marks what is bright, so that the map can be told from the image by hand."""

    def __init__(self):
        super().__init__()
        self.cut = nn.Parameter(torch.tensor(0.0))
        self.sizes = []

    def forward(self, image, mask=None):
        assert mask is None, "the truth must not reach the model"
        assert not self.training
        self.sizes.append(tuple(image.shape))
        return {"pred_mask": (image.mean(1, keepdim=True) > self.cut).float()}


@pytest.fixture
def pairs(tmp_path):
    found = []
    for number, size in enumerate([(30, 20), (20, 30), (30, 20)]):
        pixels = np.zeros((*size, 3), np.uint8)
        pixels[:5] = 255
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        Image.fromarray(pixels[..., 0]).save(tmp_path / f"{number}_gt.png")
        found.append(Pair(tmp_path / f"{number}.png", tmp_path / f"{number}_gt.png" if number == 0 else None))
    return found


def test_each_image_is_predicted_at_its_own_size_without_the_truth(pairs):
    model = Brightness().train()
    first, second, third = predict(model, pairs)
    assert first.pred_mask.shape == (1, 30, 20)
    assert second.pred_mask.shape == (1, 20, 30)
    assert torch.equal(first.pred_mask, first.mask)
    assert second.mask.sum() == 0
    assert second.pred_mask.sum() == 5 * 30
    assert first.pred_label is None
    assert first.score == pytest.approx(float(top_mean(first.pred_mask[None])))
    assert [one.pair for one in (first, second, third)] == pairs  # their order, though 0 and 2 shared a batch
    assert model.sizes == [(2, 3, 30, 20), (1, 3, 20, 30)]
    assert model.training, "the mode is put back"


def test_an_unreadable_image_is_named_and_the_rest_is_done(pairs):
    pairs[1].image.write_bytes(b"not an image")
    with pytest.warns(UserWarning, match=r"left out: .*1\.png"):
        found = predict(Brightness(), pairs)
    assert [one.name for one in found] == ["0.png", "2.png"]
    assert list(found.unreadable) == ["1.png"]
    assert "cannot be read" in found.unreadable["1.png"]


@pytest.mark.filterwarnings("ignore:left out")
def test_none_readable_and_none_given(pairs):
    pairs[1].image.write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"no image can be read; the first: .*1\.png"):
        predict(Brightness(), pairs[1:2])
    with pytest.raises(DataError, match="there are no images to predict"):
        predict(Brightness(), [])


@pytest.mark.parametrize(
    "options", [{"size": (60, 40)}, {"size": (60, 60), "fit": "pad"}, {"tile": 32, "overlap": 8}]
)
def test_maps_come_back_to_the_original_size(pairs, options):
    model = Brightness()
    found = predict(model, pairs, **options)
    plain = predict(Brightness(), pairs)
    for one, other in zip(found, plain, strict=True):
        assert one.pred_mask.shape == other.pred_mask.shape
        assert (one.marked != other.marked).float().mean() < 0.03  # a resized edge may move by a pixel
    wanted = options.get("size")
    assert all(wanted is None or size[2:] == wanted for size in model.sizes)


def test_a_dataset_with_a_size_comes_back_too(pairs):
    for options in ({"size": 64}, {"size": 64, "fit": "pad"}):
        model = Brightness()
        found = predict(model, PairDataset(pairs, **options))
        assert {size[2:] for size in model.sizes} == {(64, 64)}
        assert [tuple(one.pred_mask.shape[1:]) for one in found] == [(30, 20), (20, 30), (30, 20)]
        assert (found[0].pred_mask.round() == found[0].mask).float().mean() > 0.95


def test_tiles_equal_the_whole_where_the_model_looks_at_single_pixels(pairs):
    whole = predict(Brightness(), pairs)
    tiled = predict(Brightness(), pairs, tile=16, overlap=4)
    for one, other in zip(whole, tiled, strict=True):
        torch.testing.assert_close(one.pred_mask, other.pred_mask, atol=1e-5, rtol=0)


def test_options_that_contradict_each_other(pairs):
    for options, says in (
        ({"size": 16, "tile": 16}, "give one of them"),
        ({"size": 16, "fit": "pad"}, r"0\.png: is 30x20, larger than 16x16"),
        ({"threshold": 1.5}, "threshold is 1.5"),
        ({"threshold": float("nan")}, "threshold is nan"),
    ):
        with pytest.raises(WorkbookError, match=says):
            predict(Brightness(), pairs, **options)
    with pytest.raises(WorkbookError, match="the dataset fits its images"):
        predict(Brightness(), PairDataset(pairs, size=32), tile=16)
    with pytest.raises(WorkbookError, match=r"0\.png: is larger than the dataset's size"):
        predict(Brightness(), PairDataset(pairs, size=16, fit="pad"))


def test_saved_maps_and_what_they_never_overwrite(pairs, tmp_path):
    found = predict(Brightness(), pairs, save=tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == sorted(
        f"{i}_{what}.png" for i in range(3) for what in ("prob", "pred")
    )
    saved = np.array(Image.open(tmp_path / "out" / "0_pred.png"))
    assert np.array_equal(saved > 0, found[0].marked[0].numpy())
    before = sorted(file.read_bytes() for file in tmp_path.glob("*.png"))
    with pytest.raises(WorkbookError, match="holds the images or masks themselves"):
        predict(Brightness(), pairs, save=tmp_path)
    assert sorted(file.read_bytes() for file in tmp_path.glob("*.png")) == before


def test_one_by_one_begins_before_all_are_read(pairs):
    reading = iter_predict(Brightness(), pairs, batch_size=1)
    assert next(reading).name == "0.png"
    pairs[2].image.write_bytes(b"")
    assert next(reading).name == "1.png"
    with pytest.warns(UserWarning, match=r"2\.png"):
        assert list(reading) == []


def test_a_model_without_a_map_and_one_that_runs_out_of_memory(pairs):
    class Detector(Brightness):
        def forward(self, image):
            return {"pred_label": image.mean((1, 2, 3)).sigmoid()}

    class Hungry(Brightness):
        def forward(self, image):
            raise torch.OutOfMemoryError("no memory")

    with pytest.raises(ModelError, match="returns no pred_mask"):
        predict(Detector(), pairs)
    with pytest.raises(WorkbookError, match=r"0\.png: memory ran out at 30x20; give tile=512"):
        predict(Hungry(), pairs)


@pytest.mark.parametrize("name", ["predict", "evaluate", "robustness", "complexity"])
def test_the_function_stays_the_function_when_its_module_is_imported(name, monkeypatch):
    monkeypatch.delitem(sys.modules, f"workbook.core.{name}", raising=False)
    importlib.import_module(f"workbook.core.{name}")
    assert inspect.isfunction(getattr(workbook.core, name))
