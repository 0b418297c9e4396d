"""Names of metrics, and how they are fed: ours, torchmetrics' and a user's own."""

import pytest
import torch
from torchmetrics import JaccardIndex, Metric, MetricCollection
from torchmetrics.classification import BinaryAUROC, BinaryF1Score, BinaryJaccardIndex, MulticlassJaccardIndex
from torchmetrics.segmentation import DiceScore

from workbook.core.errors import DataError, ModelError, WorkbookError
from workbook.core.metrics import (
    ImageAUC,
    PixelF1,
    PixelIoU,
    listed_metrics,
    metric_name,
    metric_values,
    named_metrics,
    update_metric,
)

OUTPUTS = {"pred_mask": torch.tensor([[[[0.9, 0.8, 0.1, 0.2]]]]), "pred_label": torch.tensor([0.9])}
BATCH = {"mask": torch.tensor([[[[1.0, 0.0, 0.9, 0.0]]]]), "label": torch.tensor([1.0]), "name": ["a.png"]}


class SoftIoU(BinaryJaccardIndex):
    """A user's subclass: prepares what comes in, and leaves the rest to torchmetrics."""

    def update(self, preds, target):
        super().update(preds.flatten(1), target.flatten(1))


class Named(JaccardIndex):
    """Subclassing the factory, as published notebooks do: torchmetrics hands out its own class."""


class MeanError(Metric):
    """A user's metric on soft masks."""

    def __init__(self):
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, preds, target, **kwargs):
        self.total += (preds - target).abs().mean()

    def compute(self):
        return self.total


def test_names():
    assert metric_name(PixelF1(name="mine")) == "mine"
    found = [
        metric_name(metric) for metric in (PixelIoU(), ImageAUC(), BinaryF1Score(), SoftIoU(), MeanError())
    ]
    assert found == ["pixel_iou", "image_auc", "binary_f1_score", "soft_iou", "mean_error"]


def test_two_metrics_of_one_name_are_refused():
    with pytest.raises(WorkbookError, match="two metrics are called pixel_f1"):
        named_metrics([PixelF1(), PixelIoU(), PixelF1(empty="zero")])
    assert list(named_metrics([PixelIoU(), PixelF1(), PixelF1(name="other")])) == [
        "pixel_iou",
        "pixel_f1",
        "other",
    ]


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        (MetricCollection([PixelF1(name="mine"), SoftIoU()]), ["mine", "soft_iou"]),
        (MetricCollection({"a": PixelF1(), "b": SoftIoU()}), ["a", "b"]),
        (
            [MetricCollection([PixelIoU()], prefix="x/", postfix="_y"), PixelIoU()],
            ["x/pixel_iou_y", "pixel_iou"],
        ),
        (PixelF1(), ["pixel_f1"]),
    ],
)
def test_a_collections_members_have_names_of_their_own(metrics, names):
    assert list(named_metrics(metrics)) == names
    assert all(isinstance(metric, Metric) for metric in named_metrics(metrics).values())


def test_names_are_told_apart_across_collections():
    with pytest.raises(WorkbookError, match=r"two metrics are called binary_f1_score; .* metric\.name"):
        named_metrics([MetricCollection([BinaryF1Score()]), BinaryF1Score()])
    other = BinaryF1Score()
    other.name = "other"  # torchmetrics' own take no name=
    assert list(named_metrics([BinaryF1Score(), other])) == ["binary_f1_score", "other"]


def test_what_is_no_metric_is_refused():
    with pytest.raises(WorkbookError, match="metrics holds 'pixel_f1'; give torchmetrics"):
        listed_metrics(["pixel_f1"])
    with pytest.raises(WorkbookError, match="metrics holds 'pixel_f1'; give torchmetrics"):
        listed_metrics("pixel_f1")


