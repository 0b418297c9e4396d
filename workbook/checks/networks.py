"""Networks that exercises hand to an answer; apart from the checks, so that grading can send them to it.

The answers' process of `workbook grade` cannot import a module that holds references.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


class Outside(nn.Module):
    """A network that knows nothing of the interface: half the size, two classes, torchvision's dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 2, kernel_size=2, stride=2)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """(B, 3, H, W) -> {"out": (B, 2, H / 2, W / 2)}, logits."""
        return {"out": self.layer(x)}


class Tiny(nn.Module):
    """A model of a few numbers with a layer that works differently in training: batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 1, 1))

    def forward(self, image: torch.Tensor, mask: torch.Tensor | None = None) -> dict[str, Any]:
        """See `workbook.core.model`."""
        logits = self.net(image)
        outputs = {"pred_mask": logits.sigmoid()}
        if mask is not None:
            outputs["backward_loss"] = F.binary_cross_entropy_with_logits(logits, mask)
        return outputs
