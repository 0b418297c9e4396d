"""Notebook 3: a training step, a schedule, accumulation, a snapshot to go on from, reading a curve."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from workbook.checks import exercise
from workbook.checks.exercise import Case, Exercise, Mistake
from workbook.checks.nb03_curves import read_curve, warmup_cosine
from workbook.checks.nb03_steps import accumulated_step, train_step
from workbook.checks.two_numbers import TwoNumbers, draw_batch, loss_and_slopes, make_batch, mask_loss

__all__ = ["accumulated_step", "progress", "read_curve", "snapshot", "train_step", "warmup_cosine"]

Answer = Callable[..., Any]
BETAS, EPSILON = (0.9, 0.999), 1e-8  # Adam's own defaults
KEYS = ("model", "optimizer", "step")


# --- Exercise 3.4; 3.1 and 3.3 are in nb03_steps.py, 3.2 and 3.5 in nb03_curves.py ---


def _go_on(answer: Answer) -> Answer:
    """Train to the end but save on the way; then go on from what was saved, as after a restart."""

    def run(case: Mapping[str, Any]) -> Any:
        model, optimizer = _with_adam(case["weight"])
        saved: Any = None
        for step in range(len(case["batches"])):
            if step == case["stop"]:
                saved = answer(model, optimizer, step)
            _adam_step(model, optimizer, case, step)
        if not isinstance(saved, dict):
            return saved
        model, optimizer = _with_adam(0.0)
        if "model" in saved:
            model.load_state_dict(saved["model"])
        if "optimizer" in saved:
            optimizer.load_state_dict(saved["optimizer"])
        for step in range(saved.get("step", 0), len(case["batches"])):
            _adam_step(model, optimizer, case, step)
        return {"missing": ", ".join(key for key in KEYS if key not in saved), **model.numbers()}

    return run


def _with_adam(weight: float) -> tuple[TwoNumbers, torch.optim.Optimizer]:
    model = TwoNumbers(weight)
    return model, torch.optim.Adam(model.parameters(), betas=BETAS, eps=EPSILON)


def _adam_step(model: TwoNumbers, optimizer: Any, case: Mapping[str, Any], step: int) -> None:
    optimizer.param_groups[0]["lr"] = _rate(case, step)
    optimizer.zero_grad()
    mask_loss(model, make_batch(case["batches"][step])).backward()
    optimizer.step()


def _rate(case: Mapping[str, Any], step: int) -> float:
    return float(case["lr"]) / (1 + step)


def _unbroken(case: Mapping[str, Any]) -> dict[str, Any]:
    """Adam by its formulas (Kingma and Ba, ICLR 2015), without a stop."""
    numbers, first, second = [case["weight"], 0.0], [0.0, 0.0], [0.0, 0.0]
    for step, pixels in enumerate(case["batches"]):
        _, *slopes = loss_and_slopes(*numbers, pixels)
        for i, slope in enumerate(slopes):
            first[i] = BETAS[0] * first[i] + (1 - BETAS[0]) * slope
            second[i] = BETAS[1] * second[i] + (1 - BETAS[1]) * slope**2
            mean, square = first[i] / (1 - BETAS[0] ** (step + 1)), second[i] / (1 - BETAS[1] ** (step + 1))
            numbers[i] -= _rate(case, step) * mean / (math.sqrt(square) + EPSILON)
    return {"missing": "", "weight": numbers[0], "bias": numbers[1]}


def _draw_runs(rng: np.random.Generator) -> Iterator[Case]:
    yield ({"weight": 0.0, "lr": 0.5, "stop": 1, "batches": [[(1.0, 1)], [(2.0, 0)], [(1.0, 1)]]},)
    for _ in range(14):
        batches = [draw_batch(rng, int(rng.integers(1, 4))) for _ in range(rng.integers(3, 8))]
        stop = int(rng.integers(1, len(batches)))
        yield ({"weight": round(float(rng.normal()), 2), "lr": 0.5, "stop": stop, "batches": batches},)


def _keep(*copied: str, keys: Sequence[str] = KEYS, ahead: int = 0) -> Answer:
    """A snapshot with these keys, of which only those named are copies."""

    def run(model: Any, optimizer: Any, step: int) -> dict[str, Any]:
        states = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + ahead}
        return {key: copy.deepcopy(states[key]) if key in copied else states[key] for key in keys}

    return run


_NO_COPY = (
    "state_dict() hands out the tensors themselves, which training goes on changing; what is to be kept?"
)
_NO_ADAM = "Adam forgets what it knew of earlier gradients; that is part of the run too."

snapshot = Exercise(
    number="3.4",
    title="a snapshot to go on from",
    reference=_unbroken,
    draw=_draw_runs,
    mistakes=[
        Mistake(_keep(), _NO_COPY),
        Mistake(_keep("optimizer"), _NO_COPY),
        Mistake(_keep("model"), "The weights are kept, but what Adam remembers goes on changing."),
        Mistake(_keep(*KEYS, keys=("model", "step")), _NO_ADAM),
        Mistake(_keep(keys=("model", "step")), _NO_ADAM),
        Mistake(
            _keep(*KEYS, keys=("model", "optimizer")), "Without its step the run begins the schedule anew."
        ),
        Mistake(
            _keep(*KEYS, keys=("model",)), "Weights are half of a run; what else changes from step to step?"
        ),
        Mistake(_keep(*KEYS, ahead=1), "One batch is left out: `step` is the number of steps that are done."),
    ],
    hint="All that changes from step to step must be in it, and stay as it is at this moment.",
    wrap=_go_on,
)

EXERCISES = (train_step, warmup_cosine, accumulated_step, snapshot, read_curve)


def progress() -> str:
    """Which exercises of notebook 3 are solved, in one line."""
    return exercise.progress(EXERCISES)
