"""Exercises 3.2 and 3.5: the learning rate's curve, and the reading of a score's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from workbook.checks.exercise import Case, Exercise, Mistake

Answer = Callable[..., Any]


def draw_curves(curves: Sequence[tuple[str, Any, str]], *, xlabel: str, ylabel: str, first: int = 0) -> Any:
    """Curves `(label, values, style)` as a Pillow image; what is no list of numbers is left out.

    >>> draw_curves([("rate", [0.1, 0.2], "o-")], xlabel="step", ylabel="rate").size
    (360, 176)
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=(4.5, 2.2), dpi=80, layout="constrained")
    axes = figure.add_subplot()
    for label, values, style in curves:
        try:
            heights = np.asarray(values, dtype=float).reshape(-1)
        except (TypeError, ValueError):  # of an answer, which may be anything
            continue
        axes.plot(np.arange(len(heights)) + first, heights, style, label=label, markersize=4)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if axes.lines:
        axes.legend(fontsize=8)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba()))


# --- Exercise 3.2 ---


def _rates(answer: Answer) -> Answer:
    """All rates of a run, and of two steps beyond it."""

    def run(case: Mapping[str, Any]) -> list[Any]:
        total, lr, min_lr, warmup = (case[name] for name in ("total", "lr", "min_lr", "warmup"))
        return [answer(step, total, lr, min_lr, warmup) for step in range(total + 3)]

    return run


def _all_rates(case: Mapping[str, Any]) -> list[float]:
    """A straight line to step w, then a squared cosine over a quarter turn: cos²(x/2) = (1 + cos x)/2."""
    total, lr, min_lr, warmup = (case[name] for name in ("total", "lr", "min_lr", "warmup"))
    rates = []
    for step in range(total + 3):
        if step < warmup:
            rates.append(float(np.interp(step, [-1, warmup], [0, lr])))
        else:
            turn = min(step - warmup, total - warmup) / (total - warmup) * math.pi / 2
            rates.append(min_lr + (lr - min_lr) * math.cos(turn) ** 2)
    return rates


