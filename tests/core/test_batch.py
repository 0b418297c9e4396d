import pytest
import torch
from torch.utils.data import DataLoader

from workbook.core.batch import MEAN, STD, collate, denormalize, prepare_batch
from workbook.core.errors import DataError


def sample_of(height=4, width=5, name="a.jpg"):
    return {
        "image": torch.full((3, height, width), 7, dtype=torch.uint8),
        "mask": torch.ones(1, height, width),
        "label": torch.tensor(1.0),
        "name": name,
        "shape": torch.tensor([height, width]),
    }


def test_collate_stacks_and_lists():
    batch = collate([sample_of(name="a.jpg"), sample_of(name="b.jpg")])
    assert batch["image"].shape == (2, 3, 4, 5)
    assert batch["image"].dtype == torch.uint8
    assert batch["label"].shape == (2,)
    assert batch["shape"].tolist() == [[4, 5], [4, 5]]
    assert batch["name"] == ["a.jpg", "b.jpg"]
    assert "shape_mask" not in batch


def test_decoded_images_are_stacked_as_they_lie_and_the_model_gets_them_in_order():
    pixels = [torch.randint(0, 256, (4, 5, 3), dtype=torch.uint8) for _ in range(2)]
    decoded = [{"image": image.permute(2, 0, 1), "dct": image.permute(2, 0, 1)} for image in pixels]
    batch = collate(decoded)
    assert torch.equal(batch["image"], torch.stack([sample["image"] for sample in decoded]))
    assert batch["image"].is_contiguous(memory_format=torch.channels_last)
    assert batch["dct"].is_contiguous()  # a field of one's own
    ready = prepare_batch(batch)["image"]
    assert ready.is_contiguous()
    assert torch.equal(ready, prepare_batch({"image": batch["image"].contiguous()})["image"])


def test_collate_pads_samples_of_different_size():
    extra = [torch.ones(64, height, width) for height, width in ((4, 5), (6, 3))]
    samples = [{**sample_of(4, 5), "dct": extra[0]}, {**sample_of(6, 3), "dct": extra[1]}]
    batch = collate(samples)
    assert batch["image"].shape == (2, 3, 6, 5)
    assert batch["dct"].shape == (2, 64, 6, 5)
    assert batch["shape_mask"].shape == (2, 1, 6, 5)
    for row, (height, width) in enumerate(((4, 5), (6, 3))):
        assert batch["shape_mask"][row].sum() == height * width
        assert torch.equal(batch["mask"][row], batch["shape_mask"][row])  # the masks are full
        assert batch["image"][row].sum() == 3 * 7 * height * width
    assert "shape_mask" not in samples[0]  # what came in is left as it is


def test_collate_keeps_the_shape_masks_of_the_samples():
    cut = torch.zeros(1, 4, 5)
    cut[:, :2] = 1
    batch = collate(
        [{**sample_of(4, 5), "shape_mask": cut}, {**sample_of(6, 3), "shape_mask": torch.ones(1, 6, 3)}]
    )
    assert batch["shape_mask"].sum((1, 2, 3)).tolist() == [10, 18]


def test_collate_takes_tuples_and_numbers():
    batch = collate([(torch.zeros(3, 4, 4), torch.ones(1, 4, 4))] * 2)
    assert batch.keys() == {"image", "mask"}
    numbers = collate([{"quality": 70, "score": 0.5}, {"quality": 90, "score": 0.25}])
    assert numbers["quality"].tolist() == [70, 90]
    assert numbers["score"].tolist() == [0.5, 0.25]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], "no sample"),
        ([{"a": 1}, {"b": 1}], r"\['a', 'b'\]"),
        ([{"table": torch.zeros(2)}, {"table": torch.zeros(3)}], r"table: shapes \[\(2,\), \(3,\)\]"),
        ([torch.zeros(3)], "a sample is a Tensor"),
    ],
)
def test_collate_says_what_is_wrong(samples, message):
    with pytest.raises(DataError, match=message):
        collate(samples)


@pytest.mark.parametrize("size", [(5, 7), (1, 7), (5, 1), (1, 1)])
def test_prepare_batch_normalises_alike_however_the_bytes_lie(size):
    levels = torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    ready = prepare_batch({"image": levels})["image"]
    assert ready.is_contiguous()
    assert torch.equal(ready, prepare_batch({"image": levels.contiguous()})["image"])
    std = torch.tensor(STD).view(3, 1, 1)
    assert torch.allclose(ready, (levels / 255 - torch.tensor(MEAN).view(3, 1, 1)) / std, atol=1e-5)


@pytest.mark.parametrize("size", [(5, 7), (1, 7), (5, 1), (1, 1)])
@pytest.mark.parametrize("kind", ["decoded", "planar", "float"])
def test_prepare_batch_gives_the_same_numbers_channels_last(size, kind):
    image = torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    image = {"decoded": image, "planar": image.contiguous(), "float": image.contiguous() / 255}[kind]
    ready = prepare_batch({"image": image}, memory_format=torch.channels_last)["image"]
    assert ready.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(ready, prepare_batch({"image": image})["image"])


