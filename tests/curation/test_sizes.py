import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbook.curation.sizes import place, resize_nearest, size_cause

CASIA_V2_CAUSES = ["rotated"] * 3 + ["cropped"] + ["unrelated"] * 2 + ["rotated"] + ["cropped"] * 3
CASIA_V2_CAUSES += ["rotated"] + ["cropped"] * 3 + ["scaled"] + ["cropped"] * 2


def test_the_seventeen_of_casia_v2(shared):
    rows = re.findall(r"\| Tp_\S+ \| (\d+), (\d+) \| (\d+), (\d+) \|", (shared / "README.md").read_text())
    causes = [size_cause((int(a), int(b)), (int(c), int(d))) for a, b, c, d in rows]
    assert causes == CASIA_V2_CAUSES


@pytest.mark.parametrize(
    ("image", "mask", "cause"),
    [
        ((384, 256), (500, 334), "scaled"),
        ((413, 620), (408, 613), "scaled"),
        ((256, 384), (246, 384), "cropped"),
        ((100, 200), (99, 199), "cropped"),
        ((100, 200), (400, 200), "rotated"),
        ((100, 100), (100, 50), "unrelated"),
    ],
)
def test_causes(image, mask, cause):
    assert size_cause(image, mask) == cause


@given(st.integers(20, 900), st.integers(20, 900), st.floats(1.1, 6))
def test_a_rescaled_mask_is_known_in_spite_of_rounding(height, width, scale):
    mask = (round(height * scale), round(width * scale))
    assert size_cause((height, width), mask) in ("scaled", "cropped", "rotated")
    assert size_cause(mask, (height, width)) in ("scaled", "cropped", "rotated")


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5))
def test_nearest_of_an_enlargement_brings_back_the_mask(height, width, times):
    values = np.random.default_rng(0).integers(0, 255, (height, width), dtype=np.uint8)
    larger = resize_nearest(values, (height * times, width * times))
    assert np.array_equal(larger, values.repeat(times, 0).repeat(times, 1))
    assert np.array_equal(resize_nearest(larger, values.shape), values)


@given(st.integers(-6, 6), st.integers(-6, 6))
def test_place_against_brute_force(row, column):
    values = np.arange(1, 13).reshape(3, 4)
    expected = np.zeros((5, 4), int)
    for r, c in np.ndindex(3, 4):
        if 0 <= r + row < 5 and 0 <= c + column < 4:
            expected[r + row, c + column] = values[r, c]
    assert np.array_equal(place(values, (5, 4), (row, column)), expected)
