"""Exercises 1.3, 1.4 and 1.6: what has to be seen in the pixels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from workbook.checks.exercise import Case, Exercise, Mistake

# 1.3 From alpha to a mask


def _mask_of(rgba: np.ndarray, soft: bool) -> np.ndarray:
    height, width, _ = rgba.shape
    alphas = {int(rgba[row, column, 3]) for row in range(height) for column in range(width)}
    channel = 3 if len(alphas) > 1 else 0
    mask = np.zeros((1, height, width), dtype=np.float32)
    for row in range(height):
        for column in range(width):
            level = int(rgba[row, column, channel])
            mask[0, row, column] = level / 255 if soft else float(level >= 128)
    return mask


def _levels(rgba: np.ndarray, channel: int, soft: bool) -> np.ndarray:
    level = rgba[None, ..., channel].astype(np.float32) / 255
    return level if soft else (level > 0.5).astype(np.float32)


def _picture(grey: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.stack([grey, grey, grey, alpha], axis=-1).astype(np.uint8)


def _pictures(rng: np.random.Generator) -> Iterator[Case]:
    one, none = np.array([[0, 255]]), np.zeros((1, 2))
    yield _picture(none, one), False
    yield _picture(one, none + 255), False  # opaque: the mask is in the colours
    yield _picture(none, np.array([[0, 60]])), False
    yield _picture(none, np.array([[0, 200]])), True
    yield _picture(none, np.array([[127, 128]])), False
    for number in range(20):
        shape = tuple(int(side) for side in rng.integers(3, 7, 2))
        levels = rng.integers(0, 256, shape)
        levels[0, :2] = 0, 255
        in_alpha, soft = bool(number % 2), bool(number // 2 % 2)
        yield _picture(*((np.zeros(shape), levels) if in_alpha else (levels, np.full(shape, 255)))), soft


alpha_to_mask = Exercise(
    "1.3",
    "alpha to mask",
    _mask_of,
    _pictures,
    [
        Mistake(
            lambda rgba, soft: _levels(rgba, 0, soft),
            "Where alpha varies, the mask is there, and the colours say nothing.",
        ),
        Mistake(
            lambda rgba, soft: _levels(rgba, 3, soft),
            "An opaque picture has the same alpha everywhere; then the mask is in the colours.",
        ),
        Mistake(
            lambda rgba, soft: _mask_of(rgba, True) if soft else np.sign(_mask_of(rgba, True)),
            "A grey pixel is marked from 128 on, not from 1 on.",
        ),
        Mistake(
            lambda rgba, soft: _mask_of(rgba, True),
            "Unless a soft mask is asked for, a mask holds 0 and 1 only.",
        ),
        Mistake(
            lambda rgba, soft: _mask_of(rgba, False),
            "A soft mask keeps its grey levels, as values from 0 to 1.",
        ),
        Mistake(
            lambda rgba, soft: _mask_of(rgba, True) * 255 if soft else _mask_of(rgba, soft),
            "A mask's values are from 0 to 1; a file's are from 0 to 255.",
        ),
    ],
    "Which channel holds the mask? Then scale it, or cut it.",
)


# 1.4 Choose the repair


def _overlap(mask: np.ndarray, changed: np.ndarray) -> float:
    """Intersection over union, counted pixel by pixel."""
    both = either = 0
    for one, other in zip(mask.ravel().tolist(), changed.ravel().tolist(), strict=True):
        both += one and other
        either += one or other
    return both / either if either else 0.0


def _repaired(mask: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "keep": mask,
        "flip horizontal": np.fliplr(mask),
        "flip vertical": np.flipud(mask),
        "rotate 180": np.rot90(mask, 2),
        "invert": np.logical_not(mask),
    }


def _best_repair(changed: np.ndarray, mask: np.ndarray) -> str:
    best, most = "drop", 0.5
    for name, candidate in _repaired(mask).items():
        overlap = _overlap(candidate, changed)
        if overlap > most or (overlap == most and best == "drop"):
            best, most = name, overlap
    return best


def _most_covered(changed: np.ndarray, mask: np.ndarray) -> str:
    covered = {name: int((one & changed).sum()) for name, one in _repaired(mask).items()}
    return max(covered, key=lambda name: covered[name])


def _never_dropped(changed: np.ndarray, mask: np.ndarray) -> str:
    overlaps = {name: _overlap(one, changed) for name, one in _repaired(mask).items()}
    return max(overlaps, key=lambda name: overlaps[name])


def _axes_swapped(changed: np.ndarray, mask: np.ndarray) -> str:
    swapped = {"flip horizontal": "flip vertical", "flip vertical": "flip horizontal"}
    best = _best_repair(changed, mask)
    return swapped.get(best, best)


def _forgeries(rng: np.random.Generator) -> Iterator[Case]:
    corner = np.zeros((2, 3), dtype=bool)
    corner[0, 0] = True
    yield corner, corner
    yield corner, np.fliplr(corner)
    yield corner, np.flipud(corner)
    yield corner, np.rot90(corner, 2)
    yield corner, ~corner
    corner_of_three = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]) > 0
    yield corner_of_three, np.array([[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]) > 0  # nothing mends it
    yield np.array([[1, 1, 0]]) > 0, np.array([[1, 0, 0]]) > 0  # an IoU of just 0.5, which is not below it
    yield np.array([[1, 1, 1, 0, 0]]) > 0, np.array([[1, 1, 0, 0, 0]]) > 0  # of 2/3
    yield (
        np.array([[1, 1, 1, 1, 0, 0]]) > 0,
        np.array([[0, 0, 1, 1, 1, 1]]) > 0,
    )  # 1/3 as it is, 1 when turned
    for number in range(24):
        changed = np.zeros((12, 16), dtype=bool)
        top, left = (int(start) for start in rng.integers(0, 3, 2))
        changed[top : top + 4, left : left + 5] = True
        mask = changed.copy()
        mask[top, left : left + 2] = False  # as drawn by hand: nearly right
        elsewhere = np.roll(changed, (4, 5), axis=(0, 1))
        kinds = [*_repaired(mask).values(), elsewhere]
        yield changed, kinds[number % len(kinds)].copy()


choose_repair = Exercise(
    "1.4",
    "choose the repair",
    _best_repair,
    _forgeries,
    [
        Mistake(
            _axes_swapped,
            "Horizontal swaps left and right, so it turns round the columns, the second axis.",
        ),
        Mistake(
            _most_covered,
            "Covering the change is not enough, or a mask that marks everything would always win. "
            "What is marked in vain must count, too.",
        ),
        Mistake(_never_dropped, "The best of five can still be wrong: see the last sentence of the task."),
    ],
    "Compute how well each of the five candidates fits, and take the first of the best.",
)


# 1.6 A joint flip


def _flipped_together(image: Tensor, mask: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    if np.random.default_rng(seed).random() >= 0.5:
        return image, mask
    backwards = list(range(image.shape[2]))[::-1]  # of the columns
    return image[:, :, backwards], mask[:, :, backwards]


def _flipped_apart(image: Tensor, mask: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    flipped = [part.flip(-1) if rng.random() < 0.5 else part for part in (image, mask)]
    return flipped[0], flipped[1]


def _flipped_upside_down(image: Tensor, mask: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    flips = np.random.default_rng(seed).random() < 0.5
    return (image.flip(1), mask.flip(1)) if flips else (image, mask)


def _flipped_alone(image: Tensor, mask: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    return _flipped_together(image, mask, seed)[0], mask


def _images_and_masks(rng: np.random.Generator) -> Iterator[Case]:
    tiny = torch.arange(12, dtype=torch.uint8).reshape(3, 2, 2)
    corner = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    for seed in range(8):
        yield tiny, corner, seed
    for seed in rng.integers(1000, size=20):
        height, width = (int(side) for side in rng.integers(3, 8, 2))
        image = torch.from_numpy(rng.integers(0, 256, (3, height, width)).astype(np.uint8))
        mask = torch.from_numpy(rng.integers(0, 2, (1, height, width)).astype(np.float32))
        yield image, mask, int(seed)


joint_flip = Exercise(
    "1.6",
    "joint flip",
    _flipped_together,
    _images_and_masks,
    [
        Mistake(_flipped_alone, "The image was flipped and the mask was not: it now marks another place."),
        Mistake(
            _flipped_apart,
            "Two throws, one for the image and one for the mask, part them half of the time.",
        ),
        Mistake(
            _flipped_upside_down, "That flips upside down: of (channels, height, width), which is across?"
        ),
        Mistake(
            lambda image, mask, seed: (image.flip(-1), mask.flip(-1)),
            "Only about half of the pairs are to be flipped: the throw decides.",
        ),
    ],
    "Draw one number with the generator of the task, and do the same to both.",
)
