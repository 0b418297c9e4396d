"""Datasets from what a command line names: folders in any known layout, JSON lists, dictionaries of both."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from workbook.core.balanced import BalancedDataset
from workbook.core.datasets import JsonDataset, ManiDataset, PairDataset
from workbook.core.errors import DataError
from workbook.core.named_sets import named_paths
from workbook.curation.layouts import find_pairs

PathLike = str | os.PathLike[str]


def open_data(path: PathLike, **options: Any) -> Dataset[Any]:
    """The dataset at a path.

    Args:
        path: a folder in a layout that `find_pairs` knows, a JSON list of pairs, or IMDL-BenCo's JSON list of
            `[class name, path]`.
        **options: those of `PairDataset`.

    Raises:
        DataError: nothing there, or nothing that is known.
    """
    path = Path(path)
    if path.suffix.lower() == ".json" and not path.is_dir():
        kinds = {entry[0] for entry in _content(path) if isinstance(entry, list) and len(entry) == 2}
        if kinds and kinds <= {"ManiDataset", "JsonDataset"}:
            return BalancedDataset(path, **options)
        return JsonDataset(path, **options)
    if (path / "Tp").is_dir() and (path / "Gt").is_dir():
        return ManiDataset(path, **options)
    pairing = find_pairs(path)
    left = len(pairing.images_without_mask) + len(pairing.masks_without_image) + len(pairing.ambiguous)
    if left:
        warnings.warn(f"{path}: {left} files left out, without a partner; audit the dataset", stacklevel=2)
    return PairDataset(pairing.pairs, **options)


def open_sets(paths: Sequence[PathLike], **options: Any) -> dict[str, Dataset[Any]]:
    """Named datasets, each path under its own name; a JSON dictionary of names and paths gives several.

    Args:
        paths: as `open_data` takes them, or JSON dictionaries (IMDL-BenCo's `test_datasets.json`), in which
            relative paths count from the file.
        **options: those of `PairDataset`.

    Raises:
        DataError: nothing there, nothing that is known, or two of one name.
    """
    named = [item for path in paths for item in named_paths(Path(path)).items()]
    names = [name for name, _ in named]
    for name in names:
        if names.count(name) > 1:
            raise DataError(
                f"two test sets are called {name}; name them in a JSON dictionary of names and paths"
            )
    return {name: open_data(path, **options) for name, path in named}


def _content(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); give a folder or a JSON file") from error
    except ValueError as error:
        raise DataError(f"{file}: is not JSON ({error}); give a folder or a JSON list of pairs") from error
