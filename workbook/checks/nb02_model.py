"""Notebook 2: a forward, a decoder's shapes, a skip connection, a soft IoU, a wrapped network, one batch.

Exercises 2.2 and 2.3 are in `nb02_maps.py`, 2.5 in `nb02_outside.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from workbook.checks import exercise
from workbook.checks.answer import load_optimizers
from workbook.checks.by_hand import cross_entropy, draw_mask, slope
from workbook.checks.exercise import Case, Exercise, Mistake
from workbook.checks.nb02_maps import decoder_shapes, join_skip
from workbook.checks.nb02_outside import wrap
from workbook.checks.networks import Tiny

__all__ = ["decoder_shapes", "forward", "join_skip", "overfit", "progress", "soft_iou", "wrap"]

load_optimizers()
Answer = Callable[..., Any]
BCE = F.binary_cross_entropy


# --- Exercise 2.1 ---


def _with_slope(answer: Answer) -> Answer:
    """What the interface knows of a dictionary, and whether its loss moves the layer."""

    def run(layer: nn.Conv2d, image: torch.Tensor, mask: torch.Tensor | None) -> Any:
        outputs = answer(layer, image, mask)
        if not isinstance(outputs, dict):
            return outputs
        known = ("pred_mask", "pred_label", "backward_loss")
        found = {key: outputs[key] for key in known if outputs.get(key) is not None}
        if "backward_loss" in found:
            found["slope of the loss by the layer's bias"] = slope(
                found["backward_loss"], cast(torch.Tensor, layer.bias)
            )
        return found

    return run


def _forward(layer: nn.Conv2d, image: torch.Tensor, mask: torch.Tensor | None) -> dict[str, Any]:
    prob = 1 / (1 + np.exp(-layer(image).detach().double().numpy()))
    expected: dict[str, Any] = {"pred_mask": prob, "pred_label": np.array([one.max() for one in prob])}
    if mask is not None:
        truth = mask.double().numpy()
        expected["backward_loss"] = cross_entropy(prob, truth)
        expected["slope of the loss by the layer's bias"] = np.array([(prob - truth).mean()])
    return expected


def _forward_as(
    layer: nn.Conv2d,
    image: torch.Tensor,
    mask: torch.Tensor | None,
    activation: Answer = torch.sigmoid,
    label: Answer = lambda prob: prob.amax(dim=(1, 2, 3)),
    loss: Answer = lambda logits, prob, mask: BCE(prob, mask),
) -> dict[str, Any]:
    logits = layer(image)
    prob = activation(logits)
    outputs = {"pred_mask": prob, "pred_label": label(prob)}
    return outputs if mask is None else outputs | {"backward_loss": loss(logits, logits.sigmoid(), mask)}


def _forward_cases(rng: np.random.Generator) -> Iterator[Case]:
    for number in range(12):
        layer = nn.Conv2d(3, 1, kernel_size=1)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(rng.normal(size=(1, 3, 1, 1)).round(1)))
            cast(torch.Tensor, layer.bias).copy_(torch.from_numpy(rng.normal(size=1).round(1)))
        batch, height, width = (1, 1, 2) if number < 2 else rng.integers(2, 6, 3).tolist()
        image = torch.from_numpy(rng.normal(size=(batch, 3, height, width)).round(1)).float()
        yield layer, image, draw_mask(rng, (batch, 1, height, width)) if number % 3 else None


forward = Exercise(
    "2.1",
    "complete a forward",
    _forward,
    _forward_cases,
    [
        Mistake(
            partial(_forward_as, activation=lambda logits: logits),
            "These are logits: any number. What makes a probability of a logit?",
        ),
        Mistake(
            partial(_forward_as, label=lambda prob: prob.amax()),
            "That is one score for the whole batch. Over which dimensions is the highest taken?",
        ),
        Mistake(
            partial(_forward_as, label=lambda prob: prob.flatten(1).amax(1, keepdim=True)),
            "(B, 1) is not (B,): against a label (B,) it would broadcast to a square.",
        ),
        Mistake(
            partial(_forward_as, label=lambda prob: prob.mean(dim=(1, 2, 3))),
            "This is the mean probability; the task asks for the highest.",
        ),
        Mistake(
            partial(_forward_as, loss=lambda logits, prob, mask: BCE(prob, mask).item()),
            "The number is right, but nothing can be learnt from a number: keep it a tensor with its graph.",
        ),
        Mistake(
            partial(
                _forward_as, loss=lambda logits, prob, mask: F.binary_cross_entropy_with_logits(prob, mask)
            ),
            "A loss `with_logits` takes the sigmoid itself; here it is taken twice.",
        ),
    ],
    hint="Three keys: pred_mask and pred_label always, backward_loss when there is a mask.",
    tolerance=1e-4,
    wrap=_with_slope,
)


# --- Exercise 2.4 ---


def _loss_and_slope(answer: Answer) -> Answer:
    def run(pred_mask: torch.Tensor, mask: torch.Tensor) -> Any:
        pred_mask = pred_mask.clone().requires_grad_()
        loss = answer(pred_mask, mask)
        return {"loss": loss, "gradient": slope(loss, pred_mask)}

    return run


def _iou_by_hand(pred_mask: torch.Tensor, mask: torch.Tensor) -> dict[str, Any]:
    """Image by image, and the derivative of one minus a quotient by its rule."""
    losses, slopes = [], []
    for prob, truth in zip(pred_mask.double().numpy(), mask.double().numpy(), strict=True):
        both, either = (prob * truth).sum(), (prob + truth - prob * truth).sum()
        if truth.sum() == 0:
            losses.append(prob.mean())
            slopes.append(np.full(prob.shape, 1 / prob.size))
        else:
            losses.append(1 - both / either)
            slopes.append(-(truth * either - both * (1 - truth)) / either**2)
    return {"loss": float(np.mean(losses)), "gradient": np.stack(slopes) / len(losses)}


def _iou_as(
    pred_mask: torch.Tensor,
    mask: torch.Tensor,
    dims: tuple[int, ...] = (1, 2, 3),
    empty: Answer = lambda prob: prob.mean(dim=(1, 2, 3)),
    dice: bool = False,
) -> torch.Tensor:
    both, total = (pred_mask * mask).sum(dims), (pred_mask + mask).sum(dims)
    loss = 1 - (2 * both / total if dice else both / (total - both))
    if loss.ndim == 0:
        return loss if mask.any() else pred_mask.mean()
    return torch.where(mask.sum(dims) == 0, empty(pred_mask), loss).mean()


def _iou_cases(rng: np.random.Generator) -> Iterator[Case]:
    row = torch.tensor([[[[0.9, 0.6, 0.4, 0.1]]]])
    yield row, torch.tensor([[[[1.0, 1.0, 0.0, 0.0]]]])
    yield row, torch.zeros(1, 1, 1, 4)
    yield row, torch.ones(1, 1, 1, 4)
    for number in range(17):
        shape = (int(rng.integers(2, 5)), 1, *rng.integers(2, 6, 2).tolist())
        mask = draw_mask(rng, shape)
        if number % 3 == 0:
            mask[int(rng.integers(len(mask)))] = 0
        yield torch.from_numpy(rng.uniform(0.02, 0.98, shape).round(2)).float(), mask


soft_iou = Exercise(
    "2.4",
    "make IoU differentiable",
    _iou_by_hand,
    _iou_cases,
    [
        Mistake(
            lambda pred_mask, mask: _iou_as((pred_mask > 0.5).float(), mask),
            "There is a threshold in it: a small change of a probability changes nothing, so there is no "
            "gradient. Which product counts overlap without one?",
        ),
        Mistake(
            lambda pred_mask, mask: 1 - _iou_as(pred_mask, mask),
            "That is the IoU itself. A loss falls as the prediction gets better.",
        ),
        Mistake(
            lambda pred_mask, mask: _iou_as(pred_mask, mask, dice=True),
            "That is Dice: the overlap is counted twice in its denominator. A union counts it once.",
        ),
        Mistake(
            lambda pred_mask, mask: _iou_as(pred_mask, mask, empty=lambda prob: 1 + 0 * prob.sum((1, 2, 3))),
            "On an authentic image this is 1 whatever is predicted. Give it the share that is marked.",
        ),
        Mistake(
            lambda pred_mask, mask: _iou_as(pred_mask, mask, empty=lambda prob: 0 * prob.sum((1, 2, 3))),
            "On an authentic image this is 0 even if all is marked. Give it the share that is marked.",
        ),
        Mistake(
            lambda pred_mask, mask: _iou_as(pred_mask, mask, dims=(0, 1, 2, 3)),
            "All images are poured into one. Take each image's IoU, then the mean of the losses.",
        ),
    ],
    hint="Sum over each image's pixels, not over the batch; then 1 - both / either.",
    tolerance=1e-4,
    wrap=_loss_and_slope,
)


# --- Exercise 2.6 ---


def _descend(
    model: nn.Module, image: torch.Tensor, mask: torch.Tensor, steps: int, lr: float, kind: str = ""
) -> list[float]:
    """Plain gradient descent, parameter by parameter; `kind` names a mistake."""
    model = copy.deepcopy(model).train(kind != "eval")
    parameters = list(model.parameters())
    losses, slopes = [], [torch.zeros_like(parameter) for parameter in parameters]
    for _ in range(steps + (kind == "late")):
        loss = model(image, mask)["backward_loss"]
        losses.append(loss.item())
        fresh = torch.autograd.grad(loss, parameters)
        slopes = [old + new if kind == "sum" else new for old, new in zip(slopes, fresh, strict=True)]
        with torch.no_grad():
            for parameter, slope in zip(parameters, slopes, strict=True):
                parameter.sub_(slope, alpha=0.0 if kind == "still" else lr)
    return losses[1:] if kind == "late" else losses


def _overfit_cases(rng: np.random.Generator) -> Iterator[Case]:
    for number in range(8):
        model = Tiny().eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.from_numpy(rng.normal(size=tuple(parameter.shape)).round(1)))
        shape = (2, 3, 2, 2) if number == 0 else (int(rng.integers(2, 5)), 3, *rng.integers(3, 6, 2).tolist())
        image = torch.from_numpy(rng.normal(size=shape).round(1)).float()
        yield model, image, (image[:, :1] > 0).float(), int(rng.integers(3, 8)), 0.1


overfit = Exercise(
    "2.6",
    "overfit one batch",
    _descend,
    _overfit_cases,
    [
        Mistake(
            partial(_descend, kind="still"),
            "The loss stays where it was: no step was made, or its gradients were wiped out before it.",
        ),
        Mistake(
            partial(_descend, kind="sum"),
            "backward adds to the gradients that are there. Who clears those of the last step?",
        ),
        Mistake(
            partial(_descend, kind="eval"),
            "The model is in evaluation mode, where batch normalisation uses old averages. Switch it.",
        ),
        Mistake(
            partial(_descend, kind="late"),
            "These are the losses after each step; the first one asked for is that of the untrained model.",
        ),
    ],
    hint="A float a step: loss, clear, backward, step, with torch.optim.SGD and this lr.",
    tolerance=1e-3,
)

EXERCISES = (forward, decoder_shapes, join_skip, soft_iou, wrap, overfit)


def progress() -> str:
    """Which of this notebook's exercises are solved, in a line."""
    return exercise.progress(EXERCISES)
