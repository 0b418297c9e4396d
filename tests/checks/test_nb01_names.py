from pathlib import Path

import numpy as np
import pytest

from workbook.checks.nb01_names import find_rule, group_images, size_cause
from workbook.core import Pair
from workbook.curation.sizes import size_cause as library_cause
from workbook.curation.splits import group_pairs


def drawn(exercise, seed):
    return list(exercise.draw(np.random.default_rng(seed)))


@pytest.mark.parametrize("seed", range(5))
def test_every_listing_has_one_rule_that_most_matches_follow(seed):
    for images, masks in drawn(find_rule, seed):
        before, after = find_rule.reference(images, masks)
        rules = [mask.split(image, 1) for mask in masks for image in images if image in mask]
        counts = sorted((rules.count(rule) for rule in map(list, set(map(tuple, rules)))), reverse=True)
        assert rules.count([before, after]) == counts[0]
        assert counts[0] > max(counts[1:], default=0)
        assert images == sorted(images)
        assert masks == sorted(masks)


@pytest.mark.parametrize("seed", range(5))
def test_the_causes_are_the_librarys(seed):
    cases = drawn(size_cause, seed)
    assert {size_cause.reference(*case) for case in cases} >= {"same", "rotated", "scaled", "cropped"}
    for image, mask in cases:
        if image != mask:
            assert size_cause.reference(image, mask) == library_cause(image, mask), (image, mask)


@pytest.mark.parametrize("seed", range(5))
def test_the_groups_are_the_librarys(seed, monkeypatch):
    for (photographs,) in drawn(group_images, seed):
        pairs = [Pair(Path(f"{number:02d}.png")) for number in range(len(photographs))]
        sources = {pair.image: ids for pair, ids in zip(pairs, photographs, strict=True)}
        monkeypatch.setattr("workbook.curation.splits.photographs", sources.__getitem__)
        numbers = [0] * len(pairs)
        for group in group_pairs(pairs):
            for pair in group:
                numbers[pairs.index(pair)] = pairs.index(group[0])
        assert group_images.reference(photographs) == numbers
