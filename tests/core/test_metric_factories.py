"""A subclass of torchmetrics' factory is lost without a word; here it is told of."""

import warnings

import pytest
import torch
from torchmetrics import F1Score, JaccardIndex, MetricCollection
from torchmetrics.classification import BinaryF1Score, BinaryJaccardIndex

from workbook.core.metric_factories import lost_subclass, warn_of_lost_subclass
from workbook.core.metrics import PixelF1, named_metrics


@pytest.fixture
def soft_iou():
    class SoftIoU(JaccardIndex):  # as older tutorials write it
        def update(self, preds, target):
            super().update(preds.sigmoid(), target)

    yield SoftIoU
    del SoftIoU.update  # classes live on: what follows is not to be warned of


def test_torchmetrics_still_loses_the_subclass(soft_iou):
    metric = soft_iou(task="binary")
    assert not isinstance(metric, soft_iou)
    metric.update(torch.tensor([0.1]), torch.tensor([1]))  # sigmoid(0.1) is above a half
    assert metric.compute() == 0


def test_the_lost_subclass_is_found(soft_iou):
    assert lost_subclass(soft_iou(task="binary")) is soft_iou
    assert lost_subclass(soft_iou(task="multiclass", num_classes=2)) is soft_iou
    assert lost_subclass(BinaryF1Score()) is None
    assert lost_subclass(PixelF1()) is None


def test_whoever_is_given_such_a_metric_warns_and_says_what_to_derive_from(soft_iou):
    message = (
        r"SoftIoU\(JaccardIndex\): torchmetrics makes a BinaryJaccardIndex .* "
        r"derive it from torchmetrics\.classification\.BinaryJaccardIndex"
    )
    for metrics in (soft_iou(task="binary"), MetricCollection([PixelF1(), soft_iou(task="binary")])):
        with pytest.warns(UserWarning, match=message):
            named_metrics(metrics)


def test_there_is_no_warning_of_a_subclass_that_loses_nothing():
    class Named(F1Score):
        """Another name alone."""

    class Chosen(JaccardIndex):
        """Makes itself what it is."""

        def __new__(cls, **kwargs):
            return object.__new__(BinaryJaccardIndex)

        def update(self, preds, target): ...

    class SoftIoU(BinaryJaccardIndex):
        def update(self, preds, target): ...

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for metric in (Named(task="binary"), BinaryJaccardIndex(), SoftIoU(), PixelF1()):
            warn_of_lost_subclass(metric)
