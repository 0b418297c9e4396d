"""Data randomness as a pure function of (seed, epoch, index): no state of the workers is saved or needed.

The sampler hands out `(epoch, index)`, each sample seeds the generators from the three. So any number of
workers or processes sees the same samples, and a run resumes within an epoch by starting the sampler
further on.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler, get_worker_info

Key = tuple[int, int]  # (epoch, index)
MASK = (1 << 64) - 1


def mix(*numbers: int, state: int = 0) -> int:
    """One 64-bit number from several, such that neighbours share nothing (SplitMix64, Steele et al. 2014).

    >>> mix(0, 1, 2) != mix(0, 2, 1)
    True
    >>> mix(0, 1, 2) == mix(2, state=mix(0, 1))
    True
    """
    for number in numbers:
        state = (state + 0x9E3779B97F4A7C15 + (number & MASK)) & MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
        state ^= state >> 31
    return state


def seed_all(*numbers: int) -> None:
    """Seed torch (and a GPU in use), `random` and numpy from the numbers; about 10 microseconds on a CPU."""
    _seed(mix(*numbers), inside_worker=get_worker_info() is not None)


def _seed(state: int, *, inside_worker: bool) -> None:
    # torch.manual_seed asks every kind of device, 0.1 ms a call; a worker must not even look at the GPU.
    torch.default_generator.manual_seed(state >> 1)
    if not inside_worker:
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
        restore: give the caller's random state back after each batch; a trainer guards its own and goes
            without.
        workers: how many loader processes report here what they are reading.
    """

    def __init__(self, dataset: Any, seed: int, *, restore: bool = True, workers: int = 0) -> None:
        self.dataset = dataset
        self.seed = seed
        self.restore = restore
        self._epoch = -1, 0
        # [process id, index being read] of each worker, in memory that outlives it.
        self.reading = torch.full((workers, 2), -1, dtype=torch.int64).share_memory_() if workers else None

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: Key) -> Any:
        return self.__getitems__([key])[0]

    def __getitems__(self, keys: list[Key]) -> list[Any]:
        worker = get_worker_info()
        with own_randomness() if self.restore and worker is None else nullcontext():
            return [self._sample(*key, worker) for key in keys]

    def _sample(self, epoch: int, index: int, worker: Any) -> Any:
        if self.reading is not None and worker is not None:
            self.reading[worker.id, 0], self.reading[worker.id, 1] = os.getpid(), index
        if epoch != self._epoch[0]:  # the part of `mix` that all of an epoch share
            self._epoch = epoch, mix(self.seed, epoch)
        _seed(mix(index, state=self._epoch[1]), inside_worker=worker is not None)
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

    The epoch's order is cut into batches of `batch_size * processes`, and each of these into one run a
    process: so two processes see together, step for step, what one with twice the batch size sees. The
    last, shorter batch is shared out as evenly as it goes; a process that gets nothing repeats one sample,
    which is to be weighed 0.

    Args:
        length: of the dataset.
        batch_size: samples a process and batch.
        seed: of the run.
        shuffle: in an order of its own for each epoch; as it stands else.
        rank: this process.
        processes: how many there are.
        order: another sampler of indices in place of `shuffle`; drawn from after seeding with (seed, epoch).
        repeat: False for a test, where a process that gets nothing is to do nothing.
        drop_last: leave out a last batch that is shorter.

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
        drop_last: bool = False,
    ) -> None:
        self.length, self.batch_size, self.seed, self.shuffle = length, batch_size, seed, shuffle
        self.rank, self.processes, self.order, self.repeat = rank, processes, order, repeat
        self.drop_last = drop_last
        self.epoch = self.start = 0

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Choose the epoch, and the batch of it to start with."""
        self.epoch, self.start = epoch, start

    def __len__(self) -> int:
        """Batches of the whole epoch, wherever it starts."""
        whole = self.batch_size * self.processes
        return self.length // whole if self.drop_last else -(-self.length // whole)

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
