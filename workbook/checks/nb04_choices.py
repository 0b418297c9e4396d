"""Exercises 4.3 to 4.5: read a failure, choose a threshold, write a perturbation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbook.checks.exercise import Case, Exercise, Mistake
from workbook.checks.nb04_scores import draw_map, draw_mask, grid, pixels_of

# 4.3


def _failure(
    pred_mask: Tensor,
    mask: Tensor,
    spilled_first: bool = False,
    few: Callable[[int, int], bool] = lambda found, tampered: 2 * found < tampered,
    many: Callable[[int, int], bool] = lambda wrong, found: wrong > found,
    alarm: Callable[[int, int], bool] = lambda wrong, pixels: 100 * wrong > pixels,
) -> str:
    pixels = pixels_of(pred_mask, mask)
    tampered = sum(m > 0.5 for _, m in pixels)
    found = sum(p > 0.5 and m > 0.5 for p, m in pixels)
    wrong = sum(p > 0.5 and m <= 0.5 for p, m in pixels)
    if not tampered:
        return "false alarm" if alarm(wrong, len(pixels)) else "right"
    if spilled_first and many(wrong, found):
        return "spilled"
    if few(found, tampered):
        return "missed"
    return "spilled" if many(wrong, found) else "right"


def _draw_failures(rng: np.random.Generator) -> Iterator[Case]:
    region = grid("....", ".##.", ".##.", "....")
    for marked in (
        region,
        torch.zeros(4, 4),
        torch.ones(4, 4),
        grid("#...", ".##.", ".##.", "...."),
        grid("....", ".#..", "....", "...."),
        grid("....", ".##.", "....", "...."),  # just half of it
        grid("####", ".##.", ".##.", "...."),  # as much outside as inside
        grid("####", "....", "....", "####"),  # all of it outside
    ):
        yield 0.9 * marked, region
    for alarms in (0, 1, 2, 60):
        wrong = torch.zeros(100)
        wrong[:alarms] = 0.8
        yield wrong.view(10, 10), torch.zeros(10, 10)
    yield grid("##.", "..."), torch.tensor([[0.6, 0.9, 0.3], [0.3, 0.3, 0.3]])
    yield grid("#..", "..."), torch.tensor([[0.5, 0.3, 0.0], [0.0, 0.0, 0.0]])  # nowhere above a half
    yield grid("#..", "#.."), torch.tensor([[0.7, 0.0, 0.0], [0.5, 0.5, 0.5]])
    for number in range(40):
        height, width = (int(side) for side in rng.integers(2, 5 if number < 20 else 25, 2))
        mask = draw_mask(rng, (height, width))
        yield draw_map(rng, mask), mask


read_failure = Exercise(
    "4.3",
    "read a failure",
    _failure,
    _draw_failures,
    [
        Mistake(
            lambda p, m: _failure(p, m, spilled_first=True),
            'Ask in the order of the list: what is "missed" and has false alarms besides stays "missed".',
        ),
        Mistake(
            lambda p, m: _failure(p, m, alarm=lambda wrong, pixels: False),
            "An authentic image can fail, too: by what is marked on it.",
        ),
        Mistake(
            lambda p, m: _failure(p, m, alarm=lambda wrong, pixels: wrong > 0),
            "One per cent of an authentic image may be marked before it counts as a false alarm.",
        ),
        Mistake(
            lambda p, m: _failure(p, (m > 0).float()),
            "A mask may be soft: the region is where the mask is above 0.5, not above 0.",
        ),
        Mistake(
            lambda p, m: _failure(p, (m == 1).float()),
            "A mask may be soft: the region is where the mask is above 0.5, not only where it is 1.",
        ),
        Mistake(
            lambda p, m: _failure(p, m, few=lambda found, tampered: found == 0),
            'The region counts as "missed" already where less than half of it is found.',
        ),
        Mistake(
            lambda p, m: _failure(p, m, few=lambda found, tampered: 2 * found <= tampered),
            'Just half of the region is found: that is not less than half, so it is not "missed".',
        ),
        Mistake(
            lambda p, m: _failure(p, m, many=lambda wrong, found: wrong >= found),
            'As much is marked outside as inside: that is not more, so it is not "spilled".',
        ),
        Mistake(
            lambda p, m: _failure(p, m, many=lambda wrong, found: wrong > 0),
            'A few pixels beside the region are not yet "spilled": compare them with those inside it.',
        ),
    ],
    hint="Count the region's pixels, those of them that are marked, and what is marked outside; then take "
    "the list from its top.",
)


# 4.4


def _honest(thresholds: Sequence[float], valid_f1: Sequence[float], test_f1: Sequence[float]) -> Any:
    best = 0
    for place in range(len(thresholds)):
        if valid_f1[place] > valid_f1[best]:
            best = place
    return thresholds[best], test_f1[best]


def _last_of_equals(thresholds: Sequence[float], valid_f1: Sequence[float], test_f1: Sequence[float]) -> Any:
    best = max(range(len(thresholds)), key=lambda place: (valid_f1[place], place))
    return thresholds[best], test_f1[best]


def _draw_curves(rng: np.random.Generator) -> Iterator[Case]:
    yield [0.25, 0.5, 0.75], [0.6, 0.7, 0.8], [0.76, 0.5, 0.7]
    yield [0.25, 0.5, 0.75], [0.9, 0.7, 0.9], [0.6, 0.7, 0.5]
    yield [0.5], [0.4], [0.6]
    for _ in range(40):
        number = int(rng.integers(2, 12))
        valid, test = (rng.integers(0, 9, number) / 10 for _ in range(2))
        yield [round((k + 1) / (number + 1), 3) for k in range(number)], valid.tolist(), test.tolist()


honest_f1 = Exercise(
    "4.4",
    "a threshold chosen without the test set",
    _honest,
    _draw_curves,
    [
        Mistake(
            lambda thresholds, valid, test: _honest(thresholds, test, test),
            "That threshold was chosen by looking at the test images. Choose on the validation images alone.",
        ),
        Mistake(
            lambda thresholds, valid, test: (_honest(thresholds, valid, test)[0], max(test)),
            "The threshold is right, but the score is the best of all. Which score has the chosen threshold?",
        ),
        Mistake(
            lambda thresholds, valid, test: _honest(thresholds, valid, valid),
            "That is the score of the images on which the threshold was chosen, so it flatters. Report "
            "that of the test images at the same threshold.",
        ),
        Mistake(_last_of_equals, "Of equally good thresholds, the lowest is wanted."),
        Mistake(
            lambda thresholds, valid, test: _honest(thresholds, [-abs(t - 0.5) for t in thresholds], test),
            "That always takes the threshold at 0.5. Take the one at which the validation images score best.",
        ),
        Mistake(
            lambda thresholds, valid, test: _honest(thresholds, valid, test)[::-1],
            "The threshold comes first, the F1 second.",
        ),
    ],
    hint="At which place is the validation F1 highest? Threshold and test F1 have the same place.",
)


# 4.5


def _typed(answer: Callable[[Tensor, float], Any]) -> Callable[[Tensor, float], Any]:
    """An answer that says the type of its image besides: the type counts as much as the levels."""

    def typed(image: Tensor, factor: float) -> Any:
        made = answer(image, factor)
        kind = made.dtype if isinstance(made, Tensor) else type(made).__name__
        return {"type": str(kind), "levels": made}

    return typed


def _brightened(
    image: Tensor, factor: float, level: Callable[[float], float] = lambda value: min(255, round(value))
) -> Tensor:
    changed = torch.zeros(image.shape, dtype=torch.float64)
    for channel in range(image.shape[0]):
        for row in range(image.shape[1]):
            for column in range(image.shape[2]):
                changed[channel, row, column] = level(float(image[channel, row, column]) * factor)
    return changed.to(torch.uint8)


def _draw_images(rng: np.random.Generator) -> Iterator[Case]:
    three = torch.tensor([[[10, 100, 200]]], dtype=torch.uint8).repeat(3, 1, 1)
    yield three, 1.0
    yield three, 2.0
    yield torch.tensor([[[101, 7, 33]]], dtype=torch.uint8).repeat(3, 1, 1), 0.25
    for _ in range(30):
        size = (3, int(rng.integers(1, 6)), int(rng.integers(1, 6)))
        levels = torch.from_numpy(rng.integers(0, 256, size).astype(np.uint8))
        yield levels, float(rng.choice([0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 3]))


brighten = Exercise(
    "4.5",
    "a perturbation",
    _typed(_brightened),
    _draw_images,
    [
        Mistake(
            lambda image, factor: _brightened(image, factor, lambda value: round(value) % 256),
            "255 is the brightest level; above it uint8 begins again at 0. Clamp before you turn to uint8.",
        ),
        Mistake(
            lambda image, factor: _brightened(image, factor, lambda value: min(255, math.floor(value))),
            "Levels were cut off where they should be rounded: an image that is to grow no darker does.",
        ),
        Mistake(
            lambda image, factor: _brightened(image, factor).float(),
            "The levels are right so far, but the image must be uint8 again, as it is read from a file.",
        ),
        Mistake(
            lambda image, factor: _brightened(image, 1, lambda value: min(255, round(value + factor))),
            "Multiply by the factor; adding it hardly changes a level.",
        ),
    ],
    hint="Compute in floats, round, keep to 0 ... 255, and return uint8 of the same size.",
    wrap=_typed,
)
