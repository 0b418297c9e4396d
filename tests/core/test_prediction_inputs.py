import json

import numpy as np
import pytest
import torch
from PIL import Image

from workbook.core import ManiDataset, Pair, PairDataset
from workbook.core.batch import prepare_batch
from workbook.core.errors import DataError, WorkbookError
from workbook.core.prediction_inputs import prediction_inputs

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
LEVELS = torch.from_numpy(PIXELS).permute(2, 0, 1)


@pytest.fixture
def folder(tmp_path):
    for part in ("Tp", "Gt"):
        (tmp_path / part).mkdir()
    Image.fromarray(PIXELS).save(tmp_path / "Tp" / "a.png")
    Image.fromarray(PIXELS[..., 0] * 0 + 255).save(tmp_path / "Gt" / "a_gt.png")
    return tmp_path


def same(inputs, number=1):
    found = prediction_inputs(inputs)
    assert len(found) == number
    for one in found:
        loaded = one.load()
        assert torch.equal(loaded.image, LEVELS)
        assert torch.equal(loaded.sample["image"], LEVELS)
    return found


def test_whatever_holds_an_image_is_the_same_image(folder):
    file = folder / "Tp" / "a.png"
    for inputs in (str(file), file, [file], folder / "Tp", [folder / "Tp"], Image.open(file), PIXELS,
                   [PIXELS], LEVELS, PIXELS / 255, PIXELS[None], LEVELS[None], Pair(file)):  # fmt: skip
        same(inputs)
    names = [one.name for one in same([file, Image.open(file), Image.fromarray(PIXELS), PIXELS], 4)]
    assert names == ["a.png", "a.png", "image 2", "image 3"]


def test_a_truth_is_known_of_pairs_and_datasets_only(folder):
    file, mask = folder / "Tp" / "a.png", folder / "Gt" / "a_gt.png"
    (folder / "pairs.json").write_text(json.dumps([[str(file), str(mask)], [str(file), "Negative"]]))
    tampered, authentic = same(folder / "pairs.json", 2)
    assert tampered.load().mask.mean() == 1
    assert authentic.load().mask.sum() == 0
    assert tampered.pair == Pair(file, mask)
    assert same([Pair(file, mask)])[0].load().mask.mean() == 1
    for inputs in (file, PIXELS):
        one = same(inputs)[0]
        assert (one.pair, one.load().mask) == (None, None)
    assert same(file)[0].path == file


def test_a_dataset_keeps_its_size_for_the_model_and_the_original_for_us(folder):
    fields = []
    dataset = ManiDataset(folder, size=8, post_func=lambda s: fields.append(1) or {"extra": torch.ones(1)})
    loaded = prediction_inputs(dataset)[0].load()
    assert loaded.sample["image"].shape == (3, 8, 8)
    assert loaded.image.shape == (3, 4, 6)
    assert loaded.mask.shape == (1, 4, 6)
    assert "extra" in loaded.sample
    assert len(fields) == 1


def test_a_dataset_of_someone_elses(folder):
    class Theirs(torch.utils.data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return LEVELS, torch.ones(1, 4, 6)

    for one in same(Theirs(), 2):
        assert one.load().mask.mean() == 1


def test_normalised_floats_reach_the_model_as_they_are_and_us_as_levels():
    ready = prepare_batch({"image": LEVELS[None]})["image"]
    loaded = prediction_inputs(ready)[0].load()
    assert torch.equal(loaded.sample["image"], ready[0])
    assert torch.equal(loaded.image, LEVELS)


def test_grey_becomes_rgb():
    loaded = prediction_inputs(PIXELS[..., 0])[0].load()
    assert torch.equal(loaded.image, LEVELS[:1].expand(3, -1, -1))


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        (PIXELS * 2.0, r"image 0: floats must lie in \[0, 1\]"),
        (PIXELS.astype(int), "image 0: is int64"),
        (np.full((2, 2), np.nan), "image 0: floats must lie"),
        (PIXELS[..., :2], r"shape \(4, 6, 2\) is no image"),
        (torch.zeros(1, 4, 6), r"shape \(1, 4, 6\) is no image"),
        (torch.zeros(3, 4, 6, dtype=torch.int64), "is torch.int64"),
        ([7], "image 0: a int is no image"),
        (7, "a int is no image"),
    ],
)
def test_what_is_no_image_is_refused(inputs, says):
    with pytest.raises(DataError, match=says):
        [one.load() for one in prediction_inputs(inputs)]


def test_an_empty_folder_and_a_changing_dataset_are_refused(folder):
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="holds no image"):
        prediction_inputs(folder / "empty")
    with pytest.raises(WorkbookError, match=r"predict\(model, dataset.pairs\)"):
        prediction_inputs(PairDataset([Pair(folder / "Tp" / "a.png")], transforms=lambda s: s))


def test_a_mask_of_another_size_is_told_of(folder):
    Image.new("L", (2, 2)).save(folder / "Gt" / "a_gt.png")
    with pytest.raises(DataError, match=r"a\.png: is \(4, 6\).*its mask \(2, 2\)"):
        prediction_inputs([Pair(folder / "Tp" / "a.png", folder / "Gt" / "a_gt.png")])[0].load()
