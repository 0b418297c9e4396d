import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2

from workbook.core.batch import collate
from workbook.core.datasets import PairDataset
from workbook.core.edge import edge_band
from workbook.core.errors import DataError, WorkbookError
from workbook.core.pairs import Pair


def write_image(path, height=20, width=30, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def write_mask(path, height=20, width=30, box=(5, 4, 15, 12), level=255):
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = Image.new("L", (width, height))
    if box:
        mask.paste(level, box)  # left, top, right, bottom
    mask.save(path)
    return path


@pytest.fixture
def pair(tmp_path):
    return Pair(write_image(tmp_path / "a.png"), write_mask(tmp_path / "a_gt.png"))


@pytest.fixture
def authentic(tmp_path):
    return Pair(write_image(tmp_path / "b.png", seed=1))


def test_a_sample_has_the_agreed_fields(pair):
    sample = PairDataset([pair])[0]
    assert set(sample) == {"image", "mask", "label", "name", "shape", "original_shape"}
    assert (sample["image"].dtype, sample["image"].shape) == (torch.uint8, (3, 20, 30))
    assert (sample["mask"].dtype, sample["mask"].shape) == (torch.float32, (1, 20, 30))
    assert (sample["label"].dtype, sample["label"].shape) == (torch.float32, ())
    assert sample["label"] == 1
    assert sample["name"] == "a.png"
    for key in ("shape", "original_shape"):
        assert sample[key].dtype == torch.int64
        assert sample[key].tolist() == [20, 30]
    assert all(type(v) is torch.Tensor for v in sample.values() if isinstance(v, torch.Tensor))


def test_image_and_mask_are_what_the_files_hold(pair):
    sample = PairDataset([pair])[0]
    assert (sample["image"].permute(1, 2, 0).numpy() == np.array(Image.open(pair.image))).all()
    expected = torch.zeros(1, 20, 30)
    expected[:, 4:12, 5:15] = 1
    assert torch.equal(sample["mask"], expected)


def test_an_authentic_image_has_an_empty_mask(authentic):
    sample = PairDataset([authentic], size=8, edge_width=3)[0]
    assert sample["mask"].sum() == sample["label"] == sample["edge_mask"].sum() == 0


@pytest.mark.parametrize(
    ("fit", "shape", "extra"), [("resize", [16, 24], set()), ("pad", [16, 24], {"shape_mask"})]
)
def test_fitting_and_edge(pair, fit, shape, extra):
    sample = PairDataset([pair], size=(16, 24), fit=fit, edge_width=7)[0]
    assert set(sample) == {"image", "mask", "label", "name", "shape", "original_shape", "edge_mask"} | extra
    assert sample["shape"].tolist() == shape
    assert sample["original_shape"].tolist() == [20, 30]
    for key in ("image", "mask", "edge_mask", *extra):
        assert list(sample[key].shape[-2:]) == [16, 24]
    assert set(sample["edge_mask"].unique().tolist()) == {0, 1}


def test_the_edge_is_drawn_before_fitting(pair):
    native = PairDataset([pair])[0]
    padded = PairDataset([pair], size=40, fit="pad", edge_width=5)[0]
    assert torch.equal(padded["edge_mask"][:, :20, :30], edge_band(native["mask"], 5))
    assert padded["edge_mask"].sum() == edge_band(native["mask"], 5).sum()


def test_fit_none_and_pad_without_size(pair):
    assert PairDataset([pair], size=8, fit=None)[0]["image"].shape == (3, 20, 30)
    assert PairDataset([pair], fit="pad")[0]["shape_mask"].sum() == 600


@pytest.mark.parametrize(("soft", "expected"), [(True, 102 / 255), (False, 0.0)])
def test_soft_and_binary_masks(tmp_path, soft, expected):
    pair = Pair(write_image(tmp_path / "a.png"), write_mask(tmp_path / "a_gt.png", level=102))
    sample = PairDataset([pair], soft=soft)[0]
    assert sample["mask"].max().item() == pytest.approx(expected)
    assert sample["label"] == 1


def test_soft_mask_from_an_alpha_channel(tmp_path):
    write_image(tmp_path / "a.png")
    matte = Image.open(tmp_path / "a.png")
    matte.putalpha(Image.linear_gradient("L").resize((30, 20)))
    matte.save(tmp_path / "a_mask.png")
    sample = PairDataset([Pair(tmp_path / "a.png", tmp_path / "a_mask.png")], soft=True)[0]
    expected = np.array(matte)[..., 3] / 255
    assert np.allclose(sample["mask"][0], expected)
    assert len(sample["mask"].unique()) > 10


def test_masks_between_are_cut_above_half(tmp_path):
    for level, expected in ((127, 0), (128, 1)):
        write_mask(tmp_path / "a_gt.png", level=level)
        pair = Pair(write_image(tmp_path / "a.png"), tmp_path / "a_gt.png")
        assert PairDataset([pair])[0]["mask"].max() == expected


def test_a_mask_of_another_size_is_refused(tmp_path):
    pair = Pair(write_image(tmp_path / "a.png"), write_mask(tmp_path / "a_gt.png", height=30, width=20))
    with pytest.raises(DataError, match=r"a\.png: is 20x30 .* mask .*a_gt\.png is 30x20; audit"):
        PairDataset([pair])[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"fit": "crop"}, "fit is 'crop'"), ({"edge_width": 4}, "edge_width is 4"), ({"size": 0}, "size is 0")],
)
def test_wrong_options_are_refused(pair, options, message):
    with pytest.raises(WorkbookError, match=message):
        PairDataset([pair], **options)


