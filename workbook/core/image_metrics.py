"""Image scores: F1, accuracy and AUC of the one probability a model gives an image."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from workbook.core import score_curves, scores
from workbook.core.score_inputs import check_labels
from workbook.core.score_metric import Score
from workbook.core.scores import Counts


class ImageScore(Score):
    """A score from each image's probability and label.

    Args:
        threshold: an image is called tampered where `pred_label > threshold`.
        name: see `Score`.
        **kwargs: what torchmetrics.Metric takes.
    """

    columns = 2

    def __init__(self, threshold: float = 0.5, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(threshold=threshold, name=name, **kwargs)

    def update(self, pred_label: Tensor, label: Tensor) -> None:
        """Add a batch.

        Args:
            pred_label: (B,), (B,1) or (), float, probabilities in [0,1].
            label: the same shape, float, 1 = tampered, 0 = authentic.

        Raises:
            ModelError: `pred_label` has another shape or type, is not finite, or holds logits.
            DataError: `label` has another shape or type, or another value than 0 and 1.
        """
        pred_label, label = check_labels(pred_label, label)
        # From 0 up, floats are in the order of their bits read as integers: exact, and one kind of row
        self._add(torch.stack([pred_label.float().view(torch.int32).long(), label.long()], dim=1))

    def _counts(self, rows: Tensor) -> Counts:
        marked, tampered = self._probabilities(rows) > self.threshold, rows[:, 1] == 1
        return Counts(
            (marked & tampered).sum(),
            (marked & ~tampered).sum(),
            (~marked & tampered).sum(),
            (~marked & ~tampered).sum(),
        )

    @staticmethod
    def _probabilities(rows: Tensor) -> Tensor:
        return rows[:, 0].int().view(torch.float32)


class ImageF1(ImageScore):
    """Image F1; undefined without a tampered image.

    >>> metric = ImageF1()
    >>> metric.update(torch.tensor([0.9, 0.8, 0.1]), torch.tensor([1.0, 0.0, 1.0]))
    >>> metric.compute()
    tensor(0.5000, dtype=torch.float64)
    """

    def _score(self, rows: Tensor) -> tuple[float, str]:
        counts = self._counts(rows)
        if counts.tp + counts.fn == 0:
            return scores.NAN, f"none of {len(rows)} images is tampered"
        return scores.f1(counts).item(), ""


class ImageAccuracy(ImageScore):
    """Share of images judged rightly.

    >>> metric = ImageAccuracy()
    >>> metric.update(torch.tensor([0.9, 0.8, 0.1, 0.2]), torch.tensor([1.0, 0.0, 1.0, 0.0]))
    >>> metric.compute()
    tensor(0.5000, dtype=torch.float64)
    """

    def _score(self, rows: Tensor) -> tuple[float, str]:
        return scores.accuracy(self._counts(rows)).item(), "" if len(rows) else "no image was given"


class ImageAUC(ImageScore):
    """Area under the ROC curve of the images' probabilities, ties as a half; undefined with one class only.

    >>> metric = ImageAUC()
    >>> metric.update(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([0.0, 0.0, 1.0, 1.0]))
    >>> metric.compute()
    tensor(0.7500, dtype=torch.float64)
    """

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def _score(self, rows: Tensor) -> tuple[float, str]:
        tampered = rows[:, 1] == 1
        if tampered.all() or not tampered.any():
            return (
                scores.NAN,
                f"{int(tampered.sum())} of {len(rows)} images are tampered; it compares both kinds",
            )
        return score_curves.auc(self._probabilities(rows), tampered).item(), ""