def test_values_are_one_number_each():
    several = JaccardIndex(task="multiclass", num_classes=2, average="none")
    one = PixelF1()
    for metric in (several, one):
        update_metric(metric, OUTPUTS | {"preds": (OUTPUTS["pred_mask"] > 0.5).long()}, BATCH)
    assert metric_values([one]) == {"pixel_f1": 0.5}
    with pytest.raises(
        WorkbookError, match=r"^multiclass_jaccard_index gives several numbers \(of shape \(2,\)\)"
    ):
        metric_values([one, several])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (PixelF1(), 0.5),
        (BinaryF1Score(), 0.5),
        (SoftIoU(), 1 / 3),
        (Named(task="binary"), 1 / 3),
        (BinaryAUROC(), 0.5),
        (MeanError(), (0.1 + 0.8 + 0.8 + 0.2) / 4),  # the soft mask as it is
    ],
)
def test_any_metric_is_fed_by_the_names_in_its_update(metric, expected):
    update_metric(metric, OUTPUTS, BATCH)
    assert metric.compute().item() == pytest.approx(expected)


def test_padding_reaches_the_metrics_that_ask_for_it():
    metric = PixelF1()
    update_metric(metric, OUTPUTS, {**BATCH, "shape_mask": torch.tensor([[[[1.0, 0.0, 0.0, 1.0]]]])})
    assert metric.compute().item() == 1


def test_torchmetrics_segmentation_gets_what_it_counts():
    ours, theirs = PixelF1(), DiceScore(num_classes=1)
    for metric in (ours, theirs):
        update_metric(metric, OUTPUTS, BATCH)
    assert theirs.compute().item() == pytest.approx(ours.compute().item())  # of uncut maps it makes 1
    with pytest.raises(WorkbookError, match="dice_score: takes predictions cut"):
        update_metric(MetricCollection([BinaryAUROC(), DiceScore(num_classes=1)]), OUTPUTS, BATCH)
    alone = MetricCollection([DiceScore(num_classes=1)])
    update_metric(alone, OUTPUTS, BATCH)
    assert alone.compute()["DiceScore"].item() == pytest.approx(ours.compute().item())


def test_metrics_of_classes_are_refused_unless_they_make_the_classes_themselves():
    class Prepared(MulticlassJaccardIndex):
        def update(self, preds, target):
            super().update((preds > 0.5).long(), target)

    plain, prepared = MulticlassJaccardIndex(num_classes=2), Prepared(num_classes=2)
    for metrics in (plain, MetricCollection([plain])):
        with pytest.raises(WorkbookError, match="probability a pixel; take BinaryJaccardIndex"):
            update_metric(metrics, OUTPUTS, BATCH)
    update_metric(prepared, OUTPUTS, BATCH)
    assert prepared.compute().item() == pytest.approx(1 / 3)  # of both classes


def test_a_collection_is_fed_whole():
    collection = MetricCollection([PixelF1(), BinaryJaccardIndex(), MeanError()])
    update_metric(collection, OUTPUTS, BATCH)
    assert collection.compute()["PixelF1"].item() == 0.5


def test_a_field_that_the_model_does_not_return():
    with pytest.raises(
        ModelError, match=r"^image_auc needs pred_label, which the model does not return \(it"
    ):
        update_metric(ImageAUC(), {"pred_mask": OUTPUTS["pred_mask"]}, BATCH)
    with pytest.raises(ModelError, match=r"^image_auc needs pred_label"):
        update_metric(MetricCollection([ImageAUC()]), {"pred_mask": OUTPUTS["pred_mask"]}, BATCH)
    with pytest.raises(ModelError, match=r"^binary_f1_score needs pred_mask"):
        update_metric(BinaryF1Score(), {"pred_label": OUTPUTS["pred_label"]}, BATCH)


def test_a_field_that_the_batch_does_not_carry():
    missing = r"^image_auc needs label, which the batch does not carry \(mask\); let the dataset give it"
    with pytest.raises(DataError, match=missing):
        update_metric(ImageAUC(), OUTPUTS, {"mask": BATCH["mask"]})

    class Misspelt(MeanError):
        def update(self, preds, masks):
            """Asks for a field that is called otherwise."""

    with pytest.raises(DataError, match=r"needs masks.*did you mean mask"):
        update_metric(Misspelt(), OUTPUTS, BATCH)
