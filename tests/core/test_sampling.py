import random

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbook.core.sampling import EpochSampler, Seeded, mix, own_randomness, seed_all


class Drawing:
    """Each sample is a draw from each of the three generators."""

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return index, torch.rand(1).item(), random.random(), np.random.rand()


def test_a_sample_depends_on_seed_epoch_and_index_alone():
    one, other = Seeded(Drawing(), 1), Seeded(Drawing(), 1)
    torch.manual_seed(9)
    late = other.__getitems__([(2, 7), (2, 3)])
    assert one[2, 3] == late[1]
    draws = [Seeded(Drawing(), seed)[epoch, i] for seed in (0, 1) for epoch in (0, 1) for i in (0, 1)]
    for column in (1, 2, 3):
        assert len({draw[column] for draw in draws}) == 8


def test_the_callers_randomness_is_given_back():
    seed_all(5)
    expected = torch.rand(1).item(), random.random(), np.random.rand()
    seed_all(5)
    Seeded(Drawing(), 0)[0, 0]
    with own_randomness():
        seed_all(6)
    assert (torch.rand(1).item(), random.random(), np.random.rand()) == expected


def test_mix_spreads_neighbours_over_all_bits():
    values = [mix(0, epoch, index) for epoch in range(30) for index in range(100)]
    assert len(set(values)) == 3000
    assert all(0 <= value < 1 << 64 for value in values)
    bits = np.array([[value >> bit & 1 for bit in range(64)] for value in values]).mean(0)
    assert np.abs(bits - 0.5).max() < 0.05
    assert mix(-1) != mix(1)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 4), st.booleans(), st.integers(0, 3))
def test_the_processes_share_an_epoch_out_as_one_with_the_whole_batch_sees_it(
    length, batch, processes, shuffle, epoch
):
    def of(rank, count, size):
        sampler = EpochSampler(length, size, seed=3, shuffle=shuffle, rank=rank, processes=count)
        sampler.set_epoch(epoch)
        return sampler, list(sampler)

    one, whole = of(0, 1, batch * processes)
    shares = [of(rank, processes, batch) for rank in range(processes)]
    assert sorted(i for part in whole for _, i in part) == list(range(length))
    for number, part in enumerate(whole):
        own = [s.own(number) for s, _ in shares]
        assert sum(own) == shares[0][0].together(number) == len(part) == one.own(number)
        assert max(own) - min(own) <= 1
        assert [key for (s, keys), n in zip(shares, own, strict=True) for key in keys[number][:n]] == part
    assert all(len(keys) == len(s) == len(one) and all(keys) for s, keys in shares)


def test_it_starts_where_it_was_left():
    sampler = EpochSampler(10, 3, seed=1)
    sampler.set_epoch(2)
    whole = list(sampler)
    sampler.set_epoch(2, start=2)
    assert list(sampler) == whole[2:]
    assert len(sampler) == 4


def test_a_test_repeats_nothing_and_a_short_last_batch_can_be_dropped():
    assert list(EpochSampler(3, 1, shuffle=False, rank=1, processes=2, repeat=False)) == [[(0, 1)]]
    assert list(EpochSampler(3, 1, shuffle=False, rank=1, processes=2)) == [[(0, 1)], [(0, 2)]]
    sampler = EpochSampler(5, 2, shuffle=False, drop_last=True)
    assert [len(batch) for batch in sampler] == [2, 2]
    assert len(sampler) == 2


def test_a_sampler_of_ones_own_is_drawn_from_anew_each_epoch():
    weighted = torch.utils.data.WeightedRandomSampler([0.0, 1.0, 1.0], 20)
    sampler = EpochSampler(20, 20, seed=1, order=weighted)
    torch.manual_seed(1)
    (first,) = sampler
    torch.manual_seed(2)
    assert list(sampler) == [first]
    assert {i for _, i in first} == {1, 2}
    sampler.set_epoch(1)
    assert [i for _, i in next(iter(sampler))] != [i for _, i in first]
