"""What a file's name tells: the photographs that an image is made of, and whether it contradicts itself.

CASIA v1 writes `Sp_D_CND_A_pla0005_pla0023_0281`, v2 `Tp_D_CRN_M_N_pla00035_pla00033_10997`: D for two
photographs or S for one, letters for the operations, two ids, a number. Authentic images are `Au_ani_0001`
and `Au_ani_00001`. The first id is the host's, the photograph that was pasted into, the second the donor's:
`Sp_D_CRN_A_arc0024_ani0031_0265` shows animals in front of a temple.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

from workbook.core.pairs import MASK_SUFFIXES, Pair

AUTHENTIC_SUFFIX = "_au"  # `<tampered stem>_au.png` is that image's authentic host
ID_DIGITS = {"Sp": 4, "Tp": 5}  # CASIA v1, CASIA v2

# Lenient on purpose (a dot for an underscore, too few digits): what it reads can be written right.
_TAMPERED = re.compile(
    r"(?P<prefix>Sp|Tp)_(?P<kind>[DS])_(?P<operations>[A-Za-z]+(?:_[A-Za-z])*)"
    r"[_.](?P<host>[a-z]{3}[0-9]+)[_.](?P<donor>[a-z]{3}[0-9]+)[_.](?P<number>[0-9]+)"
)
_AUTHENTIC = re.compile(r"Au_(?P<category>[a-z]{3})_?(?P<number>[0-9]+)")


@dataclass(frozen=True)
class CasiaName:
    """The parts of a CASIA file name of a tampered image.

    >>> name = CasiaName.parse("Sp_D_CND_A_pla0005_pla0023_0281_gt.png")
    >>> name.host, name.donor, name.copy_move
    ('pla0005', 'pla0023', False)
    """

    prefix: str
    kind: str
    operations: str
    host: str
    donor: str
    number: str

    @classmethod
    def parse(cls, path: str | PurePath) -> CasiaName | None:
        """Read the name of an image or of its mask; None where it is not CASIA's name of a tampered image."""
        match = _TAMPERED.fullmatch(image_stem(path))
        return cls(**match.groupdict()) if match else None

    @property
    def copy_move(self) -> bool:
        """Whether host and donor are one photograph."""
        return photograph_id(self.host) == photograph_id(self.donor)

    @property
    def stem(self) -> str:
        """The name as CASIA writes it, without an extension."""
        return f"{self.prefix}_{self.kind}_{self.operations}_{self.host}_{self.donor}_{self.number}"

    def corrected(self) -> CasiaName:
        """The same with ids of the right length, and with D or S as the ids say."""
        digits = ID_DIGITS[self.prefix]
        host, donor = (f"{i[:3]}{int(i[3:]):0{digits}d}" for i in (self.host, self.donor))
        kind = "S" if donor == host else "D"
        return CasiaName(self.prefix, kind, self.operations, host, donor, self.number)


def image_stem(path: str | PurePath) -> str:
    """The stem of the image that a file belongs to: without its extension and `_gt`, `_mask`, `_edge`.

    >>> image_stem("Gt/cat_gt.png"), image_stem("Tp/cat.jpg")
    ('cat', 'cat')
    """
    stem = path.stem if isinstance(path, PurePath) else PurePath(path).stem
    return next((stem.removesuffix(s) for s in MASK_SUFFIXES if stem.endswith(s)), stem)


def kind_of(pair: Pair) -> str:
    """What was done to an image: `"authentic"`, `"splice"`, `"copy-move"`, or `"tampered"` if no name tells.

    >>> kind_of(Pair(Path("Sp_S_NNN_A_ani0001_ani0001_0007.jpg"), Path("mask.png")))
    'copy-move'
    """
    return kind_by_name(pair.name, pair.authentic) or "tampered"


def kind_by_name(name: str | PurePath, authentic: bool | None = None) -> str:
    """`"authentic"`, `"copy-move"` or `"splice"`, by a CASIA name; `""` where the name does not say.

    >>> [kind_by_name(f"{stem}.jpg") for stem in ("Sp_D_CND_A_pla0005_pla0023_0281", "Au_ani_0001", "cat")]
    ['splice', 'authentic', '']
    """
    stem = PurePath(name).stem
    if authentic or (authentic is None and (stem.startswith("Au_") or stem.endswith("_au"))):
        return "authentic"
    parts = CasiaName.parse(PurePath(name))
    return "" if parts is None else "copy-move" if parts.copy_move else "splice"


def photograph_id(text: str) -> str:
    """One spelling for an id: v1's `ani0001` and v2's `ani00001` are the same photograph.

    >>> photograph_id("ani0001") == photograph_id("ani00001")
    True
    """
    return f"{text[:3]}{int(text[3:]):05d}"


def photographs(path: str | PurePath) -> tuple[str, ...]:
    """The ids of the photographs that an image is made of, by its name; the host first.

    A name that says nothing of its sources is its own id, and an authentic host `x_au` shares the id of `x`.

    >>> photographs("Sp_D_CND_A_pla0005_pla0023_0281.jpg"), photographs("Au/Au_pla_0005.jpg")
    (('pla00005', 'pla00023'), ('pla00005',))
    >>> photographs("holiday_gt.png")
    ('holiday',)
    """
    stem = image_stem(path)
    tampered_stem = stem.removesuffix(AUTHENTIC_SUFFIX)
    name = CasiaName.parse(tampered_stem + ".x")
    if name:
        ids = (photograph_id(name.host), photograph_id(name.donor))
        return ids[:1] if stem != tampered_stem or ids[0] == ids[1] else ids
    authentic = _AUTHENTIC.fullmatch(stem)
    if authentic:
        return (photograph_id(authentic["category"] + authentic["number"]),)
    return (tampered_stem,)


def right_stem(path: str | PurePath) -> str:
    """The stem that an image, or a mask's image, should have: corrected where it is CASIA's, else its own."""
    name = CasiaName.parse(path)
    return name.corrected().stem if name else image_stem(path)


def name_contradiction(path: Path) -> dict[str, str] | None:
    """Why a CASIA name contradicts itself, as a fault's detail; None where it does not.

    >>> name_contradiction(Path("Sp_D_NNN_A_cha0052_cha0052_0309.jpg"))["cause"]
    'two photographs by its letter D, one by its ids'
    """
    name = CasiaName.parse(path)
    if name is None:
        return None
    right = name.corrected()
    if right.stem == image_stem(path):
        return None
    if name.kind == "D" and name.copy_move:
        cause = "two photographs by its letter D, one by its ids"
    elif name.kind == "S" and not name.copy_move:
        cause = "one photograph by its letter S, two by its ids"
    else:
        cause = "malformed id or separator"
    return {"cause": cause, "right_name": right.stem}


def find_hosts(pairs: Iterable[Pair]) -> dict[Path, Path]:
    """The authentic host of each tampered image that has one here, by `<stem>_au` or its name's first id."""
    pairs = list(pairs)
    by_stem = {pair.image.stem: pair.image for pair in pairs if pair.authentic}
    if not by_stem:
        return {}
    by_id = {
        photographs(image)[0]: image for stem, image in by_stem.items() if not stem.endswith(AUTHENTIC_SUFFIX)
    }
    hosts = {}
    for pair in pairs:
        if not pair.authentic:
            name = CasiaName.parse(pair.image)
            host = by_stem.get(pair.image.stem + AUTHENTIC_SUFFIX)
            host = host or (by_id.get(photograph_id(name.host)) if name else None)
            if host:
                hosts[pair.image] = host
    return hosts
