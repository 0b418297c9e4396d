"""Exercises 1.1, 1.2 and 1.5: what names and sizes tell, without a pixel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from workbook.checks.exercise import Case, Exercise, Mistake

Size = tuple[int, int]  # (height, width)


# 1.1 The pairing rule


def _most_common_rule(images: list[str], masks: list[str]) -> tuple[str, str]:
    """What most masks have before and after an image's name."""
    seen: dict[tuple[str, str], int] = {}
    for mask in masks:
        for image in images:
            for start in range(len(mask)):
                if mask.startswith(image, start):
                    rule = mask[:start], mask[start + len(image) :]
                    seen[rule] = seen.get(rule, 0) + 1
    return max(seen, key=lambda rule: seen[rule])


def _rule_by_position(images: list[str], masks: list[str]) -> tuple[str, str]:
    before, _, after = masks[0].partition(images[0])
    return before, after


def _rule_of_the_first(images: list[str], masks: list[str]) -> tuple[str, str]:
    for mask in masks:
        for image in images:
            if image in mask:
                before, _, after = mask.partition(image)
                return before, after
    return "", ""


def _suffix_alone(images: list[str], masks: list[str]) -> tuple[str, str]:
    found = [mask[len(image) :] for mask in masks for image in images if mask.startswith(image)]
    return "", max(found, key=found.count, default="")


def _listings(rng: np.random.Generator) -> Iterator[Case]:
    yield ["cat", "dog"], ["cat_gt", "dog_gt"]
    yield ["cat", "dog"], ["mask_cat", "mask_dog"]
    yield ["ant", "cat", "dog"], ["cat_gt", "dog_gt"]
    yield ["cat", "dog", "owl"], ["ape_gt", "cat_gt", "dog_gt", "owl_gt"]
    yield ["ant", "cat_1", "cat_10", "cat_11"], ["cat_10_gt", "cat_11_gt"]  # cat_1 is in both
    affixes = [("", "_gt"), ("", "_mask"), ("mask_", ""), ("gt-", "-bw"), ("", "")]
    for number in range(15):
        before, after = affixes[number % len(affixes)]
        stems = sorted({f"img{int(i)}" for i in rng.integers(1, 60, 12)})
        masks = [f"{before}{stem}{after}" for stem in stems]
        strangers = [f"{before}other{int(i)}{after}" for i in rng.integers(1, 9, 2)]
        lost = {int(i) for i in rng.integers(0, len(stems), 2)}
        kept = [mask for place, mask in enumerate(masks) if place not in lost]
        yield stems, sorted({*kept, *strangers})


find_rule = Exercise(
    "1.1",
    "find the pairing rule",
    _most_common_rule,
    _listings,
    [
        Mistake(
            _rule_by_position,
            "The first mask of a listing need not belong to its first image: either may have no partner.",
        ),
        Mistake(
            _suffix_alone,
            "A mask's name may also have something before the image's name.",
        ),
        Mistake(
            _rule_of_the_first,
            "An image's name may be part of another's, as cat_1 is of cat_10. "
            "One match proves little: which rule do most of the matches follow?",
        ),
    ],
    "For each mask and each image whose name is in it: what stands before, and what after?",
)


# 1.2 A size mismatch


def _cause_by_the_rules(image: Size, mask: Size) -> str:
    if image == mask:
        return "same"
    if (mask[0], mask[1]) == (image[1], image[0]):
        return "rotated"
    if mask[0] * image[1] == mask[1] * image[0]:  # one factor for both sides
        return "scaled"
    apart = max(abs(image[0] - mask[0]), abs(image[1] - mask[1]))
    return "cropped" if apart <= 16 else "unrelated"


def _cause_by_area(image: Size, mask: Size) -> str:
    if image[0] * image[1] == mask[0] * mask[1]:
        return "same"
    return _cause_by_the_rules(image, mask)


def _cause_scaled_if_both(image: Size, mask: Size) -> str:
    if image == mask or mask == image[::-1]:
        return _cause_by_the_rules(image, mask)
    if image[0] != mask[0] and image[1] != mask[1]:
        return "scaled"
    return _cause_by_the_rules(image, mask)


def _cause_of_smaller_alone(image: Size, mask: Size) -> str:
    cause = _cause_by_the_rules(image, mask)
    larger = mask[0] > image[0] or mask[1] > image[1]
    return "unrelated" if cause == "cropped" and larger else cause


def _cause_cropped_first(image: Size, mask: Size) -> str:
    cause = _cause_by_the_rules(image, mask)
    near = max(abs(image[0] - mask[0]), abs(image[1] - mask[1])) <= 16
    return "cropped" if cause == "scaled" and near else cause


