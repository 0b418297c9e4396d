import json
import math
from collections import Counter, namedtuple
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workbook.checks.difference import difference
from workbook.course.plain import dumps, loads

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=9,
)


def same(one, other):
    """Equal, of one type, NaN equal to NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@given(VALUES)
def test_what_goes_in_comes_out(value):
    assert same(loads(dumps(value)), value)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64, bool])
def test_arrays_and_tensors_keep_type_and_shape(dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    for value in (array, torch.from_numpy(array.copy())):
        back = loads(dumps(value))
        assert type(back) is type(value)
        assert back.dtype == value.dtype
        assert difference(value, back) is None


def test_a_graph_a_path_a_set_and_a_number_of_numpy():
    assert loads(dumps(torch.ones(2, requires_grad=True) * 2)).tolist() == [2, 2]
    assert loads(dumps(torch.ones(1, dtype=torch.bfloat16))).dtype == torch.float32
    assert loads(dumps(Path("a/b"))) == PurePosixPath("a/b")
    assert loads(dumps({1, "a"})) == {1, "a"}
    assert loads(dumps(np.float64(0.5))).item() == 0.5
    assert loads(dumps(Counter("aab"))) == {"a": 2, "b": 1}
    assert loads(dumps(namedtuple("Pair", "a b")(1, 2))) == (1, 2)


class Always(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


@pytest.mark.parametrize("value", [object(), Always(3), np.array([object()]), np.array(["a"]), print])
def test_of_anything_else_only_the_types_name_is_left(value):
    back = loads(dumps(value))
    assert type(back).__name__ == type(value).__name__
    assert back not in (3, "a")


def test_what_holds_itself_is_refused():
    value = []
    value.append(value)
    with pytest.raises(RecursionError):
        dumps(value)


@pytest.mark.parametrize(
    ("plain", "told"),
    [
        ({"array": "gASVBA=="}, "pickle"),
        ({"array": ""}, "EOFError"),
        ({"evil": 1}, "KeyError"),
        ([1], "without its kind"),
        ({"a": 1, "b": 2}, "too many values"),
        ({"dict": 3}, "TypeError"),
        ({"set": [{"list": []}]}, "TypeError"),
    ],
)
def test_what_nobody_wrote_is_refused(plain, told):
    with pytest.raises(ValueError, match=told):
        loads(json.dumps(plain))


def test_what_is_too_deep_to_read_is_refused():
    with pytest.raises(ValueError, match="RecursionError"):
        loads("[" * 100_000)


def test_no_pickle_is_loaded():
    import base64
    import io

    file = io.BytesIO()
    np.save(file, np.array([object()]), allow_pickle=True)
    with pytest.raises(ValueError, match="pickle"):
        loads(json.dumps({"array": base64.b64encode(file.getvalue()).decode()}))
