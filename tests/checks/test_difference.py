from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workbook.checks.difference import difference


class Agreeable:
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __hash__ = None


class AgreeableFloat(float):
    __eq__ = Agreeable.__eq__
    __hash__ = float.__hash__


class Broken:
    def __repr__(self):
        raise RuntimeError("no")


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


@given(plain)
def test_a_value_is_like_itself(value):
    assert difference(value, value) is None


@pytest.mark.parametrize(
    ("expected", "same"),
    [
        (1, 1.0),
        (1.0, torch.tensor(1.0)),
        (float("nan"), float("nan")),
        ((1, 2), [1, 2]),
        ([1.0, 2.0], np.array([1, 2])),
        (np.ones((2, 2)), torch.ones(2, 2)),
        (torch.ones(2), [1, 1]),
        (torch.ones(1), torch.ones(1, dtype=torch.bfloat16)),
        (torch.tensor([True]), torch.tensor([1.0])),
        ("a/b", Path("a/b")),
        ({"a"}, ["a"]),
        (True, np.bool_(True)),
        (None, None),
    ],
)
def test_other_ways_to_write_it_are_as_good(expected, same):
    assert difference(expected, same) is None


@pytest.mark.parametrize(
    ("expected", "wrong", "told"),
    [
        (1, 2, "2 where 1 is expected"),
        (1, True, "True where 1 is expected"),
        (True, 1, "1 where True is expected"),
        (1.0, float("nan"), "nan"),
        (1, "1", "'1' where 1"),
        (1, None, "None where 1"),
        (1.0, Agreeable(), "a Agreeable where"),
        (1.0, AgreeableFloat(2), "a AgreeableFloat where"),
        (np.ones(2), Agreeable(), "a Agreeable where"),
        ([1], [Agreeable()], "item 0"),
        ({"a": 1}, {"a": Agreeable()}, "'a'"),
        ({"a": 1}, {}, "no 'a'"),
        ({"a": 1}, {"a": 1, "b": 2}, "'b' is not expected"),
        ({"a"}, {"b"}, "where"),
        ([1, 2], [1], "1 values where 2"),
        ("a", Broken(), "a Broken where"),
        (torch.zeros(2, 2), torch.eye(2), r"at \(0, 0\): 1 where 0 is expected \(2 of 4 values differ\)"),
        (torch.zeros(3), torch.zeros(3, 1), r"shape \(3, 1\) where \(3,\)"),
        (np.zeros(1), np.array(["x"]), "type"),
    ],
)
def test_what_is_wrong_is_told(expected, wrong, told):
    import re

    assert re.search(told, difference(expected, wrong))


def test_a_check_cannot_expect_just_anything():
    with pytest.raises(TypeError, match="cannot be compared"):
        difference(object(), 1)
