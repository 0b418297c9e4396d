"""Exercises 3.1 and 3.3: a training step, and one over several batches.

An answer changes a model, which cannot be compared. So it trains `TwoNumbers` here, and after each step the
two are compared with what the formulas make of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from workbook.checks.answer import load_optimizers
from workbook.checks.exercise import Case, Exercise, Mistake
from workbook.checks.two_numbers import TwoNumbers, draw_batch, loss_and_slopes, make_batch, mask_loss

load_optimizers()
Answer = Callable[..., Any]


def _train(answer: Answer) -> Answer:
    """From a function that takes a step on `(model, optimizer, data)` to what becomes of the two numbers."""

    def run(case: Mapping[str, Any]) -> list[dict[str, Any]]:
        model = TwoNumbers(case["weight"])
        optimizer = torch.optim.SGD(model.parameters(), lr=case["lr"])
        rows = []
        for data in case["steps"]:
            given = [make_batch(batch) for batch in data] if _several(data) else make_batch(data)
            loss = answer(model, optimizer, given)
            keeps = isinstance(loss, torch.Tensor) and loss.requires_grad
            rows.append({"loss": loss, "the loss keeps its graph": keeps, **model.numbers()})
        return rows

    return run


def _several(data: list[Any]) -> bool:
    return isinstance(data[0], list)


def _descend(case: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Gradient descent by hand; the batches of one step count as one large batch."""
    weight, bias, rows = case["weight"], 0.0, []
    for data in case["steps"]:
        pixels = [pixel for batch in data for pixel in batch] if _several(data) else data
        loss, by_weight, by_bias = loss_and_slopes(weight, bias, pixels)
        weight, bias = weight - case["lr"] * by_weight, bias - case["lr"] * by_bias
        rows.append({"loss": loss, "the loss keeps its graph": False, "weight": weight, "bias": bias})
    return rows


# --- Exercise 3.1 ---


def _draw_steps(rng: np.random.Generator) -> Iterator[Case]:
    yield ({"weight": 0.0, "lr": 1.0, "steps": [[(1.0, 1)], [(2.0, 1)]]},)
    for _ in range(19):
        steps = [draw_batch(rng, int(rng.integers(1, 5))) for _ in range(rng.integers(1, 5))]
        yield ({"weight": round(float(rng.normal()), 2), "lr": 0.5, "steps": steps},)


def _never_clears(model: Any, optimizer: Any, batch: Any) -> float:
    loss = mask_loss(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def _clears_too_early(model: Any, optimizer: Any, batch: Any) -> float:
    loss = mask_loss(model, batch)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def _steps_first(model: Any, optimizer: Any, batch: Any) -> float:
    loss = mask_loss(model, batch)
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


def _keeps_the_graph(model: Any, optimizer: Any, batch: Any) -> torch.Tensor:
    optimizer.zero_grad()
    loss = mask_loss(model, batch)
    loss.backward()
    optimizer.step()
    return loss


def _tells_the_loss_after(model: Any, optimizer: Any, batch: Any) -> float:
    _keeps_the_graph(model, optimizer, batch)
    return mask_loss(model, batch).item()


train_step = Exercise(
    number="3.1",
    title="a training step",
    reference=_descend,
    draw=_draw_steps,
    mistakes=[
        Mistake(
            _never_clears, "Backward adds to the gradients that are there; who clears those of the last step?"
        ),
        Mistake(_clears_too_early, "The model never moves: are there gradients at the moment it should?"),
        Mistake(_steps_first, "Each step is taken with the gradients of the batch before; what comes first?"),
        Mistake(
            _keeps_the_graph, "Return a number: a tensor keeps all that its step has computed in memory."
        ),
        Mistake(
            _tells_the_loss_after,
            "That is the loss after the step, and costs a second pass; return the first.",
        ),
    ],
    hint="The loss, its gradients, the step, gradients cleared, the loss as a number: five lines.",
    wrap=_train,
)


# --- Exercise 3.3 ---


def _draw_groups(rng: np.random.Generator) -> Iterator[Case]:
    yield ({"weight": 0.0, "lr": 1.0, "steps": [[[(1.0, 1)], [(1.0, 1)]]]},)
    yield ({"weight": 0.0, "lr": 1.0, "steps": [[[(1.0, 1), (2.0, 1)], [(1.0, 0)]]]},)
    yield ({"weight": 0.0, "lr": 1.0, "steps": [[[(1.0, 1)], [(2.0, 1)]], [[(1.0, 0)], [(2.0, 0)]]]},)
    for _ in range(17):
        sizes = [rng.integers(1, 5, size=rng.integers(1, 5)) for _ in range(rng.integers(1, 4))]
        steps = [[draw_batch(rng, int(images)) for images in group] for group in sizes]
        yield ({"weight": round(float(rng.normal()), 2), "lr": 0.5, "steps": steps},)


def _accumulate(
    share: Callable[[list[int], int], float],
    *,
    clear: bool = True,
    clear_each: bool = False,
    step_each: bool = False,
) -> Answer:
    """Accumulation in which batch i weighs `share(images of each batch, i)`; wrong as the keywords say."""

    def run(model: Any, optimizer: Any, batches: list[Any]) -> float:
        images, total = [len(batch["image"]) for batch in batches], 0.0
        for number, batch in enumerate(batches):
            loss = mask_loss(model, batch) * share(images, number)
            if clear_each:
                optimizer.zero_grad()
            loss.backward()
            total += loss.item()
            if step_each:
                optimizer.step()
                optimizer.zero_grad()
        optimizer.step()
        if clear:
            optimizer.zero_grad()
        return total

    return run


def _by_images(images: list[int], number: int) -> float:
    return images[number] / sum(images)


accumulated_step = Exercise(
    number="3.3",
    title="accumulation",
    reference=_descend,
    draw=_draw_groups,
    mistakes=[
        Mistake(
            _accumulate(lambda images, i: 1.0), "The gradients add up to too much: the loss of all is a mean."
        ),
        Mistake(
            _accumulate(lambda images, i: 1 / len(images)),
            "Each batch counts the same, though one holds fewer images; what is its share of all?",
        ),
        Mistake(
            _accumulate(_by_images, step_each=True),
            "The model moves after each batch, so the next one is seen by another model; when may it step?",
        ),
        Mistake(
            _accumulate(_by_images, clear=False),
            "The second step still holds the gradients of the first; when are they to be cleared?",
        ),
        Mistake(
            _accumulate(_by_images, clear_each=True),
            "Only the last batch counts: what became of the gradients of those before it?",
        ),
    ],
    hint="Weigh each batch's loss by its share of the images; step once, clear once.",
    wrap=_train,
)
