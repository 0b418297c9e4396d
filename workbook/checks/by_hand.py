"""What several exercises draw and compute by hand: masks, cross-entropy, and a loss's gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch


def draw_mask(rng: np.random.Generator, shape: tuple[int, ...]) -> torch.Tensor:
    """A mask of zeros and ones, half of each on average, float32."""
    return torch.from_numpy((rng.random(shape) < 0.5).astype(np.float32))


def cross_entropy(prob: np.ndarray, truth: np.ndarray) -> float:
    """Mean binary cross-entropy, one pixel after the other.

    Args:
        prob: in (0, 1), any shape.
        truth: zeros and ones, the same shape.

    >>> round(cross_entropy(np.array([0.5, 0.5]), np.array([0.0, 1.0])), 4)  # ln 2
    0.6931
    """
    pixels = list(zip(prob.ravel().tolist(), truth.ravel().tolist(), strict=True))
    return -sum(t * math.log(p) + (1 - t) * math.log(1 - p) for p, t in pixels) / len(pixels)


def slope(loss: Any, of: torch.Tensor) -> Any:
    """The gradient of what an answer took for a loss, or "none" where there is none to have.

    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> slope((x**2).sum(), x), slope((x > 1).float().sum(), x), slope(3.0, x)
    (tensor([2., 4.]), 'none', 'none')
    """
    if not isinstance(loss, torch.Tensor) or loss.ndim or not loss.requires_grad:
        return "none"
    found = torch.autograd.grad(loss, of, retain_graph=True, allow_unused=True)[0]
    return "none" if found is None else found
