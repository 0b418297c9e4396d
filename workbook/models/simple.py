"""The smallest model: one convolution."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from workbook.core.losses import BCE, MaskLoss, WeightedSum
from workbook.core.registry import register_model
from workbook.models.layers import NoiseResidual
from workbook.models.output import mask_output


@register_model
class MyModel(nn.Module):
    """One 3x3 convolution from the image to its map: 28 parameters that show the interface and learn little.

    Args:
        noise: convolve fixed noise residuals (`NoiseResidual`) along with the colours.
        loss: `loss(pred_mask, mask, shape_mask=None)` on probabilities; BCE when None.

    Shapes:
        image (B, 3, H, W) -> pred_mask (B, 1, H, W), pred_label (B,) its `top_mean`.

    >>> sum(p.numel() for p in MyModel().parameters())
    28
    """

    def __init__(self, noise: bool = False, loss: MaskLoss | WeightedSum | None = None) -> None:
        super().__init__()
        self.noise = NoiseResidual() if noise else None
        channels = 3 + (NoiseResidual.out_channels if noise else 0)
        self.conv = nn.Conv2d(channels, 1, kernel_size=3, padding=1)
        self.loss = loss or BCE()

    def forward(
        self,
        image: torch.Tensor,
        mask: torch.Tensor | None = None,
        shape_mask: torch.Tensor | None = None,
    ) -> dict[str, Any]:
        """See the class."""
        x = image if self.noise is None else torch.cat((image, self.noise(image)), dim=1)
        return mask_output(self.conv(x), mask, shape_mask, self.loss)