def _draw_schedules(rng: np.random.Generator) -> Iterator[Case]:
    yield ({"total": 4, "lr": 1.0, "min_lr": 0.0, "warmup": 0},)
    yield ({"total": 6, "lr": 1.0, "min_lr": 0.0, "warmup": 2},)
    yield ({"total": 6, "lr": 1.0, "min_lr": 0.2, "warmup": 2},)
    for _ in range(17):
        total = int(rng.integers(2, 60))
        lr, min_lr = round(float(rng.uniform(0.01, 1)), 3), round(float(rng.uniform(0, 0.01)), 4)
        yield ({"total": total, "lr": lr, "min_lr": min_lr, "warmup": int(rng.integers(0, total // 2 + 1))},)


def _wrong_schedule(
    *,
    rise: Callable[[int, int], float] = lambda step, warmup: (step + 1) / (warmup + 1),
    warms: bool = True,
    late: bool = True,
    held: bool = True,
    turn: float = math.pi,
    floor: Callable[[float, float], float] = lambda wave, low: low + (1 - low) * wave,
) -> Answer:
    """The schedule with one thing in it wrong, as the keywords say."""

    def rate(step: int, total: int, lr: float, min_lr: float, warmup: int) -> float:
        warmup = warmup if warms else 0
        if step < warmup:
            return lr * rise(step, warmup)
        passed = (step - warmup) / (total - warmup) if late else step / total
        passed = min(passed, 1.0) if held else passed
        return lr * floor((1 + math.cos(turn * passed)) / 2, min_lr / lr)

    return rate


warmup_cosine = Exercise(
    number="3.2",
    title="warm-up and cosine",
    reference=_all_rates,
    draw=_draw_schedules,
    mistakes=[
        Mistake(
            _wrong_schedule(rise=lambda step, warmup: step / warmup),
            "Step 0 has rate 0 and teaches nothing; where does the line begin?",
        ),
        Mistake(
            _wrong_schedule(rise=lambda step, warmup: (step + 1) / warmup),
            "The highest rate comes one step early; it belongs to step `warmup`, where the cosine begins.",
        ),
        Mistake(
            _wrong_schedule(late=False),
            "The rate jumps where the warm-up ends; from where is the cosine's way counted?",
        ),
        Mistake(_wrong_schedule(warms=False), "There is no warm-up: below step `warmup` the rate rises."),
        Mistake(_wrong_schedule(floor=lambda wave, low: wave), "The rate ends at 0; what is `min_lr` for?"),
        Mistake(
            _wrong_schedule(floor=lambda wave, low: max(wave, low)),
            "The rate is cut off at `min_lr`; squeeze the whole cosine between `min_lr` and `lr`.",
        ),
        Mistake(
            _wrong_schedule(held=False),
            "Beyond the last step the rate rises again; what should it do from step `total` on?",
        ),
        Mistake(
            _wrong_schedule(turn=2 * math.pi),
            "The cosine goes all the way round and comes back up; where on its way is its lowest point?",
        ),
    ],
    hint="Two cases: a line while step < warmup, and half a turn of a cosine from there to total.",
    picture=lambda case, expected, given: draw_curves(
        [("expected", expected, "-"), ("yours", given, "o--")], xlabel="step", ylabel="rate"
    ),
    wrap=_rates,
)


# --- Exercise 3.5 ---


def _read(scores: Sequence[float], patience: int) -> tuple[int, int | None]:
    """Epoch by epoch, as a trainer lives through it."""
    best, best_epoch, without = -math.inf, 0, 0
    for epoch, score in enumerate(scores, start=1):
        if math.isnan(score):
            continue
        if score > best:
            best, best_epoch, without = score, epoch, 0
        else:
            without += 1
        if without == patience:
            return best_epoch, epoch
    return best_epoch, None


def _draw_scores(rng: np.random.Generator) -> Iterator[Case]:
    nan = math.nan
    yield [0.2, 0.5, 0.4, 0.3, 0.1], 2
    yield [0.2, 0.5, 0.4, 0.6], 2
    yield [0.3, 0.5, 0.5, 0.2], 3
    yield [nan, 0.2, nan, 0.5, nan, 0.4, nan, 0.3], 2
    yield [0.2, 0.5, 0.4, 0.3, 0.9], 2
    yield [0.5], 1
    for _ in range(94):
        scores = [round(float(score), 1) for score in rng.uniform(size=rng.integers(1, 16))]
        every = int(rng.integers(1, 4))
        tested = [s if e % every == 0 or e == len(scores) else nan for e, s in enumerate(scores, start=1)]
        yield tested, int(rng.integers(1, 5))


def _counts_epochs(scores: Sequence[float], patience: int) -> tuple[int, int | None]:
    best, best_epoch = -math.inf, 0
    for epoch, score in enumerate(scores, start=1):
        if score > best:
            best, best_epoch = score, epoch
        elif best_epoch and epoch - best_epoch >= patience:
            return best_epoch, epoch
    return best_epoch, None


def _with_ties(scores: Sequence[float], patience: int) -> tuple[int, int | None]:
    return _read([score + 1e-9 * epoch for epoch, score in enumerate(scores)], patience)


def _best_of_all(scores: Sequence[float], patience: int) -> tuple[int, int | None]:
    return int(np.nanargmax(scores)) + 1, _read(scores, patience)[1]


def _takes_nan(scores: Sequence[float], patience: int) -> tuple[int, int | None]:
    return int(np.argmax(scores)) + 1, _read(scores, patience)[1]  # argmax stops at the first NaN


def _from_zero(scores: Sequence[float], patience: int) -> tuple[int, int | None]:
    best, stop = _read(scores, patience)
    return best - 1, None if stop is None else stop - 1


def _never_stops(scores: Sequence[float], patience: int) -> tuple[int, int | None]:
    return _read(scores, patience)[0], None


def _stops_late(scores: Sequence[float], patience: int) -> tuple[int, int | None]:
    return _read(scores, patience + 1)


read_curve = Exercise(
    number="3.5",
    title="reading a curve",
    reference=_read,
    draw=_draw_scores,
    mistakes=[
        Mistake(_from_zero, "Epochs are counted from 1."),
        Mistake(_stops_late, "One test too many: the run stops with the test that uses its patience up."),
        Mistake(_never_stops, "This run stops before its end."),
        Mistake(_best_of_all, "That epoch is never trained: the run has stopped before it."),
        Mistake(_with_ties, "An equal score is no better one: the earlier epoch stays the best."),
        Mistake(_counts_epochs, "Patience counts tests, and an epoch whose score is NaN has none."),
        Mistake(_takes_nan, "NaN is no score, though some functions take it for the highest."),
    ],
    hint="Go through the epochs in order, with the best score, its epoch, and the tests since then.",
    picture=lambda case, expected, given: draw_curves(
        [(f"score, patience {case[1]}", case[0], "o")], xlabel="epoch", ylabel="score", first=1
    ),
)
