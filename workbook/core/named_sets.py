"""Datasets and checkpoints by name, from what people have: dictionaries, folders, JSON files, runs."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping, Sized
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from workbook.core.checkpoint import find_weights
from workbook.core.datasets import JsonDataset, ManiDataset, PairDataset
from workbook.core.errors import CheckpointError, DataError, WorkbookError
from workbook.core.fit import Fit
from workbook.core.pairs import Pair

Size = int | tuple[int, int] | None


def named_sets(datasets: Any, size: Size = None, fit: Fit = "resize") -> dict[str, Any]:
    """Test sets by name.

    Args:
        datasets: a dataset, a list of pairs, a folder with `Tp` and `Gt`, a JSON list of pairs, a JSON
            dictionary from names to such folders and lists (IMDL-BenCo's `test_datasets.json`; relative paths
            count from its folder), or a dictionary from names to any of these.
        size: what images of folders, lists and JSON files are fitted to; datasets have their own.
        fit: how.

    Raises:
        DataError: nothing there, or something that is no dataset.

    >>> list(named_sets({"casia": [Pair(Path("a.jpg"))]}))
    ['casia']
    """
    if isinstance(datasets, Mapping):
        named = {str(name): data for name, data in datasets.items()}
    elif isinstance(datasets, str | os.PathLike):
        named = named_paths(Path(datasets))
    else:
        named = {_name(datasets): datasets}
    if not named:
        raise DataError("there is no dataset to evaluate on; give a dictionary from names to datasets")
    return {name: _dataset(data, size, fit) for name, data in named.items()}


def named_paths(path: Path) -> dict[str, Path]:
    """The paths that a JSON dictionary names (IMDL-BenCo's `test_datasets.json`), else the path by its name.

    Args:
        path: of a dictionary, whose relative paths count from its folder; of a folder or a JSON list.

    Raises:
        DataError: an entry of a dictionary is no path.

    >>> list(named_paths(Path("data/casia.v2")))
    ['casia.v2']
    """
    content = None
    if path.suffix.lower() == ".json" and path.is_file():
        with contextlib.suppress(OSError, ValueError):  # the dataset says what is wrong with it
            content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        return {_own_name(path): path}
    for name, entry in content.items():
        if not isinstance(entry, str) or not entry:
            raise DataError(
                f"{path}: {name!r} is {entry!r}; write the path of a folder or of a JSON list of pairs"
            )
    return {name: path.parent / entry for name, entry in content.items()}


def _dataset(data: Any, size: Size, fit: Fit) -> Any:
    if isinstance(data, str | os.PathLike):
        path = Path(data)
        if not path.exists():
            raise DataError(f"{path}: is not there; give a folder with Tp and Gt, or a JSON list of pairs")
        return (
            ManiDataset(path, size=size, fit=fit) if path.is_dir() else JsonDataset(path, size=size, fit=fit)
        )
    if isinstance(data, DataLoader):
        raise DataError("a loader pads images that share a batch; give its dataset (loader.dataset)")
    if isinstance(data, list | tuple) and data and all(isinstance(one, Pair) for one in data):
        return PairDataset(data, size=size, fit=fit)
    if not isinstance(data, Sized) or not hasattr(data, "__getitem__") or not len(data):
        raise DataError(
            f"a {type(data).__name__} is no dataset with items; give a dataset, a folder or pairs"
        )
    return data


def _name(data: Any) -> str:
    path = getattr(data, "folder", None) or getattr(data, "file", None)
    return "test" if path is None else _own_name(Path(path))


def _own_name(path: Path) -> str:
    path = Path(os.path.abspath(path))  # the folder "." has a name
    return path.stem if path.suffix.lower() == ".json" and not path.is_dir() else path.name


def named_checkpoints(checkpoints: Any) -> dict[str, Path | None]:
    """Checkpoints by name, each there; `{"model": None}`, the model as it is, where there are none.

    Args:
        checkpoints: None, a path as `load_checkpoint` takes it, a list of paths, or a dictionary of them.

    Raises:
        CheckpointError: one is not there.
        WorkbookError: two have one name.
    """
    if checkpoints is None:
        return {"model": None}
    if isinstance(checkpoints, Mapping):
        return {str(name): find_weights(path) for name, path in checkpoints.items()}
    several = [checkpoints] if isinstance(checkpoints, str | os.PathLike) else _listed(checkpoints)
    names = _shortest([Path(path) for path in several])
    return {name: find_weights(path) for name, path in zip(names, several, strict=True)}


def _listed(checkpoints: Any) -> list[Any]:
    several = list(checkpoints) if isinstance(checkpoints, Iterable) else []
    if not several:
        raise CheckpointError(
            f"checkpoints is {checkpoints!r}; give a path, or a list or dictionary of paths"
        )
    return several


def _shortest(paths: list[Path]) -> list[str]:
    """Names from the ends of paths, as long as it takes to tell them apart."""
    parts = [path.with_suffix("").parts if path.suffix == ".safetensors" else path.parts for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    raise WorkbookError(f"the checkpoint {paths[0]} is given twice; give each once")
