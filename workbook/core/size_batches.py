"""Batches of images of one size, so that a map does not depend on the images that it was predicted beside."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

WAITING = 4  # batches' worth of images that may wait for others of their size
CPU_PIXELS = 2**19  # at once on a CPU, where larger batches cost memory and gain no time


def batches_of_one_size(
    items: Iterable[T], size: Callable[[T], Hashable], most: Callable[[T], int], waiting: int
) -> Iterator[list[T]]:
    """Group items of one size, however they are mixed; nothing is padded.

    Args:
        items: what to group.
        size: what an item's batch has in common.
        most: how many such items make a full batch.
        waiting: how many items may wait in all; then those that wait longest go as they are.

    >>> list(batches_of_one_size(["ab", "a", "bc", "b", "c"], len, lambda _: 2, waiting=9))
    [['ab', 'bc'], ['a', 'b'], ['c']]
    """
    groups: dict[Hashable, list[T]] = {}  # a group that went is put last again, so the first is the oldest
    for item in items:
        key = size(item)
        groups.setdefault(key, []).append(item)
        if len(groups[key]) >= most(item):
            yield groups.pop(key)
        elif sum(map(len, groups.values())) >= waiting:
            yield groups.pop(next(iter(groups)))
    yield from groups.values()


def at_once(batch_size: int, pixels: int, device: torch.device) -> int:
    """How many images of so many pixels a batch holds: `batch_size`, and fewer large ones on a CPU.

    >>> [at_once(8, side * side, torch.device("cpu")) for side in (128, 512, 4000)]
    [8, 2, 1]
    """
    return batch_size if device.type != "cpu" else max(1, min(batch_size, CPU_PIXELS // max(1, pixels)))


def read_ahead(read: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """`read` of each item, in order; some threads read ahead while the caller computes (0: none does).

    >>> list(read_ahead(abs, [-1, -2, 3], threads=2))
    [1, 2, 3]
    """
    if threads < 1:
        yield from map(read, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        reading: deque[Future[R]] = deque()
        try:
            for item in items:
                reading.append(pool.submit(read, item))
                if len(reading) > 2 * threads:
                    yield reading.popleft().result()
            while reading:
                yield reading.popleft().result()
        finally:
            for future in reading:
                future.cancel()
