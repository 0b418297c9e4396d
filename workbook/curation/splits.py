"""Splitting a dataset by photograph, so that no photograph of the test set was ever trained on."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import PurePath

from workbook.core.errors import DataError
from workbook.core.pairs import Pair
from workbook.curation.names import photographs

PART_NAMES = ("train", "valid", "test")


Names = Iterable[tuple[str | PurePath, str | PurePath]]
Group = Callable[[Pair], str]


def group_pairs(pairs: Iterable[Pair], same: Names = (), group: Group | None = None) -> list[list[Pair]]:
    """The pairs in groups that share photographs, directly or through others; no split may part them.

    Args:
        pairs: what to group.
        same: pairs of file names that are known to be one photograph.
        group: from a pair to what else keeps it together with others: a folder, a person, a camera.

    >>> from pathlib import Path
    >>> names = ["Sp_D_NNN_A_ani0001_ani0002_0001.jpg", "Au_ani_0002.jpg", "Au_ani_0003.jpg"]
    >>> [len(group) for group in group_pairs(Pair(Path(name)) for name in names)]
    [2, 1]
    """
    leader = _joined(same)

    def find(identity: str) -> str:
        return _leader(leader, identity)

    ordered = sorted(pairs, key=lambda pair: pair.image)
    for pair in ordered:
        first, *others = photographs(pair.image)
        others += [] if group is None else [f"group {group(pair)}"]
        for other in others:
            leader[find(other)] = find(first)
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair in ordered:
        groups[find(photographs(pair.image)[0])].append(pair)
    return list(groups.values())


def _joined(same: Names) -> dict[str, str]:
    """From the ids of photographs that have several to the id that stands for them (see `_leader`)."""
    leader: dict[str, str] = {}
    for first, second in same:
        one, other = (_leader(leader, photographs(name)[-1]) for name in (first, second))
        leader[max(one, other)] = min(one, other)
    return leader


def _leader(leader: dict[str, str], identity: str) -> str:
    """The id that stands for all that were joined to this one."""
    while leader.setdefault(identity, identity) != identity:
        leader[identity] = leader[leader[identity]]
        identity = leader[identity]
    return identity


def split_pairs(
    pairs: Iterable[Pair],
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    *,
    same: Names = (),
    group: Group | None = None,
) -> list[list[Pair]]:
    """Split pairs into parts that share no photograph (donor or host); the same seed gives the same parts.

    Whole groups of images that share photographs go to one part, large groups first, each to the part that
    lacks most, so sizes are as near to the fractions as the groups allow, and no part stays empty. Where
    names tell no photographs, every image is its own group.

    Args:
        pairs: what to split.
        fractions: the size of each part; they sum to 1.
        seed: another seed, another split.
        same: pairs of file names that are one photograph under two ids, e.g.
            `read_errata("casia-v2").duplicates`.
        group: from a pair to what else must stay together, e.g. `lambda pair: pair.image.parent.name`.

    Raises:
        DataError: fractions that are negative or do not sum to 1, or fewer groups than parts.
    """
    if any(fraction < 0 for fraction in fractions) or abs(sum(fractions) - 1) > 1e-6:
        raise DataError(f"fractions {tuple(fractions)}: give numbers from 0 to 1 that sum to 1")
    groups = group_pairs(pairs, same, group)
    wanted = sum(fraction > 0 for fraction in fractions)
    if len(groups) < wanted:
        raise DataError(
            f"the images share photographs so much that they form {len(groups)} groups, "
            f"fewer than the {wanted} parts; ask for fewer parts"
        )
    random.Random(seed).shuffle(groups)
    groups.sort(key=len, reverse=True)  # stable: equal sizes stay shuffled
    total = sum(map(len, groups))
    room = [fraction * total for fraction in fractions]
    parts: list[list[Pair]] = [[] for _ in fractions]
    for place, members in enumerate(groups):
        empty = [part for part, fraction in enumerate(fractions) if fraction and not parts[part]]
        among = empty if len(empty) == len(groups) - place else range(len(parts))
        number = max(among, key=lambda part: (room[part], fractions[part]))
        parts[number] += members
        room[number] -= len(members)
    return [sorted(part, key=lambda pair: pair.image) for part in parts]


def find_leaks(
    parts: Mapping[str, Iterable[Pair]] | Sequence[Iterable[Pair]], same: Names = ()
) -> dict[str, dict[str, list[Pair]]]:
    """The photographs that occur in more than one part: id -> part name -> the pairs made from it.

    Args:
        parts: part name -> pairs, or the parts of `split_pairs`.
        same: pairs of file names that are one photograph under two ids.

    >>> from pathlib import Path
    >>> train, test = [Pair(Path("Au_ani_0001.jpg"))], [Pair(Path("Sp_S_NNN_A_ani0001_ani0001_0007.jpg"))]
    >>> list(find_leaks({"train": train, "test": test}))
    ['ani00001']
    """
    leader = _joined(same)
    seen: dict[str, dict[str, list[Pair]]] = defaultdict(lambda: defaultdict(list))
    for name, part in _named(parts).items():
        for pair in part:
            for identity in photographs(pair.image):
                seen[_leader(leader, identity)][name].append(pair)
    return {identity: dict(places) for identity, places in sorted(seen.items()) if len(places) > 1}


def check_leak(parts: Mapping[str, Iterable[Pair]] | Sequence[Iterable[Pair]], same: Names = ()) -> None:
    """Raise where two parts share a photograph, naming it and one image of it in each part.

    Args:
        parts: part name -> pairs, or the parts of `split_pairs`.
        same: pairs of file names that are one photograph under two ids.

    Raises:
        DataError: a photograph is in more than one part.
    """
    leaks = find_leaks(parts, same)
    for identity, places in leaks.items():
        (one, first), (other, second) = next(combinations(places.items(), 2))
        raise DataError(
            f"photograph {identity} is in {one} ({first[0].name}) and in {other} ({second[0].name}), "
            f"one of {len(leaks)} that leak; split with split_pairs(pairs)"
        )


def _named(parts: Mapping[str, Iterable[Pair]] | Sequence[Iterable[Pair]]) -> Mapping[str, Iterable[Pair]]:
    if isinstance(parts, Mapping):
        return parts
    names = PART_NAMES if len(parts) == len(PART_NAMES) else [f"part {n + 1}" for n in range(len(parts))]
    return dict(zip(names, parts, strict=True))
