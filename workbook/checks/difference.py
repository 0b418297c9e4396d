"""How an answer differs from what was expected, in words; None where it does not.

An answer is first turned into plain numbers, strings, arrays and containers of them. What cannot be is
refused by its type, so that an object whose `==` is always true earns nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Number
from pathlib import PurePath
from typing import Any

import numpy as np
import torch

LINE = 200  # characters of a value as text


def difference(expected: Any, given: Any, tolerance: float = 1e-6) -> str | None:
    """What is wrong with the answer `given`, in a few words, or None.

    Numbers and arrays are compared by value within `tolerance`, absolute and relative, NaN equal to NaN; an
    array is as good as a tensor, a list as good as a tuple, a path as good as its string; bools are not
    numbers.

    >>> difference(1.0, 1 + 1e-9) is None
    True
    >>> difference([1, 2], (1, 3))
    'item 1: 3 where 2 is expected'
    >>> difference(torch.zeros(2, 3), np.zeros((3, 2)))
    'shape (3, 2) where (2, 3) is expected'
    """
    if isinstance(expected, (np.ndarray, torch.Tensor)):
        return _array_difference(_array(expected), given, tolerance)
    if isinstance(expected, Mapping):
        return _mapping_difference(expected, given, tolerance)
    if isinstance(expected, (list, tuple)):
        return _sequence_difference(expected, given, tolerance)
    if isinstance(expected, (set, frozenset)):
        plain = type(given) in (set, frozenset, list, tuple)
        return None if plain and {*map(_hashable, given)} == set(expected) else _told(expected, given)
    if isinstance(expected, PurePath) or type(expected) is str:
        plain = isinstance(given, PurePath) or type(given) is str
        return None if plain and str(given) == str(expected) else _told(expected, given)
    return _scalar_difference(expected, given, tolerance)


def _scalar_difference(expected: Any, given: Any, tolerance: float) -> str | None:
    if isinstance(given, (np.ndarray, np.generic, torch.Tensor)) and np.size(_array(given)) == 1:
        given = _array(given).reshape(-1)[0].item()
    if expected is None or isinstance(expected, (bool, np.bool_)):
        same = type(given) in (type(None), bool) and given == expected
    elif isinstance(expected, Number):
        # The type itself, not isinstance: a subclass may say of anything that it is equal.
        same = type(given) in (int, float) and bool(
            np.isclose(float(given), float(expected), tolerance, tolerance, equal_nan=True)  # type: ignore[arg-type]
        )
    else:
        raise TypeError(f"a check expects a {type(expected).__name__}, which cannot be compared")
    return None if same else _told(expected, given)


def _array_difference(expected: np.ndarray, given: Any, tolerance: float) -> str | None:
    if type(given) in (list, tuple, int, float, bool):
        given = np.asarray(given)
    if not isinstance(given, (np.ndarray, torch.Tensor)):
        return f"{short(given)} where an array or tensor of shape {expected.shape} is expected"
    values = _array(given)
    if values.shape != expected.shape:
        return f"shape {values.shape} where {expected.shape} is expected"
    if values.dtype.kind not in "biuf":
        return f"values of type {values.dtype} where numbers are expected"
    wrong = ~np.isclose(values.astype(float), expected.astype(float), tolerance, tolerance, equal_nan=True)
    if not wrong.any():
        return None
    where = tuple(int(index[0]) for index in np.nonzero(wrong)) if values.ndim else ()
    place = f"at {where}: " if where else ""
    share = f" ({int(wrong.sum())} of {wrong.size} values differ)" if wrong.size > 1 else ""
    return f"{place}{values[where].item():.6g} where {expected[where].item():.6g} is expected{share}"


def _mapping_difference(expected: Mapping[Any, Any], given: Any, tolerance: float) -> str | None:
    if not isinstance(given, dict):
        return f"{short(given)} where a dictionary is expected"
    if missing := [key for key in expected if key not in given]:
        return f"no {missing[0]!r}"
    if extra := [key for key in given if key not in expected]:
        return f"{short(extra[0])} is not expected"
    for key, value in expected.items():
        if found := difference(value, given[key], tolerance):
            return f"{key!r}: {found}"
    return None


def _sequence_difference(expected: Any, given: Any, tolerance: float) -> str | None:
    if isinstance(given, (np.ndarray, torch.Tensor)):
        given = _array(given).tolist()
    if not isinstance(given, (list, tuple)):
        return f"{short(given)} where {len(expected)} values are expected"
    if len(given) != len(expected):
        return f"{len(given)} values where {len(expected)} are expected"
    for number, (right, value) in enumerate(zip(expected, given, strict=True)):
        if found := difference(right, value, tolerance):
            return f"item {number}: {found}"
    return None


def _array(value: Any) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = value.float() if value.dtype == torch.bfloat16 else value
        return value.numpy()
    return np.asarray(value)


def _hashable(value: Any) -> Any:
    return str(value) if isinstance(value, PurePath) else value if type(value) in (str, int, float) else None


def _told(expected: Any, given: Any) -> str:
    return f"{short(given)} where {short(expected)} is expected"


def short(value: Any) -> str:
    """A value as text that cannot fail and fits a line."""
    plain = (str, int, float, bool, type(None), list, tuple, dict, set, frozenset, np.ndarray, torch.Tensor)
    if isinstance(value, PurePath):
        return repr(str(value))
    if type(value) not in plain:
        return f"a {type(value).__name__}"
    if isinstance(value, (np.ndarray, torch.Tensor)) and np.size(_array(value)) > 16:
        return f"{type(value).__name__} of shape {tuple(value.shape)}"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - what is inside a learner's list is the learner's
        return f"a {type(value).__name__}"
    return text if len(text) <= LINE else text[: LINE - 4] + " ..."