def _cause_cropped_on_one_side(image: Size, mask: Size) -> str:
    cause = _cause_by_the_rules(image, mask)
    near = abs(image[0] - mask[0]) <= 16 or abs(image[1] - mask[1]) <= 16
    return "cropped" if cause == "unrelated" and near else cause


def _sizes(rng: np.random.Generator) -> Iterator[Case]:
    yield (256, 384), (256, 384)
    yield (256, 384), (384, 256)
    yield (256, 384), (128, 192)
    yield (256, 384), (251, 384)
    yield (256, 384), (100, 300)
    yield (600, 450), (475, 450)  # one side is equal, the other is far off
    yield (387, 581), (392, 581)  # padded
    yield (40, 60), (24, 76)  # as far as "cropped" goes, on both sides
    yield (60, 90), (77, 88)  # a pixel further
    yield (300, 300), (150, 150)
    yield (200, 300), (192, 288)  # one factor, and near enough for "cropped"
    for number in range(39):
        height, width = (4 * int(side) for side in rng.integers(60, 120, 2))
        pixels, factor = int(rng.integers(4, 13)), (0.25, 0.5, 1.5, 2)[int(rng.integers(4))]
        masks = [
            (height, width),
            (width, height),
            (int(height * factor), int(width * factor)),
            (height - pixels, width),
            (height, width + pixels),
            (height // 3, width),
            (height // 3, width // 4 * 3),
        ]
        yield (height, width), masks[number % len(masks)]


size_cause = Exercise(
    "1.2",
    "detect a size mismatch",
    _cause_by_the_rules,
    _sizes,
    [
        Mistake(_cause_by_area, "As many pixels is not the same size: compare height and width each."),
        Mistake(
            _cause_scaled_if_both,
            "Scaled means that both sides changed by one factor; that both changed is not enough.",
        ),
        Mistake(_cause_of_smaller_alone, "A mask can be a few pixels larger than its image, too."),
        Mistake(_cause_cropped_first, "Two rules fit here: the one that comes first in the task decides."),
        Mistake(_cause_cropped_on_one_side, "Both sides must be near those of the image, not just one."),
    ],
    "Try the rules in the order of the task; the first that fits decides.",
)


# 1.5 Split without leaking


def _groups_by_spreading(photographs: Sequence[Sequence[str]]) -> list[int]:
    """Let the smaller number win wherever two images share a photograph, until nothing changes."""
    numbers = list(range(len(photographs)))
    changed = True
    while changed:
        changed = False
        for i, one in enumerate(photographs):
            for j, other in enumerate(photographs):
                if set(one) & set(other) and numbers[j] > numbers[i]:
                    numbers[j] = numbers[i]
                    changed = True
    return numbers


def _groups_by(photographs: Sequence[Sequence[str]], which: slice) -> list[int]:
    """Each image with the first that shares a photograph with it, among the ids that `which` leaves."""
    used = [set(ids[which]) for ids in photographs]
    return [next(first for first, other in enumerate(used) if other & ids) for ids in used]


def _photographs(rng: np.random.Generator) -> Iterator[Case]:
    yield ([("ani1",), ("pla2",)],)
    yield ([("ani1",), ("ani1",), ("pla2",)],)
    yield ([("ani1",), ("pla2",), ("sec3", "pla2")],)  # the host is shared
    yield ([("ani1",), ("pla2",), ("ani1", "sec3")],)  # the donor is
    yield ([("ani1", "sec3"), ("pla2", "art4"), ("sec3", "pla2")],)  # the third joins the first two
    for _ in range(25):
        ids = [f"ani{number}" for number in range(int(rng.integers(6, 14)))]
        count = int(rng.integers(3, 10))
        many = [tuple(str(i) for i in rng.choice(ids, int(rng.integers(1, 3)), False)) for _ in range(count)]
        yield (many,)


group_images = Exercise(
    "1.5",
    "split without leaking",
    _groups_by_spreading,
    _photographs,
    [
        Mistake(
            lambda photographs: _groups_by(photographs, slice(-1, None)),
            "The donor's photograph leaks as well as the host's: look at all ids of an image.",
        ),
        Mistake(
            lambda photographs: _groups_by(photographs, slice(1)),
            "The host's photograph leaks as well as the donor's: look at all ids of an image.",
        ),
        Mistake(
            lambda photographs: _groups_by(photographs, slice(None)),
            "An image that shares photographs with two groups makes one group of them, "
            "also where the two were apart until then.",
        ),
    ],
    "Whenever two images share a photograph, give everything in both groups one number.",
)