@pytest.mark.parametrize("cached", [1, 2 * 3 * 4 * 5, 10**6])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_prepare_batch_gives_the_same_numbers_however_many_images_at_a_time(
    monkeypatch, cached, memory_format
):
    monkeypatch.setattr("workbook.core.batch.CACHED", cached)
    levels = torch.randint(0, 256, (5, 3, 4, 5), dtype=torch.uint8)
    ready = prepare_batch({"image": levels}, memory_format=memory_format)["image"]
    alone = [prepare_batch({"image": levels[i : i + 1]})["image"] for i in range(5)]
    assert torch.equal(ready, torch.cat(alone))


def test_an_empty_batch_stays_empty():
    assert prepare_batch({"image": torch.zeros(0, 3, 4, 5, dtype=torch.uint8)})["image"].shape == (0, 3, 4, 5)


def test_prepare_batch_normalises_uint8_by_hand():
    levels = torch.tensor([0, 128, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    image = prepare_batch({"image": levels})["image"]
    expected = [(level / 255 - mean) / std for level, mean, std in zip((0, 128, 255), MEAN, STD, strict=True)]
    assert image.dtype == torch.float32
    assert image.flatten().tolist() == pytest.approx(expected, abs=1e-5)
    assert levels.dtype == torch.uint8


def test_prepare_batch_takes_a_float_image_as_it_is():
    image = torch.randn(2, 4, 5, 5, dtype=torch.float64)
    assert torch.equal(prepare_batch({"image": image})["image"], image.float())


def test_prepare_batch_brings_truths_into_form():
    batch = {
        "image": torch.zeros(2, 3, 4, 4),
        "mask": torch.ones(2, 4, 4, dtype=torch.int64),
        "edge_mask": torch.zeros(2, 1, 4, 4, dtype=torch.bool),
        "shape_mask": torch.ones(2, 1, 4, 4, dtype=torch.uint8),
        "label": torch.tensor([0, 1]),
        "name": ["a", "b"],
    }
    ready = prepare_batch(batch)
    for key in ("mask", "edge_mask", "shape_mask"):
        assert ready[key].shape == (2, 1, 4, 4)
        assert ready[key].dtype == torch.float32
    assert ready["label"].dtype == torch.float32
    assert ready["name"] == ["a", "b"]
    assert batch["mask"].dtype == torch.int64


def test_prepare_batch_moves_to_the_device():
    ready = prepare_batch(collate([sample_of()]), "meta")
    assert {value.device.type for value in ready.values() if isinstance(value, torch.Tensor)} == {"meta"}


@pytest.mark.parametrize("key", ["mask", "edge_mask", "shape_mask"])
@pytest.mark.parametrize("value", [255.0, float("nan"), -1.0, float("inf")])
def test_truths_outside_0_to_1_are_refused(key, value):
    mask = torch.zeros(1, 1, 4, 4)
    mask[0, 0, 1, 1] = value
    with pytest.raises(DataError, match=f"^{key}: values run from"):
        prepare_batch({"image": torch.zeros(1, 3, 4, 4), key: mask})


def test_a_mask_of_nan_is_not_told_to_divide_by_255():
    with pytest.raises(DataError, match=r"mask: values run from nan to nan.*look at the file"):
        prepare_batch({"mask": torch.full((1, 1, 2, 2), float("nan"))})
    with pytest.raises(DataError, match=r"from 0 to 255.*divide 0/255 levels"):
        prepare_batch({"mask": torch.tensor([0.0, 255.0]).view(1, 1, 1, 2)})


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"image": torch.zeros(1, 3, 4, 4), "label": ["fake"]}, "label: is .fake. and"),
        ({"image": torch.zeros(3, 4, 4)}, r"image: is of shape \(3, 4, 4\)"),
        ({"image": torch.zeros(1, 3, 4, 4, dtype=torch.int64)}, "image: is torch.int64"),
        ({"image": torch.zeros(1, 1, 4, 4, dtype=torch.uint8)}, "image: has 1 channels"),
        ({"image": ["a"]}, "image: is a list"),
        ({"mask": torch.zeros(4, 4)}, r"mask: is of shape \(4, 4\)"),
        ((torch.zeros(1), torch.zeros(1), torch.zeros(1)), "a sample is a tuple"),
    ],
)
def test_prepare_batch_says_what_is_wrong(batch, message):
    with pytest.raises(DataError, match=message):
        prepare_batch(batch)


def test_a_loader_of_tuples_is_accepted():
    pairs = [(torch.zeros(3, 4, 4), torch.ones(4, 4)) for _ in range(4)]
    (batch,) = DataLoader(pairs, batch_size=4)
    ready = prepare_batch(batch)
    assert ready["mask"].shape == (4, 1, 4, 4)


@pytest.mark.parametrize("batched", [True, False])
def test_denormalize_gives_the_levels_back(batched):
    levels = torch.arange(192, dtype=torch.uint8).view(1, 3, 8, 8)
    image = prepare_batch({"image": levels})["image"].requires_grad_()
    shown = denormalize(image if batched else image[0])
    assert not shown.requires_grad
    assert torch.allclose(shown * 255, (levels if batched else levels[0]).float(), atol=1e-3)


def test_denormalize_stays_in_the_range():
    shown = denormalize(torch.tensor([-100.0, 100.0]).view(1, 1, 1, 2).expand(1, 3, 1, 2))
    assert shown.amin() == 0
    assert shown.amax() == 1
