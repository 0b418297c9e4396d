"""The datasets on published images, where they are at hand."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from workbook.core.batch import collate, prepare_batch
from workbook.core.datasets import JsonDataset, ManiDataset, PairDataset, list_images
from workbook.core.errors import DataError
from workbook.core.pairs import Pair, write_pairs

SHARED = Path(__file__).parents[2] / "../shared/data"


def test_casia_v1_samples():
    if not (SHARED / "casia1/samples").exists():
        pytest.skip("no CASIA v1 at hand")
    dataset = ManiDataset(SHARED / "casia1/samples", fit="pad", edge_width=7)
    assert len(dataset) == 48
    batch = prepare_batch(collate([dataset[i] for i in (0, 1, 2, 24, 25)]))
    assert batch["label"].tolist() == [1, 1, 1, 0, 0]
    assert (batch["mask"].flatten(1).amax(1) == batch["label"]).all()
    for sample in (dataset[i] for i in range(6)):
        assert 0 < sample["mask"].mean() < 0.9


def test_portraits_as_published():
    root = SHARED / "portraits"
    if not root.exists():
        pytest.skip("no portraits at hand")
    images = {path.stem: path for path in list_images(root / "images")}
    masks = {path.stem: path for path in list_images(root / "masks")}
    pairs = [Pair(images[stem], masks[stem]) for stem in sorted(images.keys() & masks.keys())]
    assert len(pairs) > 100
    dataset = PairDataset(pairs, size=64)
    # About two thirds of the masks have another size than their image: those are refused, the others read.
    fitting = [_size(pair.image) == _size(pair.mask) for pair in pairs[:12]]
    assert {True, False} == set(fitting)
    for index, fits in enumerate(fitting):
        if fits:
            sample = dataset[index]
            assert sample["image"].shape == (3, 64, 64)
            assert 0 < sample["mask"].mean() < 1
        else:
            with pytest.raises(DataError, match="audit the dataset"):
                dataset[index]


def _size(path):
    with Image.open(path) as image:
        return image.size


@pytest.mark.parametrize("fit", ["resize", "pad"])
def test_casia_v1_by_json_is_casia_v1_by_folder(tmp_path, fit):
    if not (SHARED / "casia1/samples").exists():
        pytest.skip("no CASIA v1 at hand")
    folder = ManiDataset(SHARED / "casia1/samples", size=256, fit=fit, edge_width=7)
    written = JsonDataset(write_pairs(folder.pairs, tmp_path / "l.json"), size=256, fit=fit, edge_width=7)
    for index in (0, 30):
        one, other = folder[index], written[index]
        assert one.keys() == other.keys()
        assert all(torch.equal(one[k], other[k]) for k in one if isinstance(one[k], torch.Tensor))
