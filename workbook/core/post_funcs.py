"""Functions that add fields to a sample, the `post_func` of a dataset: found by name, and called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from workbook.core.errors import WorkbookError

SampleFunction = Callable[[dict[str, Any]], Any]
BUILT_IN = {"jpeg": "workbook.core.jpeg_fields:jpeg_fields"}


def add_fields(sample: dict[str, Any], post_funcs: Iterable[SampleFunction]) -> dict[str, Any]:
    """Call each function with the sample: fields that it sets, or returns as a dictionary, are added.

    >>> add_fields({"image": 1}, [lambda sample: {"twice": 2 * sample["image"]}])
    {'image': 1, 'twice': 2}
    """
    for post_func in post_funcs:
        added = post_func(sample)
        if isinstance(added, dict):
            sample.update(added)
    return sample


def find_post_funcs(names: Iterable[str]) -> list[SampleFunction]:
    """Functions by name.

    Args:
        names: `jpeg` (see `jpeg_fields`), `package.module:function`, or `FILE.py:function`; the file is run.

    Raises:
        WorkbookError: no such module, file or function.

    >>> find_post_funcs(["jpeg"])[0].__name__
    'jpeg_fields'
    """
    return [_find(name) for name in names]


def _find(name: str) -> SampleFunction:
    place, colon, function = BUILT_IN.get(name, name).rpartition(":")
    if not colon or not place or not function:
        raise WorkbookError(
            f"post_func {name!r}: there is none of that name; there is {', '.join(BUILT_IN)}, or give "
            "package.module:function or FILE.py:function"
        )
    if place.endswith(".py"):
        from workbook.core.model_file import module_name, run_file

        file = Path(place).absolute()
        module = sys.modules.get(module_name(file)) or run_file(file)  # the model's own file is run once
    else:
        try:
            module = importlib.import_module(place)
        except ImportError as error:
            raise WorkbookError(
                f"post_func {name!r}: {place} cannot be imported ({error}); is it installed?"
            ) from error
    found = getattr(module, function, None)
    if not callable(found):
        raise WorkbookError(f"post_func {name!r}: {place} has no function {function}")
    return found  # type: ignore[no-any-return]


def settled(names: Iterable[str]) -> list[str]:
    """The same names with whole paths, as a run keeps them.

    >>> settled(["jpeg", "package.module:add"])
    ['jpeg', 'package.module:add']
    """
    found = []
    for name in names:
        place, colon, function = name.rpartition(":")
        found.append(f"{Path(place).absolute()}:{function}" if colon and place.endswith(".py") else name)
    return found
