"""Pixel scores from counts: F1, IoU, accuracy, and false alarms on authentic images."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from workbook.core import scores
from workbook.core.score_inputs import check_masks
from workbook.core.score_metric import Score, choice
from workbook.core.scores import Counts

AVERAGES = ("per_image", "pooled")
EMPTY = ("skip", "zero", "one")


class PixelScore(Score):
    """A score from each image's counts of pixels.

    Args:
        average: "per_image": the mean of the images' scores; "pooled": one score of all pixels together.
        threshold: a pixel is marked where `pred_mask > threshold`.
        empty: images without a tampered pixel: "skip" leaves them out and counts them in `skipped`; "zero"
            takes the formula's 0/0 for 0 (as IMDL-BenCo does), "one" for 1 (right when nothing is marked).
            Both count false alarms on these images, pooled too.
        name: see `Score`.
        **kwargs: what torchmetrics.Metric takes.
    """

    formula: Callable[[Counts, float], Tensor]

    def __init__(
        self,
        average: str = "per_image",
        threshold: float = 0.5,
        empty: str = "skip",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(threshold=threshold, name=name, **kwargs)
        self.average = choice(self, "average", average, AVERAGES)
        self.empty = choice(self, "empty", empty, EMPTY)
        self._undefined = {"skip": scores.NAN, "zero": 0.0, "one": 1.0}[empty]

    def update(self, pred_mask: Tensor, mask: Tensor, shape_mask: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            pred_mask: (B,1,H,W), float, probabilities in [0,1].
            mask: (B,1,H,W), float, in [0,1]; a soft mask is cut at 0.5.
            shape_mask: (B,1,H,W), 1 on real pixels; padding is not counted.

        Raises:
            ModelError: `pred_mask` has another shape or type, is not finite, or holds logits.
            DataError: the same for `mask` or `shape_mask`.
        """
        check_masks(pred_mask, mask, shape_mask)
        self._add(self._measure(pred_mask, mask, shape_mask))

    @property
    def per_image_values(self) -> Tensor:
        """This process's images, in the order they came: (N,) float64, NaN where one is left out."""
        return self._values(self._all_rows())

    def _measure(self, pred_mask: Tensor, mask: Tensor, shape_mask: Tensor | None) -> Tensor:
        """The batch as rows: (B, columns) int64."""
        return torch.stack(scores.pixel_counts(pred_mask, mask, shape_mask, self.threshold), dim=1)

    def _tampered(self, rows: Tensor) -> Tensor:
        """How many tampered pixels each image has: (N,) int64."""
        return rows[:, 0] + rows[:, 2]

    def _formula(self, rows: Tensor) -> Tensor:
        """The score of each row: (N, columns) -> (N,) float64."""
        return type(self).formula(Counts(*rows.unbind(1)), self._undefined)

    def _pool(self, rows: Tensor) -> float:
        """One score of all rows together."""
        return self._formula(rows.sum(0, keepdim=True)).item()

    def _counted(self, rows: Tensor) -> Tensor:
        return (self._tampered(rows) > 0) | (self.empty != "skip")

    def _values(self, rows: Tensor) -> Tensor:
        return self._formula(rows).masked_fill(~self._counted(rows), scores.NAN)

    def _score(self, rows: Tensor) -> tuple[float, str]:
        counted = self._counted(rows)
        self.skipped = int((~counted).sum())
        if not counted.any():
            return scores.NAN, self._why(rows)
        if self.average == "pooled":
            value = self._pool(rows[counted])
            return value, "all pixels are of one kind" if math.isnan(value) else ""
        values = self._formula(rows[counted])
        one_kind = int(values.isnan().sum())
        self.skipped += one_kind
        reason = f"{one_kind} of {len(rows)} images have pixels of one kind only and are left out"
        return values.nanmean().item(), reason if one_kind else ""

    def _why(self, rows: Tensor) -> str:
        """Why no image counts."""
        if len(rows) == 0:
            return "no image was given"
        return f'none of {len(rows)} images has a tampered pixel (see empty="skip")'


class PixelF1(PixelScore):
    """Pixel F1; see `PixelScore` for the settings.

    >>> import torch
    >>> metric = PixelF1()
    >>> metric.update(torch.tensor([[[[0.9, 0.8, 0.1]]]]), torch.tensor([[[[1.0, 0.0, 1.0]]]]))
    >>> metric.compute()
    tensor(0.5000, dtype=torch.float64)
    """

    formula = staticmethod(scores.f1)


class PixelIoU(PixelScore):
    """Pixel intersection over union; see `PixelScore` for the settings.

    >>> import torch
    >>> metric = PixelIoU()
    >>> metric.update(torch.tensor([[[[0.9, 0.8, 0.1]]]]), torch.tensor([[[[1.0, 0.0, 1.0]]]]))
    >>> metric.compute()
    tensor(0.3333, dtype=torch.float64)
    """

    formula = staticmethod(scores.iou)


class PixelAccuracy(PixelScore):
    """Share of pixels judged rightly; see `PixelScore` for the settings.

    Images without a tampered pixel have an accuracy: `empty="zero"` and `empty="one"` both count it as it is.

    >>> import torch
    >>> metric = PixelAccuracy()
    >>> metric.update(torch.tensor([[[[0.9, 0.8, 0.1, 0.2]]]]), torch.tensor([[[[1.0, 0.0, 1.0, 0.0]]]]))
    >>> metric.compute()
    tensor(0.5000, dtype=torch.float64)
    """

    formula = staticmethod(scores.accuracy)


class FalseAlarmRate(PixelScore):
    """Share of the pixels of authentic images that is marked; tampered images are left out. Lower is better.

    Args:
        average: as in `PixelScore`.
        threshold: as in `PixelScore`.
        name: see `Score`.
        **kwargs: what torchmetrics.Metric takes.

    >>> import torch
    >>> metric = FalseAlarmRate()
    >>> metric.update(torch.tensor([[[[0.9, 0.1, 0.1, 0.2]]]]), torch.zeros(1, 1, 1, 4))
    >>> metric.compute()
    tensor(0.2500, dtype=torch.float64)
    """

    higher_is_better = False
    formula = staticmethod(scores.false_alarm_rate)

    def __init__(
        self, average: str = "per_image", threshold: float = 0.5, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(average=average, threshold=threshold, name=name, **kwargs)

    def _counted(self, rows: Tensor) -> Tensor:
        return self._tampered(rows) == 0

    def _why(self, rows: Tensor) -> str:
        return "no authentic image was given"
