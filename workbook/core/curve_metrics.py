"""Pixel scores over all thresholds: the area under the ROC curve, and F1 at the best threshold."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from workbook.core import score_curves, scores
from workbook.core.pixel_metrics import PixelScore, choice
from workbook.core.scores import Counts


class PixelAUC(PixelScore):
    """Area under the ROC curve of an image's pixels, ties as a half; undefined where all are of one kind.

    Within 1e-4 of sorting all pixels, and exact where many of them share a value. Images tampered all over
    are left out, counted in `skipped` and warned of, whatever `empty` says.

    Args:
        average: "per_image": the mean of the images' areas; "pooled": the area of all pixels together.
        threshold: what `empty="one"` takes for marked.
        empty: images without a tampered pixel: "skip" leaves them out and counts them in `skipped`; "zero"
            takes their area for 0, "one" for 1 where nothing is marked and 0 elsewhere. Pooled, the other two
            count their pixels as authentic ones.
        name: see `Score`.
        exact: sort all pixels of an image, as other implementations do, which takes ten times longer. Pooled,
            all pixels of all images, which are kept until then: 4 bytes each. Without, pooled pixels are only
            counted, and where they crowd in few levels a warning says how far off the area may be.
        **kwargs: what torchmetrics.Metric takes.

    >>> import torch
    >>> metric = PixelAUC()
    >>> metric.update(torch.tensor([[[[0.1, 0.4, 0.35, 0.8]]]]), torch.tensor([[[[0.0, 0.0, 1.0, 1.0]]]]))
    >>> metric.compute()
    tensor(0.7500, dtype=torch.float64)
    """

    levels: Tensor
    pixels: list[Tensor]

    def __init__(
        self,
        average: str = "per_image",
        threshold: float = 0.5,
        empty: str = "skip",
        name: str | None = None,
        exact: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(average=average, threshold=threshold, empty=empty, name=name, **kwargs)
        self.exact = exact
        size = score_curves.LEVELS if average == "pooled" else 0
        self.add_state("levels", default=torch.zeros(2, size, dtype=torch.int64), dist_reduce_fx="sum")
        if exact and average == "pooled":
            self.add_state("pixels", default=[], dist_reduce_fx="cat")

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """See `Score`; the pixels of a process without one are none."""
        if isinstance(getattr(self, "pixels", None), list) and not self.pixels:
            self.pixels.append(torch.zeros(0, dtype=torch.int32, device=self.device))
        super().sync(*args, **kwargs)

    def _measure(self, pred_mask: Tensor, mask: Tensor, shape_mask: Tensor | None) -> Tensor:
        rows = torch.zeros(len(mask), self.columns, dtype=torch.int64, device=mask.device)
        measured = score_curves.pixel_ranks(pred_mask, mask, shape_mask, self.exact)
        for image, (row, (ranks, levels)) in enumerate(zip(rows, measured, strict=True)):
            row[:3] = ranks
            if ranks[1] == 0:  # only where nothing is tampered does it count whether anything is marked
                seen = pred_mask[image] if shape_mask is None else pred_mask[image] * shape_mask[image]
                row[3] = seen.detach().amax() > self.threshold
            if self.average == "pooled" and (self.empty != "skip" or ranks[1] > 0):
                self.levels = self.levels + levels.to(self.device)
                if self.exact:
                    real = None if shape_mask is None else shape_mask[image]
                    keys = score_curves.pixel_keys(pred_mask[image].detach(), mask[image], real)
                    self.pixels.append(keys.to(self.device))
        return rows

    def _tampered(self, rows: Tensor) -> Tensor:
        return rows[:, 1]

    def _formula(self, rows: Tensor) -> Tensor:
        won, tampered, authentic, marked = rows.unbind(1)
        area = score_curves.auc_of_ranks(won, tampered, authentic)
        if self.empty == "skip":
            return area
        alone = (marked == 0).double() * self._undefined
        return torch.where(tampered == 0, alone, area)

    def _pool(self, rows: Tensor) -> float:
        if self._tampered(rows).sum() == 0:
            return self._formula(rows.sum(0, keepdim=True)).item()
        levels: tuple[Tensor, ...] = self.levels.cpu().unbind()
        if self.exact:
            keys = torch.cat(self.pixels) if isinstance(self.pixels, list) else self.pixels
            levels = score_curves.sorted_levels(keys.cpu())
        # in double: the pairs of many images outgrow an int64
        return score_curves.auc_of_ranks(*score_curves.ranks(*(level.double() for level in levels))).item()

    def _score(self, rows: Tensor) -> tuple[float, str]:
        value, reason = super()._score(rows)
        if self.average == "pooled" and not self.exact and value == value:
            off = score_curves.most_off(*self.levels.cpu().double())
            if off > 1e-4:
                reason = f"may be off by up to {off:.2g}: pixels crowd in few levels; exact=True sorts them"
        return value, reason


class BestPixelF1(PixelScore):
    """Pixel F1 at the threshold that suits best, of 0, 1/256, ... 255/256: what a perfect choice would reach.

    It looks at the truth to choose, so it says how well a model ranks, not how well it would do in use.

    Args:
        average: "per_image": the highest mean over the images, at one threshold for all; "own_threshold": the
            mean of the images' highest, each at a threshold of its own (often reported, and flattering);
            "pooled": the highest F1 of all pixels together.
        empty: see `PixelScore`.
        name: see `Score`.
        **kwargs: what torchmetrics.Metric takes.

    Attributes:
        best_threshold: what the last `compute` chose; NaN where every image has its own.

    >>> import torch
    >>> metric = BestPixelF1()
    >>> metric.update(torch.tensor([[[[0.3, 0.2, 0.1]]]]), torch.tensor([[[[1.0, 1.0, 0.0]]]]))
    >>> metric.compute(), round(metric.best_threshold, 3)
    (tensor(1., dtype=torch.float64), 0.102)
    """

    columns = 2 * (score_curves.STEPS + 1)

    def __init__(
        self, average: str = "per_image", empty: str = "skip", name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(empty=empty, name=name, **kwargs)
        self.average = choice(self, "average", average, ("per_image", "own_threshold", "pooled"))
        self.best_threshold = scores.NAN

    def _measure(self, pred_mask: Tensor, mask: Tensor, shape_mask: Tensor | None) -> Tensor:
        return score_curves.step_counts(pred_mask, mask, shape_mask).flatten(1)

    def _tampered(self, rows: Tensor) -> Tensor:
        return rows[:, : score_curves.STEPS + 1].sum(1)

    def _curves(self, rows: Tensor) -> Tensor:
        """F1 of each row at each threshold: (N, STEPS) float64."""
        steps = rows.view(-1, 2, score_curves.STEPS + 1)
        tp, fp = steps.flip(2).cumsum(2).flip(2)[:, :, 1:].unbind(1)  # above k/256: step k + 1 and on
        tampered, authentic = steps.sum(2, keepdim=True).unbind(1)
        return scores.f1(Counts(tp, fp, tampered - tp, authentic - fp), self._undefined)

    def _formula(self, rows: Tensor) -> Tensor:
        curves = self._curves(rows)
        if self.average == "own_threshold":
            return curves.amax(1)
        counted = self._counted(rows)
        pooled = self.average == "pooled"
        curve = self._curves(rows[counted].sum(0, keepdim=True))[0] if pooled else curves[counted].mean(0)
        best = int(curve.argmax())
        self.best_threshold = best / score_curves.STEPS
        return curves[:, best]

    def _pool(self, rows: Tensor) -> float:
        return self._formula(rows.sum(0, keepdim=True)).item()
