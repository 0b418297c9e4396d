import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workbook.core.size_batches import at_once, batches_of_one_size, read_ahead


@given(st.lists(st.tuples(st.integers(0, 3), st.integers())), st.integers(1, 4), st.integers(1, 9))
def test_each_item_comes_once_beside_items_of_its_size(items, most, waiting):
    batches = list(batches_of_one_size(items, lambda item: item[0], lambda _: most, waiting))
    assert sorted(item for batch in batches for item in batch) == sorted(items)
    assert all(len({size for size, _ in batch}) == 1 and 1 <= len(batch) <= most for batch in batches)


def test_no_more_wait_than_may_and_the_oldest_go_first():
    taken = []
    items = (taken.append(i) or i for i in range(10))
    batches = batches_of_one_size(items, lambda i: i, lambda _: 2, waiting=3)
    assert next(batches) == [0]
    assert taken == [0, 1, 2]
    assert next(batches) == [1]


def test_large_images_go_alone_on_a_cpu_only():
    assert at_once(8, 4000 * 3000, torch.device("cpu")) == 1
    assert at_once(8, 4000 * 3000, torch.device("meta")) == 8
    assert at_once(8, 0, torch.device("cpu")) == 8


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_what_is_read_ahead_comes_in_order_and_an_error_in_its_place(threads):
    def read(i):
        if i == 7:
            raise KeyError(i)
        return i * i

    reading = read_ahead(read, range(20), threads)
    assert [next(reading) for _ in range(7)] == [i * i for i in range(7)]
    with pytest.raises(KeyError):
        next(reading)


def test_threads_do_not_read_without_end():
    begun = []
    reading = read_ahead(lambda i: begun.append(i), range(1000), 2)
    next(reading)
    reading.close()
    assert len(begun) <= 6
    assert threading.active_count() < 20
