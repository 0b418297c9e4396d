"""Exercises 4.1 and 4.2: pixel F1 by hand, a score for authentic images; and what to try them on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from workbook.checks.exercise import Case, Exercise, Mistake

NAN = float("nan")


def grid(*rows: str) -> Tensor:
    """A mask from rows of `#` (tampered) and `.`."""
    return torch.tensor([[float(sign == "#") for sign in row] for row in rows])


def pixels_of(*grids: Tensor) -> list[tuple[float, ...]]:
    """The pixels of maps of one size, one after the other, each with its value in every map."""
    return list(zip(*(grid.flatten().tolist() for grid in grids), strict=True))


def draw_mask(rng: np.random.Generator, size: tuple[int, int], soft: bool = False) -> Tensor:
    """A box, now and then none; soft masks take quarters at a part of the pixels."""
    mask = torch.zeros(size)
    if rng.random() < 0.8:
        top, left = (int(rng.integers(0, side)) for side in size)
        mask[top : top + 1 + int(rng.integers(size[0])), left : left + 1 + int(rng.integers(size[1]))] = 1
    if soft:
        grey = torch.from_numpy(rng.integers(0, 5, size)) / 4
        mask = torch.where(torch.from_numpy(rng.random(size) < 0.3), grey, mask)
    return mask.float()


def draw_map(rng: np.random.Generator, mask: Tensor) -> Tensor:
    """Probabilities in quarters that follow the mask more or less."""
    follows = torch.from_numpy(rng.random(mask.shape) < rng.random())
    guess = torch.from_numpy(rng.integers(0, 5, mask.shape)) / 4
    return torch.where(follows, mask, guess).float()


# 4.1


def _f1(
    pred_mask: Tensor,
    mask: Tensor,
    threshold: float,
    is_marked: Callable[[float, float], bool] = lambda p, threshold: p > threshold,
    is_tampered: Callable[[float], bool] = lambda m: m > 0.5,
    untampered: float = NAN,
    formula: Callable[[int, int, int, int], float] = lambda tp, fp, fn, tn: 2 * tp / (2 * tp + fp + fn),
) -> float:
    tp = fp = fn = tn = 0
    for probability, truth in pixels_of(pred_mask, mask):
        marked, tampered = is_marked(probability, threshold), is_tampered(truth)
        tp += marked and tampered
        fp += marked and not tampered
        fn += tampered and not marked
        tn += not marked and not tampered
    return formula(tp, fp, fn, tn) if tp + fn else untampered


def _by_precision(tp: int, fp: int, fn: int, tn: int) -> float:
    if tp + fp == 0 or tp == 0:
        return NAN
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    return 2 * precision * recall / (precision + recall)


def _draw_f1(rng: np.random.Generator) -> Iterator[Case]:
    yield torch.tensor([[0.9, 0.2, 0.8, 0.7, 0.1, 0.1, 0.1]]), grid("##....."), 0.5
    yield torch.tensor([[0.9, 0.5, 0.1]]), grid("#.."), 0.5
    yield torch.tensor([[0.9, 0.1]]), grid(".."), 0.5
    yield torch.tensor([[0.0, 0.0]]), grid("#."), 0.5
    yield torch.tensor([[0.9, 0.9, 0.1]]), torch.tensor([[1.0, 0.3, 0.0]]), 0.5
    yield torch.tensor([[0.6, 0.9, 0.1]]), grid("##."), 0.75
    for number in range(60):
        height, width = (int(side) for side in rng.integers(1, 4 if number < 20 else 30, 2))
        mask = draw_mask(rng, (height, width), soft=number % 3 == 2)
        yield draw_map(rng, mask), mask, float(rng.choice([0.0, 0.25, 0.5, 0.625, 0.75]))


pixel_f1 = Exercise(
    "4.1",
    "pixel F1 by hand",
    _f1,
    _draw_f1,
    [
        Mistake(
            lambda p, m, t: _f1(p, m, t, is_marked=lambda p, t: p >= t),
            "A pixel is marked where its probability is above the threshold; one that equals it is not.",
        ),
        Mistake(
            lambda p, m, t: _f1(p, m, 0.5),
            "The threshold is an argument; 0.5 is only its usual value.",
        ),
        Mistake(
            lambda p, m, t: _f1(p, m, t, is_tampered=lambda m: m > 0),
            "A mask may be soft: a pixel is tampered where the mask is above 0.5, not above 0.",
        ),
        Mistake(
            lambda p, m, t: _f1(p, m, t, untampered=0.0),
            "Nothing is tampered here, so there is nothing to find, and F1 says nothing: not 0 but NaN.",
        ),
        Mistake(
            lambda p, m, t: _f1(p, m, t, untampered=1.0),
            "Nothing is tampered here, so there is nothing to find, and F1 says nothing: not 1 but NaN.",
        ),
        Mistake(
            lambda p, m, t: _f1(p, m, t, formula=_by_precision),
            "Precision is 0/0 where nothing is marked. Is there a form of F1 that needs no precision?",
        ),
        Mistake(
            lambda p, m, t: _f1(p, m, t, formula=lambda tp, fp, fn, tn: tp / (tp + fp + fn)),
            "That is the IoU. F1 counts what was found twice.",
        ),
        Mistake(
            lambda p, m, t: _f1(p, m, t, formula=lambda tp, fp, fn, tn: (tp + tn) / (tp + fp + fn + tn)),
            "That is the accuracy: it rewards every authentic pixel left alone, and there are many.",
        ),
        Mistake(
            lambda p, m, t: _f1(p, m, t, formula=lambda tp, fp, fn, tn: tp / (tp + fn)),
            "That is the recall: marking everything would be perfect. False alarms must count, too.",
        ),
    ],
    hint="Count found (TP), false alarms (FP) and missed (FN) pixels first, and print them for this input.",
)


# 4.2


def _two_scores(
    pred_masks: Sequence[Tensor],
    masks: Sequence[Tensor],
    authentic_f1: Callable[[bool], float | None] = lambda any_marked: None,
    alarms_of_all: bool = False,
    share_of: Callable[[int, int], float] = lambda marked, pixels: marked / pixels,
) -> dict[str, float]:
    f1s: list[float] = []
    alarms: list[float] = []
    for pred_mask, mask in zip(pred_masks, masks, strict=True):
        pixels = pixels_of(pred_mask, mask)
        authentic = [p for p, m in pixels if m <= 0.5]
        wrong = sum(p > 0.5 for p in authentic)
        if len(authentic) < len(pixels):
            f1s.append(_f1(pred_mask, mask, 0.5))
        elif (score := authentic_f1(wrong > 0)) is not None:
            f1s.append(score)
        if authentic and (alarms_of_all or len(authentic) == len(pixels)):
            alarms.append(share_of(wrong, len(authentic)))
    return {"pixel_f1": _mean(f1s), "false_alarm_rate": _mean(alarms)}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else NAN


def _pooled(pred_masks: Sequence[Tensor], masks: Sequence[Tensor]) -> dict[str, float]:
    """All pixels of the tampered images together, and all of the authentic ones."""
    some = [(p, m) for p, m in zip(pred_masks, masks, strict=True) if bool((m > 0.5).any())]
    none = [p for p, m in zip(pred_masks, masks, strict=True) if not bool((m > 0.5).any())]
    flat = [torch.cat([part.flatten() for part in parts]) for parts in zip(*some, strict=True)]
    marked = torch.cat([p.flatten() for p in none]) > 0.5 if none else torch.zeros(0)
    return {
        "pixel_f1": _f1(flat[0], flat[1], 0.5) if some else NAN,
        "false_alarm_rate": _mean(marked.float().tolist()),
    }


def _draw_sets(rng: np.random.Generator) -> Iterator[Case]:
    found, nothing, alarm = torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2), torch.tensor([[0.9, 0.0]])
    tampered, authentic = grid("#."), grid("..")
    yield [found, nothing], [tampered, authentic]
    yield [torch.ones(1, 2), nothing], [tampered, authentic]
    yield [found, alarm], [tampered, authentic]
    yield [torch.ones(1, 2), nothing, alarm], [tampered, authentic, authentic]
    yield [found], [tampered]
    yield [alarm], [authentic]
    yield [found, torch.zeros(2, 3)], [tampered, grid("##.", "###")]
    yield [torch.tensor([[0.9, 0.0, 0.9]])], [torch.tensor([[0.6, 0.9, 0.3]])]
    yield [torch.tensor([[0.9, 0.5]])], [torch.tensor([[0.5, 0.3]])]  # soft, and nowhere above a half
    for _ in range(30):
        masks = [
            draw_mask(rng, (int(rng.integers(1, 9)), int(rng.integers(1, 9)))) * float(rng.random() < 0.6)
            for _ in range(int(rng.integers(1, 7)))
        ]
        yield [draw_map(rng, mask) for mask in masks], masks


two_scores = Exercise(
    "4.2",
    "a score for authentic images",
    _two_scores,
    _draw_sets,
    [
        Mistake(
            lambda p, m: _two_scores(p, m, lambda any_marked: 0.0),
            "Authentic images were counted with F1 = 0, so that even a model that is always right "
            "cannot reach 1. Leave them out of the mean.",
        ),
        Mistake(
            lambda p, m: _two_scores(p, m, lambda any_marked: float(not any_marked)),
            "Authentic images were counted with F1 = 1 where nothing is marked, so that a model that marks "
            "nothing at all scores well. Leave them out of the mean.",
        ),
        Mistake(
            lambda p, m: _two_scores(p, m, alarms_of_all=True),
            "The false alarm rate is to be that of the authentic images alone; in tampered ones F1 counts "
            "false alarms already.",
        ),
        Mistake(
            lambda p, m: _two_scores(p, m, share_of=lambda marked, pixels: float(marked > 0)),
            "That is the share of authentic images with an alarm. Wanted is the mean share of their pixels.",
        ),
        Mistake(
            lambda p, m: _two_scores(p, [(mask > 0).float() for mask in m]),
            "A mask may be soft: a pixel is tampered where the mask is above 0.5, not above 0.",
        ),
        Mistake(
            lambda p, m: _two_scores(p, [(mask == 1).float() for mask in m]),
            "A mask may be soft: a pixel is tampered where the mask is above 0.5, not only where it is 1.",
        ),
        Mistake(
            _pooled,
            "That puts the pixels of all images together, so that large images and regions decide. "
            "Score each image, then take the mean of the scores.",
        ),
    ],
    hint="Is each image counted in one of the two scores only? A score without an image is NaN.",
)
