"""Data randomness as a pure function of (seed, epoch, index): nothing of the workers is saved, and none is needed.

The sampler hands out `(epoch, index)`, each sample seeds the generators from the three. So any number of workers or processes
sees the same samples, and a run resumes in the middle of an epoch by starting the sampler further on.
"""

from __future__ import annotations

import os
import random
import re
import signal
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    get_worker_info,
)

from workbook.core.errors import DataError

Key = tuple[int, int]  # (epoch, index)
MASK = (1 << 64) - 1


def mix(*numbers: int) -> int:
    """One 64-bit number from several, such that neighbours share nothing (SplitMix64, Steele et al. 2014).

    >>> mix(0, 1, 2) != mix(0, 2, 1)
    True
    """
    state = 0
    for number in numbers:
        state = (state + 0x9E3779B97F4A7C15 + (number & MASK)) & MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
        state ^= state >> 31
    return state


def seed_all(*numbers: int) -> None:
    """Seed torch (and a GPU in use), `random` and numpy from the numbers; about 10 microseconds on a CPU."""
    state = mix(*numbers)
    # torch.manual_seed asks every kind of device, 0.1 ms a call; a worker must not even look at the GPU.
    torch.default_generator.manual_seed(state >> 1)
    if get_worker_info() is None:
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(state >> 1)
        elif torch.backends.mps.is_available():
            torch.mps.manual_seed(state >> 1)
    random.seed(state)
    np.random.seed(state & 0xFFFFFFFF)


