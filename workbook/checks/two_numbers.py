"""A model of two numbers on images of one pixel: what training does to it, plain arithmetic can do too."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

Pixels = list[tuple[float, int]]  # a batch: of each image its one pixel, and whether that is tampered


class TwoNumbers(nn.Module):
    """The smallest model with the interface of all: a pixel x is tampered with sigmoid(weight * x + bias).

    Args:
        weight: to begin with; the bias begins at 0.

    >>> outputs = TwoNumbers(1.0)(torch.zeros(1, 1, 1, 1), mask=torch.ones(1, 1, 1, 1))
    >>> round(outputs["backward_loss"].item(), 3)
    0.693
    """

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float64))
        self.bias = nn.Parameter(torch.tensor(0.0, dtype=torch.float64))

    def forward(self, image: torch.Tensor, mask: torch.Tensor | None = None) -> dict[str, Any]:
        """See the class; the loss is binary cross-entropy, the mean over all pixels."""
        logits = self.weight * image + self.bias
        outputs: dict[str, Any] = {"pred_mask": logits.sigmoid()}
        if mask is not None:
            loss = nn.functional.binary_cross_entropy_with_logits(logits, mask.to(logits.dtype))
            outputs["backward_loss"] = loss
        return outputs

    def numbers(self) -> dict[str, float]:
        """The two, by name."""
        return {"weight": self.weight.item(), "bias": self.bias.item()}


def make_batch(pixels: Pixels) -> dict[str, torch.Tensor]:
    """Image and mask (B, 1, 1, 1), float64, as a model gets them."""
    values = torch.tensor(pixels, dtype=torch.float64)  # (B, 2)
    return {"image": values[:, 0].view(-1, 1, 1, 1), "mask": values[:, 1].view(-1, 1, 1, 1)}


def draw_batch(rng: np.random.Generator, images: int) -> Pixels:
    """That many pixels, with two digits behind the point so that they can be read."""
    return [(round(float(rng.normal()), 2), int(rng.integers(0, 2))) for _ in range(images)]


def mask_loss(model: Any, batch: Mapping[str, Any]) -> torch.Tensor:
    """The model's own loss on a batch."""
    loss: torch.Tensor = model(batch["image"], batch["mask"])["backward_loss"]
    return loss


def loss_and_slopes(weight: float, bias: float, pixels: Pixels) -> tuple[float, float, float]:
    """Mean cross-entropy of a batch and its derivatives by weight and bias, one pixel after the other.

    >>> loss_and_slopes(0.0, 0.0, [(2.0, 1)])  # p = 0.5, so -log 0.5 and (p - 1) * (x, 1)
    (0.6931..., -1.0, -0.5)
    """
    loss = by_weight = by_bias = 0.0
    for x, tampered in pixels:
        p = 1 / (1 + math.exp(-(weight * x + bias)))
        loss -= math.log(p if tampered else 1 - p) / len(pixels)
        by_weight += (p - tampered) * x / len(pixels)
        by_bias += (p - tampered) / len(pixels)
    return loss, by_weight, by_bias
