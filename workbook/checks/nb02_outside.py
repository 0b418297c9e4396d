"""Exercise 2.5: a network that knows nothing of this library becomes one of its models."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from workbook.checks.by_hand import cross_entropy, draw_mask
from workbook.checks.exercise import Case, Exercise, Mistake
from workbook.checks.networks import Outside
from workbook.core.model import run_model

Answer = Callable[..., Any]
BCE = F.binary_cross_entropy


def _run_wrapped(answer: Answer) -> Answer:
    """Train and predict once with what the answer makes of the network, as the library does."""

    def run(net: Outside, image: torch.Tensor, mask: torch.Tensor) -> dict[str, Any]:
        model = answer(net)
        if not isinstance(model, nn.Module):
            raise TypeError(f"wrap returned a {type(model).__name__}, not an nn.Module")
        outputs = run_model(model.train(), {"image": image, "mask": mask})
        alone = run_model(model.eval(), {"image": image})
        return {
            "parameters that an optimizer finds": sum(p.numel() for p in model.parameters()),
            "pred_mask": outputs.get("pred_mask"),
            "pred_mask without a mask": alone.get("pred_mask"),
            "backward_loss": outputs["backward_loss"],
        }

    return run


def _wrapped_by_hand(net: Outside, image: torch.Tensor, mask: torch.Tensor) -> dict[str, Any]:
    with torch.no_grad():
        logits = net(image)["out"].double().numpy()  # (B, 2, h, w)
    large = _enlarge(_enlarge(logits, 2), 3)
    prob = np.exp(large[:, 1:2]) / np.exp(large).sum(axis=1, keepdims=True)
    return {
        "parameters that an optimizer finds": sum(p.numel() for p in net.parameters()),
        "pred_mask": prob,
        "pred_mask without a mask": prob,
        "backward_loss": cross_entropy(prob, mask.double().numpy()),
    }


def _enlarge(values: np.ndarray, axis: int) -> np.ndarray:
    """Twice as many rows (or columns), each a mean of the two nearest, weighted by how near they are."""
    count, made = values.shape[axis], []
    for place in range(2 * count):
        centre = (place + 0.5) / 2 - 0.5
        below = math.floor(centre)
        first, second = (values.take(min(max(i, 0), count - 1), axis) for i in (below, below + 1))
        made.append((1 - (centre - below)) * first + (centre - below) * second)
    return np.stack(made, axis)


def _wrap_as(chosen: Answer, hidden: bool = False) -> Answer:
    class Wrapped(nn.Module):
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.net = [net] if hidden else net

        def forward(self, image: torch.Tensor, mask: torch.Tensor | None = None) -> dict[str, Any]:
            net = self.net[0] if isinstance(self.net, list) else self.net
            prob = chosen(net(image)["out"])
            outputs = {"pred_mask": prob}
            return outputs if mask is None else outputs | {"backward_loss": BCE(prob, mask)}

    return Wrapped


def _double(maps: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    return F.interpolate(maps, scale_factor=2, mode=mode)


def _wrap_cases(rng: np.random.Generator) -> Iterator[Case]:
    for number in range(10):
        net = Outside()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.copy_(torch.from_numpy(rng.normal(0, 0.4, tuple(parameter.shape)).round(1)))
        batch, height, width = (1, 1, 2) if number == 0 else rng.integers(1, 5, 3).tolist()
        image = torch.from_numpy(rng.normal(size=(batch, 3, 2 * height, 2 * width)).round(1)).float()
        yield net, image, draw_mask(rng, (batch, 1, 2 * height, 2 * width))


wrap = Exercise(
    "2.5",
    "wrap an outside network",
    _wrapped_by_hand,
    _wrap_cases,
    [
        Mistake(
            _wrap_as(lambda out: _double(out).softmax(1)[:, :1]),
            "That is the probability of channel 0, which stands for authentic.",
        ),
        Mistake(
            _wrap_as(lambda out: _double(out).sigmoid()[:, 1:]),
            "Two channels compete for each pixel: their probabilities must sum to 1.",
        ),
        Mistake(
            _wrap_as(lambda out: _double(out, "nearest").softmax(1)[:, 1:]),
            "Enlarged by repeating pixels; the task asks for bilinear.",
        ),
        Mistake(
            _wrap_as(lambda out: _double(out.softmax(1))[:, 1:]),
            "Enlarge the logits first, then make probabilities of them.",
        ),
        Mistake(
            _wrap_as(lambda out: _double(out).softmax(1)[:, 1:], hidden=True),
            "The map is right, but the network's weights are not the model's: nothing would train them. "
            "Where does nn.Module look for its parts?",
        ),
    ],
    hint="Image in, the map under 'out', enlarged to the image's size, softmax over the channels.",
    tolerance=1e-4,
    wrap=_run_wrapped,
)