def test_no_pairs_is_refused():
    with pytest.raises(DataError, match="no pairs"):
        PairDataset([])


def test_transforms_see_tv_tensors_and_change_both(pair):
    seen = {}

    def look(sample):
        seen.update(sample)
        return sample

    plain = PairDataset([pair])[0]
    flipped = PairDataset([pair], transforms=v2.Compose([look, v2.RandomHorizontalFlip(1)]))[0]
    assert type(seen["image"]) is tv_tensors.Image
    assert type(seen["mask"]) is tv_tensors.Mask
    assert torch.equal(flipped["image"], plain["image"].flip(-1))
    assert torch.equal(flipped["mask"], plain["mask"].flip(-1))
    assert type(flipped["mask"]) is torch.Tensor


def test_shape_counts_after_transforms(pair):
    sample = PairDataset([pair], transforms=v2.Resize((10, 12)))[0]
    assert sample["shape"].tolist() == [10, 12]
    assert sample["original_shape"].tolist() == [20, 30]


def set_mask(value):
    return lambda sample: {**sample, "mask": torch.full_like(sample["mask"], value)}


@pytest.mark.parametrize(
    ("box", "transforms", "label"),
    [
        ((5, 4, 15, 12), set_mask(0.0), 0),  # the tampered part was cut off
        ((5, 4, 15, 12), set_mask(1.0), 1),
        (None, set_mask(1.0), 1),
        (None, set_mask(0.0), 1),  # an empty mask from the start says nothing about the image
        (None, None, 1),
    ],
)
def test_the_label_follows_the_mask_when_transforms_change_it(tmp_path, box, transforms, label):
    pair = Pair(write_image(tmp_path / "a.png"), write_mask(tmp_path / "a_gt.png", box=box))
    assert PairDataset([pair], transforms=transforms)[0]["label"] == label


def test_a_forgery_makes_an_authentic_image_tampered(authentic):
    assert PairDataset([authentic], transforms=set_mask(1.0))[0]["label"] == 1
    assert PairDataset([authentic], transforms=set_mask(0.0))[0]["label"] == 0


@pytest.mark.parametrize(
    ("transforms", "message"),
    [
        (lambda sample: sample["image"], "must give back the dictionary"),
        (lambda sample: {"image": sample["image"]}, "must give back the dictionary"),
        (lambda sample: {**sample, "image": sample["image"][:, :5]}, "image 5x30 and the mask 20x30"),
    ],
)
def test_transforms_that_break_the_sample_are_refused(pair, transforms, message):
    with pytest.raises(WorkbookError, match=message):
        PairDataset([pair], transforms=transforms)[0]


def test_post_func_adds_fields(pair):
    def in_place(sample):
        sample["mean"] = sample["image"].float().mean()

    sample = PairDataset([pair], size=8, post_func=[in_place, lambda s: {"twice": s["mean"] * 2}])[0]
    assert sample["twice"] == 2 * sample["image"].float().mean()
    assert PairDataset([pair], post_func=lambda s: {"one": 1})[0]["one"] == 1


def test_the_cache_reads_once_and_cannot_be_spoilt(pair):
    dataset = PairDataset([pair], cache=True)
    first = dataset[0]
    kept = {key: first[key].clone() for key in ("image", "mask")}
    first["image"].zero_()
    first["mask"].zero_()
    pair.image.unlink()
    pair.mask.unlink()
    for again in (dataset[index] for index in (0, -1)):
        assert torch.equal(again["image"], kept["image"])
        assert torch.equal(again["mask"], kept["mask"])
        again["image"].zero_()


def test_indexing_ends(pair, authentic):
    dataset = PairDataset([pair, authentic])
    assert [sample["name"] for sample in (dataset[i] for i in range(-2, 2))] == ["a.png", "b.png"] * 2
    with pytest.raises(IndexError):
        dataset[2]
    assert repr(dataset) == "PairDataset: 2 pairs, 1 of them authentic"


def test_worker_processes_give_the_same_batches(pair, authentic):
    dataset = PairDataset([pair, authentic] * 3, size=8, edge_width=3)
    here, there = (list(DataLoader(dataset, 2, collate_fn=collate, num_workers=n)) for n in (0, 2))
    for one, two in zip(here, there, strict=True):
        assert one.keys() == two.keys()
        assert all(torch.equal(one[k], two[k]) for k in one if isinstance(one[k], torch.Tensor))
