from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbook.core.errors import DataError
from workbook.core.pairs import Pair
from workbook.curation.names import photographs
from workbook.curation.splits import check_leak, find_leaks, group_pairs, split_pairs

IDS = st.tuples(st.integers(1, 60), st.integers(1, 60))


def casia(ids):
    names = [f"Sp_{'S' if a == b else 'D'}_N_A_ani{a:04d}_ani{b:04d}_{n}.jpg" for n, (a, b) in enumerate(ids)]
    return [Pair(Path(name)) for name in names]


@settings(max_examples=60, deadline=None)
@given(st.lists(IDS, min_size=1, max_size=50), st.integers(0, 9))
def test_no_split_leaks_and_nothing_is_lost(ids, seed):
    pairs = casia(ids)
    try:
        parts = split_pairs(pairs, seed=seed)
    except DataError:
        assert len(group_pairs(pairs)) < 3
        return
    check_leak(parts)
    assert sorted(pair.image for part in parts for pair in part) == sorted(pair.image for pair in pairs)
    for one, other in combinations(parts, 2):
        assert not {i for p in one for i in photographs(p.image)} & {
            i for p in other for i in photographs(p.image)
        }
    assert split_pairs(reversed(pairs), seed=seed) == parts


@settings(max_examples=60, deadline=None)
@given(st.lists(IDS, min_size=1, max_size=30))
def test_groups_are_the_connected_components(ids):
    pairs = casia(ids)
    components = [{pair.image} for pair in pairs]
    for first, second in combinations(pairs, 2):
        if set(photographs(first.image)) & set(photographs(second.image)):
            one = next(c for c in components if first.image in c)
            other = next(c for c in components if second.image in c)
            if one is not other:
                one |= other
                components.remove(other)
    assert sorted(sorted(pair.image for pair in group) for group in group_pairs(pairs)) == sorted(
        map(sorted, components)
    )


def test_a_plain_folder_is_split_80_10_10():
    pairs = [Pair(Path(f"{n}.jpg")) for n in range(1000)]
    assert [len(part) for part in split_pairs(pairs)] == [800, 100, 100]
    assert split_pairs(pairs, seed=1) != split_pairs(pairs, seed=0)
    assert [len(part) for part in split_pairs(pairs, (0.5, 0.5))] == [500, 500]


def test_a_leak_is_named():
    train, test = casia([(1, 2)]), casia([(3, 2), (4, 4)])
    assert list(find_leaks([train, [], test])) == ["ani00002"]
    with pytest.raises(DataError, match=r"ani00002 is in train \(\S+ani0001_ani0002_0.jpg\) and in test"):
        check_leak({"train": train, "test": test})


def test_a_tampered_image_and_its_own_host_stay_together():
    stem = "Sp_D_CND_A_pla0005_pla0023_0281"
    assert len(group_pairs([Pair(Path(f"{stem}.png"), Path("m")), Pair(Path(f"{stem}_au.png"))])) == 1
    assert len(group_pairs([Pair(Path("x.png"), Path("m")), Pair(Path("x_au.png"))])) == 1


@pytest.mark.parametrize("fractions", [(0.5, 0.6), (1.2, -0.2), (0.3,)])
def test_fractions_that_do_not_sum_to_one(fractions):
    with pytest.raises(DataError, match="sum to 1"):
        split_pairs(casia([(1, 1), (2, 2)]), fractions)


def test_too_few_groups():
    with pytest.raises(DataError, match="1 groups"):
        split_pairs(casia([(1, 2), (2, 3), (3, 1)]))


def test_two_ids_of_one_photograph_are_not_parted():
    pairs = [Pair(Path(name)) for name in ("Au_ani_10140.jpg", "Au_ani_20016.jpg", "Au_ani_00003.jpg")]
    same = [("Au_ani_10140.jpg", "Au_ani_20016.jpg")]
    assert sorted(len(group) for group in group_pairs(pairs, same)) == [1, 2]
    parts = split_pairs(pairs, (0.5, 0.5), same=same)
    assert sorted(len(part) for part in parts) == [1, 2]
    check_leak(parts, same)
    apart = {"train": pairs[:1], "test": pairs[1:2]}
    check_leak(apart)
    with pytest.raises(DataError, match=r"ani10140 is in train \(Au_ani_10140.jpg\) and in test"):
        check_leak(apart, same)


def test_what_is_of_one_group_is_not_parted_and_no_part_stays_empty():
    pairs = [
        Pair(Path(f"clip_img/{folder}/clip_0/{folder}-{n}.jpg")) for folder in range(4) for n in range(12)
    ]
    parts = split_pairs(pairs, group=lambda pair: pair.image.parts[1])
    assert [len(part) for part in parts] == [24, 12, 12]
    folders = [{pair.image.parts[1] for pair in part} for part in parts]
    assert sum(map(len, folders)) == 4
    assert set.union(*folders) == {"0", "1", "2", "3"}
    assert len(group_pairs(pairs)) == 48
