"""From logits to the dictionary that a model returns; shared by the models of notebook 2."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from workbook.core.losses import WeightedSum
from workbook.core.segmenter import top_mean


def mask_output(
    logits: torch.Tensor, mask: torch.Tensor | None, shape_mask: torch.Tensor | None, loss: nn.Module
) -> dict[str, Any]:
    """A model's output made of its map alone.

    Probabilities and loss are computed in float32, also under autocast: a bf16 sigmoid has no value between
    0.996 and 1.

    Args:
        logits: (B, 1, H, W).
        mask: the truth (B, 1, H, W), or None to predict only.
        shape_mask: 1 where a pixel is real (B, 1, H, W), or None.
        loss: `loss(pred_mask, mask, shape_mask=None)` on probabilities; each part of a `WeightedSum` gets a
        curve.

    Returns:
        `pred_mask`, `pred_label` (the `top_mean` of the map) and `visual_image`; with a mask also
        `backward_loss` and `visual_loss`.

    >>> from workbook.core.losses import BCE
    >>> output = mask_output(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2), None, BCE())
    >>> output["pred_label"], output["backward_loss"]
    (tensor([0.5000]), tensor(0.6931))
    """
    pred_mask = logits.float().sigmoid()  # (B, 1, H, W)
    shown = pred_mask.detach()
    output: dict[str, Any] = {
        "pred_mask": pred_mask,
        "pred_label": top_mean(shown, shape_mask),
        "visual_image": {"pred_mask": shown},
    }
    if mask is not None:
        with torch.autocast(logits.device.type, enabled=False):
            total, curves = _loss_and_curves(loss, pred_mask, mask.float(), shape_mask)
        output["backward_loss"] = total
        output["visual_loss"] = curves
    return output


def _loss_and_curves(
    loss: nn.Module, pred_mask: torch.Tensor, mask: torch.Tensor, shape_mask: torch.Tensor | None
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    if not isinstance(loss, WeightedSum):
        total = loss(pred_mask, mask, shape_mask=shape_mask)
        return total, {"loss": total.detach()}
    parts = loss.parts(pred_mask, mask, shape_mask)
    total = torch.stack([w * part for w, part in zip(loss.weights, parts.values(), strict=True)]).sum()
    return total, {"loss": total.detach(), **{name: part.detach() for name, part in parts.items()}}
