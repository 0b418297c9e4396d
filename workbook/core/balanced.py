"""A mixture of datasets that counts each alike, whatever its size."""

from __future__ import annotations

import difflib
import functools
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch.utils.data import Dataset

from workbook.core.datasets import JsonDataset, ManiDataset, PairDataset, Sample
from workbook.core.errors import DataError, WorkbookError


class BalancedDataset(Dataset[Sample]):
    """A mixture that draws equally from several datasets, whatever their sizes (Protocol-CAT).

    Index `i` draws an image at random from dataset `i // samples_per_dataset`, by torch's global generator.

    Args:
        spec_or_datasets: IMDL-BenCo's spec, as a JSON file or a list of `[class name, path]` (paths relative
            to the file, or to the working directory for a list), or a list of datasets.
        samples_per_dataset: how many samples each dataset gives to an epoch.
        allow_outside: for the JSON lists of a spec, see `JsonDataset`.
        **options: those of `PairDataset`, for the datasets of a spec.

    Raises:
        DataError: a spec that cannot be read, an unknown class, or no dataset at all.
    """

    def __init__(
        self,
        spec_or_datasets: str | os.PathLike[str] | Sequence[Any],
        samples_per_dataset: int = 1840,
        *,
        allow_outside: bool = False,
        **options: Any,
    ) -> None:
        if not isinstance(samples_per_dataset, int) or samples_per_dataset < 1:
            raise WorkbookError(
                f"samples_per_dataset is {samples_per_dataset!r}; give a positive whole number"
            )
        self.samples_per_dataset = samples_per_dataset
        if not isinstance(spec_or_datasets, (str, os.PathLike, list, tuple)):
            raise WorkbookError(
                f"BalancedDataset: got a {type(spec_or_datasets).__name__}; give a spec's file, or a list of "
                "[class name, path] or of datasets"
            )
        source = "BalancedDataset"
        if isinstance(spec_or_datasets, (str, os.PathLike)):
            source = str(spec_or_datasets)
            entries, root = _read_spec(Path(source)), Path(source).parent
            self.datasets = _from_spec(source, entries, root, options, allow_outside)
        elif any(isinstance(entry, (list, tuple, str, os.PathLike)) for entry in spec_or_datasets):
            self.datasets = _from_spec(source, spec_or_datasets, Path(), options, allow_outside)
        elif options:
            raise WorkbookError(f"{sorted(options)} belong to the datasets; give them where those are made")
        else:
            self.datasets = list(cast("Sequence[PairDataset]", spec_or_datasets))
        if not self.datasets or not all(len(dataset) for dataset in self.datasets):
            raise DataError(f"{source}: needs at least one dataset, and none of them empty")

    def __len__(self) -> int:
        return self.samples_per_dataset * len(self.datasets)

    def __repr__(self) -> str:
        parts = "".join(f"\n  {dataset!r}" for dataset in self.datasets)
        return (
            f"BalancedDataset: {len(self)} samples an epoch, {self.samples_per_dataset} from each of{parts}"
        )

    def __getitem__(self, index: int) -> Sample:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        dataset = self.datasets[index % len(self) // self.samples_per_dataset]
        return dataset[int(torch.randint(len(dataset), ()))]


def _read_spec(file: Path) -> list[Any]:
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{file}: cannot be read as JSON ({error}); give a list of [class name, path]"
        ) from error
    if not isinstance(entries, list):
        raise DataError(f"{file}: holds a {type(entries).__name__}, not a list of [class name, path]")
    return entries


def _from_spec(
    source: str, entries: Sequence[Any], root: Path, options: dict[str, Any], allow_outside: bool
) -> list[PairDataset]:
    kinds: dict[str, Callable[..., PairDataset]] = {
        "ManiDataset": ManiDataset,
        "JsonDataset": functools.partial(JsonDataset, allow_outside=allow_outside),
    }
    made = []
    for entry in entries:
        pair = isinstance(entry, (list, tuple)) and len(entry) == 2
        if not pair or not all(isinstance(part, str) for part in entry):
            raise DataError(
                f"{source}: {entry!r} is not a part of a balanced dataset; write [class name, path]"
            )
        kind, path = entry
        if kind not in kinds:
            near = difflib.get_close_matches(kind, kinds, n=1, cutoff=0)[0]
            raise DataError(
                f"{source}: {kind} is no dataset class; did you mean {near}? Known are {', '.join(kinds)}"
            )
        made.append(kinds[kind](root / path, **options))
    return made