@contextmanager
def own_randomness() -> Iterator[None]:
    """Leave the caller's random state as it was, whatever is drawn within."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


class Seeded(Dataset[Any]):
    """A dataset whose index is `(epoch, i)` and whose samples depend on `(seed, epoch, i)` alone.

    Args:
        dataset: any map-style dataset.
        seed: of the run.
        restore: give the caller's random state back after each batch; a trainer, which guards its own, goes without.
        workers: how many loader processes report here what they are reading.
    """

    def __init__(self, dataset: Any, seed: int, *, restore: bool = True, workers: int = 0) -> None:
        self.dataset = dataset
        self.seed = seed
        self.restore = restore
        # [process id, index being read] of each worker, in memory that outlives it.
        self.reading = torch.full((workers, 2), -1, dtype=torch.int64).share_memory_() if workers else None

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: Key) -> Any:
        return self.__getitems__([key])[0]

    def __getitems__(self, keys: list[Key]) -> list[Any]:
        if self.restore and get_worker_info() is None:
            with own_randomness():
                return [self._sample(*key) for key in keys]
        return [self._sample(*key) for key in keys]

    def _sample(self, epoch: int, index: int) -> Any:
        if self.reading is not None and (worker := get_worker_info()) is not None:
            self.reading[worker.id, 0], self.reading[worker.id, 1] = os.getpid(), index
        seed_all(self.seed, epoch, index)
        return self.dataset[index]

    def name_of(self, index: int) -> str:
        """The path of a sample where the dataset knows it, else its number."""
        pairs = getattr(self.dataset, "pairs", None)
        return str(pairs[index].image) if pairs is not None else f"sample {index}"

    def read_by(self, process: int | None) -> list[str]:
        """What a worker (by its process id), or each of them (None), was reading last."""
        rows = self.reading.tolist() if self.reading is not None else []
        return [self.name_of(index) for pid, index in rows if index >= 0 and process in (None, pid)]


class EpochSampler(Sampler[list[Key]]):
    """The batches of an epoch for one process, as lists of `(epoch, index)`.

    The epoch's order is cut into steps of `batch_size * processes`, and each step into one run an process: so two
    processes see together, step for step, what one with twice the batch size sees. The last, shorter step is shared out as
    evenly as it goes; a process that gets nothing repeats one sample, which `share` then weighs 0.

    Args:
        length: of the dataset.
        batch_size: samples a process and batch.
        seed: of the run.
        shuffle: in an order of its own for each epoch; as it stands else.
        rank: this process.
        processes: how many there are.
        order: another sampler of indices in place of `shuffle`; drawn from after seeding with (seed, epoch).
        repeat: False for a test, where a process that gets nothing is to do nothing.

    >>> sampler = EpochSampler(5, 2, seed=0, shuffle=False)
    >>> list(sampler)
    [[(0, 0), (0, 1)], [(0, 2), (0, 3)], [(0, 4)]]
    >>> sampler.set_epoch(1, start=2)
    >>> list(sampler)
    [[(1, 4)]]
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        rank: int = 0,
        processes: int = 1,
        order: Any = None,
        repeat: bool = True,
    ) -> None:
        self.length, self.batch_size, self.seed, self.shuffle = length, batch_size, seed, shuffle
        self.rank, self.processes, self.order, self.repeat = rank, processes, order, repeat
        self.epoch = self.start = 0

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Choose the epoch, and the batch of it to start with."""
        self.epoch, self.start = epoch, start

    def __len__(self) -> int:
        """Batches of the whole epoch, wherever it starts."""
        return -(-self.length // (self.batch_size * self.processes))

    def together(self, batch: int) -> int:
        """How many samples all the processes together see in a batch."""
        whole = self.batch_size * self.processes
        return min(whole, self.length - batch * whole)

    def own(self, batch: int) -> int:
        """How many of them are this process's; 0 where one is only repeated."""
        least, extra = divmod(self.together(batch), self.processes)
        return least + (self.rank < extra)

    def __iter__(self) -> Iterator[list[Key]]:
        order = self._order()
        for batch in range(self.start, len(self)):
            whole = batch * self.batch_size * self.processes
            least, extra = divmod(self.together(batch), self.processes)
            first = whole + self.rank * least + min(self.rank, extra)
            chosen = order[first : first + self.own(batch)]
            if not chosen and self.repeat:
                chosen = [order[whole]]
            if chosen:
                yield [(self.epoch, index) for index in chosen]

    def _order(self) -> list[int]:
        if self.order is not None:
            with own_randomness():
                seed_all(self.seed, self.epoch)
                if (generator := getattr(self.order, "generator", None)) is not None:
                    generator.manual_seed(mix(self.seed, self.epoch) >> 1)
                return [int(index) for index in self.order]
        if not self.shuffle:
            return list(range(self.length))
        generator = torch.Generator().manual_seed(mix(self.seed, self.epoch) >> 1)
        return torch.randperm(self.length, generator=generator).tolist()


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
    """A loader of `Seeded` samples in an `EpochSampler`'s batches, from a dataset or from a loader of one's own.

    A dataset is shuffled when it is to `train`. Of a loader the dataset, batch size, workers, `collate_fn`, whether it
    shuffles, and a sampler of its own (weights, say) are kept.

    Raises:
        DataError: nothing to load, no length, or batches that cannot be numbered.
    """
    collate, order, context, shuffle = None, None, None, train
    if isinstance(data, DataLoader):
        if data.batch_size is None or isinstance(data.dataset, IterableDataset):
            raise DataError(
                "the loader's batches cannot be numbered, so the run could not be resumed; "
                "give a dataset with __len__ and __getitem__, or a loader with a batch_size"
            )
        batch_size, workers, pin = data.batch_size, data.num_workers, data.pin_memory or pin
        collate, context = data.collate_fn, data.multiprocessing_context
        shuffle = isinstance(data.sampler, RandomSampler) and len(data.sampler) == len(data.dataset)
        if not shuffle and not isinstance(data.sampler, SequentialSampler):
            order = data.sampler
        data = data.dataset
    if not (isinstance(data, Sized) and hasattr(data, "__getitem__")):
        raise DataError(
            f"{type(data).__name__}: has no length or no items; give a dataset or a DataLoader of one"
        )
    length = len(order) if order is not None else len(data)
    if length == 0:
        raise DataError(
            f"{type(data).__name__}: is empty; check the folder or the list that it was made from"
        )
    sampler = EpochSampler(
        length,
        batch_size,
        seed=seed,
        shuffle=shuffle,
        rank=rank,
        processes=processes,
        order=order,
        repeat=train,
    )
    return DataLoader(
        Seeded(data, seed, restore=False, workers=workers),
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=collate or _collate,
        pin_memory=pin,
        persistent_workers=workers > 0,
        worker_init_fn=_ignore_interrupts,
        multiprocessing_context=context,
    )


def read_batches(loader: DataLoader[Any]) -> Iterator[Any]:
    """The loader's batches; when one of its workers dies, the file that it was reading is named.

    Raises:
        DataError: a worker was killed or crashed.
    """
    batches = iter(loader)
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except RuntimeError as error:
            if "DataLoader worker" not in str(error) or not isinstance(loader.dataset, Seeded):
                raise
            died = re.search(r"pid\(?s?\)?:? *\(?(\d+)", str(error))
            files = loader.dataset.read_by(int(died[1]) if died else None) or loader.dataset.read_by(None)
            raise DataError(
                f"a worker that loads data died while reading {', '.join(files) or 'its first sample'}; look at that "
                "file, or find the cause with workers=0"
            ) from error
        yield batch


def _collate(samples: list[Any]) -> Any:
    from workbook.core.batch import collate

    return collate(samples)


def _ignore_interrupts(_: int) -> None:
    """An interrupt reaches the whole group; the trainer alone decides what becomes of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
