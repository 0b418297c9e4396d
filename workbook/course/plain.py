"""Values as JSON, so that what comes from an answer's process is data and never an object with a will."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from pathlib import PurePath, PurePosixPath
from typing import Any

import numpy as np
import torch


def dumps(value: Any) -> str:
    """A value as one line of JSON: numbers, strings, arrays, tensors, paths and containers of them.

    Of anything else only the name of its type is kept.

    Raises:
        RecursionError: a container holds itself.

    >>> loads(dumps({"size": (2, 3), "seen": {1}, "mask": torch.tensor([True]), "nothing": None}))
    {'size': (2, 3), 'seen': {1}, 'mask': tensor([True]), 'nothing': None}
    >>> type(loads(dumps(object()))).__name__
    'object'
    """
    return json.dumps(_plain(value))


def loads(text: str) -> Any:
    """What `dumps` wrote; needs no trust in who wrote it.

    Raises:
        ValueError: it is something else.
    """
    try:
        return _value(json.loads(text))
    except (TypeError, KeyError, RecursionError, EOFError) as error:
        raise ValueError(f"no value ({type(error).__name__})") from error


def _plain(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return {"tensor": _npy((value.float() if value.dtype == torch.bfloat16 else value).numpy())}
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biuf":
        return {"array": _npy(np.asarray(value))}
    if isinstance(value, PurePath):
        return {"path": str(value)}
    if isinstance(value, Mapping):
        return {"dict": [[_plain(key), _plain(item)] for key, item in value.items()]}
    for kind, name in ((list, "list"), (tuple, "tuple"), ((set, frozenset), "set")):
        if isinstance(value, kind):
            return {name: [_plain(item) for item in value]}
    return {"other": type(value).__name__}


def _value(plain: Any) -> Any:
    if not isinstance(plain, dict):
        if isinstance(plain, list):
            raise ValueError("a list without its kind")
        return plain
    ((kind, content),) = plain.items()
    if kind in ("array", "tensor"):
        array = np.load(io.BytesIO(base64.b64decode(content)), allow_pickle=False)
        return torch.from_numpy(array) if kind == "tensor" else array
    if kind == "path":
        return PurePosixPath(content)
    if kind == "dict":
        return {_value(key): _value(item) for key, item in content}
    if kind == "other":
        return type(str(content), (), {})()
    return {"list": list, "tuple": tuple, "set": set}[kind](map(_value, content))


def _npy(array: np.ndarray) -> str:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return base64.b64encode(file.getvalue()).decode()
