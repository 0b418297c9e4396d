import pytest
import torch
import torchmetrics
from torch import nn

from workbook.core import PixelF1, PixelIoU, Segmenter, collate, run_model, validate
from workbook.core.batch import prepare_batch
from workbook.core.errors import DataError, WorkbookError


def batches(*sizes):
    torch.manual_seed(1)
    return [
        collate(
            [{"image": torch.rand(3, 8, 8), "mask": (torch.rand(1, 8, 8) > 0.5).float()} for _ in range(size)]
        )
        for size in sizes
    ]


def model():
    torch.manual_seed(0)
    return Segmenter(
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.Dropout(0.5), nn.Conv2d(4, 1, 1)), loss=nn.BCELoss()
    )


def test_the_loss_is_the_mean_over_images_and_the_scores_are_of_all(monkeypatch):
    net, loader = model().eval(), batches(4, 4, 1)
    whole = collate([{k: batch[k][i] for k in batch} for batch in loader for i in range(len(batch["image"]))])
    outputs = run_model(net, prepare_batch(whole))
    referee = torchmetrics.classification.BinaryAccuracy()
    expected = referee(outputs["pred_mask"], whole["mask"].int()).item()
    net.train()
    scores = validate(net, loader, [PixelF1(average="pooled"), torchmetrics.classification.BinaryAccuracy()])
    assert list(scores) == ["valid_loss", "pixel_f1", "binary_accuracy"]
    assert scores["valid_loss"] == pytest.approx(outputs["backward_loss"].item(), abs=1e-6)
    assert scores["binary_accuracy"] == pytest.approx(expected, abs=1e-6)
    assert net.training  # as it was


def test_metrics_start_anew_and_no_gradient_is_kept():
    net, loader, metric = model(), batches(2), PixelF1()
    seen = []
    validate(net, batches(5), [metric])  # of other images
    first = validate(net, loader, [PixelF1()])
    again = validate(
        net, loader, [metric], on_batch=lambda n, batch, outputs: seen.append((n, batch, outputs))
    )
    assert again == first
    assert [n for n, _, _ in seen] == [0]
    assert seen[0][1]["image"].dtype == torch.float32
    assert not seen[0][2]["pred_mask"].requires_grad


def test_the_mode_comes_back_after_an_error():
    net = model().train()
    with pytest.raises(KeyError):
        validate(net, batches(2), [], on_batch=lambda *_: {}["none"])
    assert net.training


def test_two_metrics_of_one_name_are_refused_before_the_model_runs():
    with pytest.raises(WorkbookError, match="two metrics are called pixel_f1"):
        validate(None, batches(2), [PixelF1(), PixelF1(average="pooled")], device="cpu", signature=object())


class SoftIoU(torchmetrics.classification.BinaryJaccardIndex):
    """A user's own, as published notebooks derive it."""


@pytest.mark.parametrize("used", [False, True], ids=["new", "used before"])
def test_a_collection_gives_what_its_members_give(used):
    net, loader = model(), batches(3, 2)
    collection = torchmetrics.MetricCollection([PixelF1(), PixelIoU(), SoftIoU()])
    if used:  # its members share their states from the first batch on
        validate(net, batches(5, 4), collection)
    alone = validate(net, loader, [PixelF1(), PixelIoU(), SoftIoU()])
    assert validate(net, loader, collection) == alone
    assert list(alone) == ["valid_loss", "pixel_f1", "pixel_iou", "soft_iou"]
    assert validate(net, loader, [collection, PixelF1(name="other")]) == alone | {"other": alone["pixel_f1"]}


def test_an_empty_loader_is_refused():
    with pytest.raises(DataError, match="the loader gave no batch"):
        validate(model(), [], [PixelF1()])


def test_without_masks_there_is_no_loss():
    assert validate(model(), [{"image": torch.rand(2, 3, 8, 8)}], []) == {}
