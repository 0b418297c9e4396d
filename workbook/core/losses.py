"""Losses on probabilities: each is `loss(preds, target, shape_mask=None)` and returns a scalar.

Computed in float32 whatever comes in, because a bfloat16 has no number between 0.996 and 1.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workbook.core.errors import DataError, ModelError, WorkbookError
from workbook.core.naming import snake_case

AS_PAIRS = "write WeightedSum((BCE(), 1.0), (Dice(), 0.5))"
TINY = 1e-7  # keeps log(p) finite, and its gradient alive, where a probability is exactly 0 or 1


class MaskLoss(nn.Module):
    """Base of the losses: checks what comes in, hands float32 on.

    Subclasses define `compare(preds, target, real)`, all (B,1,H,W) float32; `real` is 1 where a pixel counts.
    """

    def forward(self, preds: Tensor, target: Tensor, shape_mask: Tensor | None = None) -> Tensor:
        """The loss of a batch.

        Args:
            preds: (B,1,H,W), probabilities in [0,1], any float type.
            target: (B,1,H,W), in [0,1], hard or soft.
            shape_mask: (B,1,H,W), 1 on real pixels, 0 on padding, which then has no influence at all.

        Returns:
            () float32.

        Raises:
            ModelError: `preds` are of another shape than `target`, or are not probabilities.
            DataError: `target` does not lie in [0,1], or `shape_mask` has another shape.
        """
        if preds.shape != target.shape:
            alike = preds.ndim == target.ndim
            raise ModelError(
                f"pred_mask has shape {tuple(preds.shape)} and mask {tuple(target.shape)}; "
                + ("resize the prediction to the size of the mask" if alike else "give both as (B, 1, H, W)")
            )
        if shape_mask is not None and shape_mask.shape != target.shape:
            raise DataError(
                f"shape_mask has shape {tuple(shape_mask.shape)} and mask {tuple(target.shape)}; "
                "give each image one shape_mask of the mask's size"
            )
        self._check_values(preds, target)
        real = torch.ones_like(target, dtype=torch.float32) if shape_mask is None else shape_mask.float()
        with torch.autocast(preds.device.type, enabled=False):
            return self.compare(preds.float(), target.float(), real)

    def compare(self, preds: Tensor, target: Tensor, real: Tensor) -> Tensor:
        """The formula of the loss."""
        raise NotImplementedError

    def _check_values(self, preds: Tensor, target: Tensor) -> None:
        _check_range("pred_mask", preds, ModelError, "pass probabilities: torch.sigmoid(logits)")
        _check_range("mask", target, DataError, "divide a mask of 0 and 255 by 255")


def _check_range(name: str, value: Tensor, error: type[WorkbookError], fix: str) -> None:
    if value.device.type != "cpu" or value.numel() == 0 or torch.compiler.is_compiling():
        return  # reading a value back would make the accelerator wait in every step; check_model has looked
    low, high = (bound.item() for bound in torch.aminmax(value.detach()))
    if low < 0 or high > 1:  # NaN passes: the trainer stops on it and names the files
        raise error(f"{name} lies in [{low:g}, {high:g}], not in [0, 1]; {fix}")


class BCE(MaskLoss):
    """Binary cross-entropy, the mean over all real pixels of the batch.

    >>> BCE()(torch.full((1, 1, 2, 2), 0.5), torch.ones(1, 1, 2, 2))
    tensor(0.6931)
    """

    def compare(self, preds: Tensor, target: Tensor, real: Tensor) -> Tensor:
        """The formula of the loss."""
        return _mean(_cross_entropy(preds, target), real)


def _cross_entropy(preds: Tensor, target: Tensor) -> Tensor:
    squeezed = TINY + (1 - 2 * TINY) * preds  # a clamp would cut the gradient off exactly where it is needed
    return -(target * squeezed.log() + (1 - target) * (1 - squeezed).log())


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp_min(1)


class SoftIoU(MaskLoss):
    r"""One minus the intersection over union, without a threshold, the mean over the images.

    $1 - \sum\min(p,t) / \sum\max(p,t)$: for a hard target the usual product form, for a soft one the form
    whose minimum lies at p = t (Wang et al., "Jaccard Metric Losses", NeurIPS 2023). An image without a
    tampered pixel has no IoU; its loss is the mean of p: 0 when nothing is marked, 1 when everything is, and
    a gradient all the way between.

    >>> SoftIoU()(torch.tensor([[[[1.0, 1.0, 0.0]]]]), torch.tensor([[[[1.0, 0.0, 0.0]]]]))
    tensor(0.5000)
    """

    def compare(self, preds: Tensor, target: Tensor, real: Tensor) -> Tensor:
        """The formula of the loss."""
        both, either = _overlap(preds, target, real)
        return _or_share_marked(1 - both / either.clamp_min(TINY), preds, target, real)


class Dice(MaskLoss):
    r"""One minus Dice (F1), without a threshold, the mean over the images: $1 - 2\sum\min(p,t) / \sum(p+t)$.

    An image without a tampered pixel is treated as in `SoftIoU`.

    >>> Dice()(torch.tensor([[[[1.0, 1.0, 0.0]]]]), torch.tensor([[[[1.0, 0.0, 0.0]]]]))
    tensor(0.3333)
    """

    def compare(self, preds: Tensor, target: Tensor, real: Tensor) -> Tensor:
        """The formula of the loss."""
        both, either = _overlap(preds, target, real)
        return _or_share_marked(1 - 2 * both / (both + either).clamp_min(TINY), preds, target, real)


def _overlap(preds: Tensor, target: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    both = (torch.minimum(preds, target) * real).flatten(1).sum(1)  # (B,)
    either = (torch.maximum(preds, target) * real).flatten(1).sum(1)
    return both, either


def _or_share_marked(loss: Tensor, preds: Tensor, target: Tensor, real: Tensor) -> Tensor:
    """The mean of `loss` (B,), an image with nothing to find giving the share of it that is marked."""
    share = (preds * real).flatten(1).sum(1) / real.flatten(1).sum(1).clamp_min(1)
    empty = (target * real).flatten(1).sum(1) == 0
    return torch.where(empty, share, loss).mean()


class Focal(MaskLoss):
    r"""Focal loss: cross-entropy weighted by $|t - p|^\gamma$, so that easy pixels count less; a mean.

    For hard targets Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017; for soft ones the form
    of Li et al., "Generalized Focal Loss", NeurIPS 2020, whose minimum lies at p = t.

    Args:
        gamma: how much easy pixels are played down; 0 leaves cross-entropy.
        alpha: weight of tampered pixels against 1 - alpha for authentic ones; None for no such weight.

    >>> Focal(gamma=2.0, alpha=None)(torch.full((1, 1, 2, 2), 0.5), torch.ones(1, 1, 2, 2))  # 0.25 ln 2
    tensor(0.1733)
    """

    def __init__(self, gamma: float = 2.0, alpha: float | None = 0.25) -> None:
        super().__init__()
        if gamma < 0 or not 0 <= (0.5 if alpha is None else alpha) <= 1:
            raise WorkbookError(
                f"Focal: gamma is {gamma} and alpha {alpha}; give gamma >= 0 and alpha in [0, 1]"
            )
        self.gamma, self.alpha = gamma, alpha

    def compare(self, preds: Tensor, target: Tensor, real: Tensor) -> Tensor:
        """The formula of the loss."""
        # below a gamma of 1 the power has no finite slope at 0
        hardness = (target - preds).abs().clamp_min(TINY) ** self.gamma
        loss = hardness * _cross_entropy(preds, target)
        if self.alpha is not None:
            loss = loss * (self.alpha * target + (1 - self.alpha) * (1 - target))
        return _mean(loss, real)


class EdgeWeighted(MaskLoss):
    """Cross-entropy in which pixels near the boundary of the tampered region weigh more; a weighted mean.

    Args:
        weight: how much more: a pixel in the band weighs 1 + weight.
        edge_width: width of the band in pixels, odd.

    >>> EdgeWeighted()(torch.full((1, 1, 9, 9), 0.5), torch.zeros(1, 1, 9, 9))  # no boundary: cross-entropy
    tensor(0.6931)
    """

    def __init__(self, weight: float = 4.0, edge_width: int = 7) -> None:
        super().__init__()
        if weight < 0 or not isinstance(edge_width, int) or edge_width < 1 or edge_width % 2 == 0:
            raise WorkbookError(
                f"EdgeWeighted: weight is {weight} and edge_width {edge_width}; "
                "give a weight from 0 up and an odd width"
            )
        self.weight, self.edge_width = weight, edge_width

    def compare(self, preds: Tensor, target: Tensor, real: Tensor) -> Tensor:
        """The formula of the loss."""
        weight = real * (1 + self.weight * self.band(target, real))
        return _mean(_cross_entropy(preds, target), weight)

    def band(self, target: Tensor, real: Tensor) -> Tensor:
        """Where the target changes within half the width: (B,1,H,W) in [0,1]. Padding has no rim."""
        highest = self._highest_around(target * real)
        lowest = 1 - self._highest_around((1 - target) * real)
        return (highest - lowest).clamp_min(0)

    def _highest_around(self, values: Tensor) -> Tensor:
        size, around = self.edge_width, self.edge_width // 2
        rows = F.max_pool2d(values, (1, size), stride=1, padding=(0, around))  # a square is a row of columns
        return F.max_pool2d(rows, (size, 1), stride=1, padding=(around, 0))


class WeightedSum(nn.Module):
    """A sum of losses by weights; a loss from elsewhere, `loss(preds, target)`, may be among them.

    Args:
        *parts: pairs `(loss, weight)`; a loss is an `nn.Module`.

    Raises:
        WorkbookError: no part, one that is no such pair, or a weight that is not finite.

    >>> loss = WeightedSum((BCE(), 1.0), (Dice(), 0.5))
    >>> preds, target = torch.full((1, 1, 2, 2), 0.5), torch.ones(1, 1, 2, 2)
    >>> {name: round(part.item(), 3) for name, part in loss.parts(preds, target).items()}
    {'bce': 0.693, 'dice': 0.333}
    >>> loss(preds, target)
    tensor(0.8598)
    """

    def __init__(self, *parts: tuple[nn.Module, float]) -> None:
        super().__init__()
        if not parts:
            raise WorkbookError(f"WeightedSum: no loss was given; {AS_PAIRS}")
        for part in parts:
            if not (isinstance(part, tuple | list) and len(part) == 2 and isinstance(part[0], nn.Module)):
                raise WorkbookError(
                    f"WeightedSum: {part!r} is no pair of a module and its weight; {AS_PAIRS}"
                )
            if not isinstance(part[1], int | float) or not math.isfinite(part[1]):
                raise WorkbookError(f"WeightedSum: {part[1]!r} is no weight; give a finite number")
        self.losses = nn.ModuleList(loss for loss, _ in parts)
        self.weights = [float(weight) for _, weight in parts]

    def forward(self, preds: Tensor, target: Tensor, shape_mask: Tensor | None = None) -> Tensor:
        """The weighted sum; arguments as `MaskLoss.forward`."""
        values = self.parts(preds, target, shape_mask).values()
        return torch.stack([weight * value for weight, value in zip(self.weights, values, strict=True)]).sum()

    def parts(self, preds: Tensor, target: Tensor, shape_mask: Tensor | None = None) -> dict[str, Tensor]:
        """Each loss by its name, unweighted: one curve each."""
        found: dict[str, Tensor] = {}
        preds, target = preds.float(), target.float()
        with torch.autocast(preds.device.type, enabled=False):  # which torch's own cross-entropy refuses
            for number, loss in enumerate(self.losses):
                given: tuple[Tensor, ...] = (preds, target)
                if shape_mask is not None and "shape_mask" in inspect.signature(loss.forward).parameters:
                    given += (shape_mask,)
                elif shape_mask is not None:  # from elsewhere: a right answer on padding
                    given = (preds * shape_mask, target * shape_mask)
                name = loss_name(loss)
                found[f"{name}_{number}" if name in found else name] = loss(*given)
        return found


def loss_name(loss: Callable[..., Tensor]) -> str:
    """A loss's name on a curve: `SoftIoU()` -> "soft_iou".

    >>> [loss_name(loss) for loss in (BCE(), SoftIoU(), EdgeWeighted(), F.l1_loss)]
    ['bce', 'soft_iou', 'edge_weighted', 'l1_loss']
    """
    return snake_case(getattr(loss, "__name__", type(loss).__name__))
