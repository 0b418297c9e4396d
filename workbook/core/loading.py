"""Loaders of samples whose order and randomness are a function of (seed, epoch, index)."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator, Sized
from typing import Any

from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler

from workbook.core.batch import collate as collate_samples
from workbook.core.errors import DataError, WorkbookError
from workbook.core.sampling import EpochSampler, Seeded


def make_loader(
    data: Any,
    *,
    batch_size: int,
    seed: int = 0,
    train: bool = False,
    workers: int = 0,
    rank: int = 0,
    processes: int = 1,
    pin: bool = False,
) -> DataLoader[Any]:
    """A loader of `Seeded` samples in an `EpochSampler`'s batches, from a dataset or a loader of one's own.

    A dataset is shuffled when it is to `train`. Of a loader the dataset, batch size, workers, `collate_fn`,
    whether it shuffles, and a sampler of its own (weights, say) are kept.

    Raises:
        DataError: nothing to load, no length, or batches that cannot be numbered.
    """
    collate, order, context, shuffle, drop_last = None, None, None, train, False
    if isinstance(data, DataLoader):
        if data.batch_size is None or isinstance(data.dataset, IterableDataset):
            raise DataError(
                "the loader's batches cannot be numbered, so the run could not be resumed; "
                "give a dataset with __len__ and __getitem__, or a loader with a batch_size"
            )
        batch_size, workers, pin = data.batch_size, data.num_workers, data.pin_memory or pin
        collate, context = data.collate_fn, data.multiprocessing_context
        given: Any = data.sampler
        data, drop_last = data.dataset, data.drop_last
        shuffle = isinstance(given, RandomSampler) and not given.replacement and len(given) == len(data)
        if not shuffle and not isinstance(given, SequentialSampler):
            order = given
    if isinstance(data, str | os.PathLike):
        raise DataError(f"{data}: is a path; give a dataset: ManiDataset(folder) or JsonDataset(file)")
    if not (isinstance(data, Sized) and hasattr(data, "__getitem__")):
        raise DataError(
            f"{type(data).__name__}: has no length or no items; give a dataset or a DataLoader of one"
        )
    sampler = EpochSampler(
        len(data if order is None else order),
        batch_size,
        seed=seed,
        shuffle=shuffle,
        rank=rank,
        processes=processes,
        order=order,
        repeat=train,
        drop_last=drop_last,
    )
    if len(sampler) == 0:
        raise DataError(
            f"{type(data).__name__}: has {len(data)} items, no batch of {batch_size}; check its source"
        )
    return DataLoader(
        Seeded(data, seed, restore=False, workers=workers),
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=collate or collate_samples,
        pin_memory=pin,
        persistent_workers=workers > 0,
        worker_init_fn=_ignore_interrupts,
        multiprocessing_context=context,
    )


def read_batches(loader: DataLoader[Any]) -> Iterator[Any]:
    """The loader's batches; when one of its workers dies, the file that it was reading is named.

    Raises:
        DataError: a worker was killed or crashed.
        WorkbookError: of the dataset, in its own words, from a worker too.
    """
    batches = iter(loader)
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except WorkbookError as error:
            if not str(error).startswith("Caught "):
                raise
            # A worker's: torch has put a whole traceback into the words; the last line is what was said.
            said = str(error).rstrip().splitlines()[-1].partition(": ")[2]
            raise type(error)(said) from error
        except RuntimeError as error:
            if "DataLoader worker" not in str(error) or not isinstance(loader.dataset, Seeded):
                raise
            died = re.search(r"pid\(?s?\)?:? *\(?(\d+)", str(error))
            files = loader.dataset.read_by(int(died[1]) if died else None) or loader.dataset.read_by(None)
            raise DataError(
                f"a worker that loads data died while reading {', '.join(files) or 'its first sample'}; "
                "look at that file, or find the cause with workers=0"
            ) from error
        yield batch


def _ignore_interrupts(_: int) -> None:
    """An interrupt reaches the whole group; the trainer alone decides what becomes of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
