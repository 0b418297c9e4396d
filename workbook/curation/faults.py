"""Every fault of a dataset of images and masks, found in one pass that decodes each file once."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from workbook.core.pairs import Pair, Pairing, Rule
from workbook.curation.duplicates import find_equal
from workbook.curation.errata import Errata, read_errata
from workbook.curation.inspection import Inspection, Options, inspect_group
from workbook.curation.layouts import Layout, PathLike, pair_layout, resolve_layout
from workbook.curation.names import find_hosts, name_contradiction, right_stem
from workbook.curation.opening import MAX_PIXELS, pixel_limit
from workbook.curation.orphans import find_orphans, match_misspelt
from workbook.curation.strangers import name_strangers

if TYPE_CHECKING:
    import pandas as pd

KINDS = (
    *("image_without_mask", "mask_without_image", "ambiguous_name", "unreadable"),
    *("size_mismatch", "exif_rotation", "not_binary", "coded_01", "alpha_only"),
    *("empty_mask", "full_mask", "inverted_mask", "duplicate_image", "contradictory_name", "misaligned"),
)
_AT_ONCE = 16  # groups a thread is handed at a time


@dataclass(frozen=True)
class Fault:
    """One defect of a dataset.

    Attributes:
        kind: one of `KINDS`.
        image: the image concerned, if one is.
        mask: the mask concerned, if one is.
        detail: what was seen, e.g. `{"cause": "rotated", ...}`; values that JSON can hold.
        repair: the action that `make_plan` would take (see `corrections.ACTIONS`).
    """

    kind: str
    image: Path | None
    mask: Path | None
    detail: dict[str, Any]
    repair: str


@dataclass
class FaultReport:
    """The faults of a dataset and what was looked at.

    Attributes:
        layout: where the dataset is.
        images: the number of image files, tampered and authentic.
        masks: the number of mask files.
        pairs: the number of images that have a mask.
        faults: in the order of `KINDS`, then of paths.
        soft: whether grey masks were taken for right.
    """

    layout: Layout
    images: int
    masks: int
    pairs: int
    faults: list[Fault] = field(default_factory=list)
    soft: bool = False

    @property
    def clean(self) -> bool:
        """Whether no fault was found."""
        return not self.faults

    def counts(self) -> dict[str, int]:
        """How many faults of each kind were found, kinds without any left out."""
        return dict(Counter(fault.kind for fault in self.faults))

    def table(self) -> pd.DataFrame:
        """A row a fault: kind, image, mask (file names), cause, repair, detail."""
        import pandas as pd  # only tables need it

        rows = [
            {
                "kind": fault.kind,
                "image": fault.image.name if fault.image else "",
                "mask": fault.mask.name if fault.mask else "",
                "cause": fault.detail.get("cause", fault.detail.get("fits", "")),
                "repair": fault.repair,
                "detail": fault.detail,
            }
            for fault in self.faults
        ]
        return pd.DataFrame(rows, columns=["kind", "image", "mask", "cause", "repair", "detail"])

    def to_json(self) -> str:
        """The report as JSON: `{"images", "masks", "pairs", "faults": [{"kind", "image", ...}]}`."""
        faults = [
            {
                "kind": fault.kind,
                "image": None if fault.image is None else str(fault.image),
                "mask": None if fault.mask is None else str(fault.mask),
                "detail": fault.detail,
                "repair": fault.repair,
            }
            for fault in self.faults
        ]
        report = {"images": self.images, "masks": self.masks, "pairs": self.pairs, "faults": faults}
        return json.dumps(report, indent=1)


def find_faults(
    images: PathLike | Layout,
    masks: PathLike | None = None,
    authentic: PathLike | None = None,
    *,
    rule: Rule | None = None,
    pixels: bool = True,
    soft: bool = False,
    errata: str | Errata | None = None,
    max_pixels: int = MAX_PIXELS,
    workers: int = 2,
    progress: bool = True,
) -> FaultReport:
    """Find every fault of a dataset; each file is decoded once.

    Args:
        images: a folder in a known layout, a JSON file of pairs, or the folder of the images.
        masks: the folder of the masks, where `images` is that of the images.
        authentic: a folder of authentic images.
        rule: from a mask's path to the stem of its image (see `find_pairs`).
        pixels: decode all pixels; False reads headers only (names, unreadable, sizes, EXIF).
        soft: grey values in masks are wanted, as in alpha mattes.
        errata: known errors of a published dataset, e.g. `"casia-v1"` (see `errata_names`).
        max_pixels: larger images are reported as unreadable and not decoded.
        workers: threads that decode.
        progress: show a progress bar on stderr.

    Raises:
        DataError: no such folder, not a folder, empty, without masks, or of unknown layout.
    """
    layout = resolve_layout(images, masks, authentic)
    known = read_errata(errata) if isinstance(errata, str) else errata
    pairing = pair_layout(layout, rule)
    ambiguous_images = [path for group, _ in pairing.ambiguous for path in group]
    ambiguous_masks = [path for _, group in pairing.ambiguous for path in group]
    unpaired = [Pair(path) for path in (*pairing.images_without_mask, *ambiguous_images)]
    orphan_masks = [Pair(path) for path in (*pairing.masks_without_image, *ambiguous_masks)]
    options = Options(pixels, soft, max_pixels)
    groups = [*_groups(pairing.pairs, options), *((None, [pair]) for pair in (*unpaired, *orphan_masks))]
    inspections = list(_inspect(groups, options, workers, progress))
    lonely = {pair.image for pair in orphan_masks}
    faults = [
        Fault(kind, None, inspection.pair.image, detail | {"file": "mask"}, repair)
        if inspection.pair.image in lonely
        else Fault(kind, inspection.pair.image, inspection.pair.mask, detail, repair)
        for inspection in inspections
        for kind, detail, repair in inspection.findings
        if inspection.pair.image not in lonely or kind == "unreadable"
    ]
    mask_of = match_misspelt(pairing.images_without_mask, pairing.masks_without_image, known)
    faults += [Fault(*orphan) for orphan in find_orphans(pairing, mask_of, known)]
    faults += _contradictory_names(pairing, mask_of, known)
    if known:
        for fault in faults:
            if fault.kind == "size_mismatch" and fault.image and (note := known.note_of(fault.image)):
                fault.detail["errata"] = f"{known.name}: {note}"
    name_strangers(faults, inspections)
    faults += _duplicates([i for i in inspections if i.pair.image not in lonely], pairing, faults, max_pixels)
    if known:
        faults += _known_duplicates(pairing, known, faults)
    order = {kind: number for number, kind in enumerate(KINDS)}
    faults.sort(key=lambda fault: (order[fault.kind], str(fault.image or fault.mask), str(fault.mask)))
    return FaultReport(
        layout=layout,
        images=len({pair.image for pair in pairing.pairs}) + len(unpaired),
        masks=len({pair.mask for pair in pairing.pairs if pair.mask}) + len(orphan_masks),
        pairs=sum(not pair.authentic for pair in pairing.pairs),
        faults=faults,
        soft=soft,
    )


Group = tuple[Path | None, list[Pair]]


def _groups(pairs: list[Pair], options: Options) -> list[Group]:
    """The pairs by host, so that a host is decoded once for all images made from it."""
    hosts = find_hosts(pairs) if options.pixels else {}
    if not hosts:
        return [(None, [pair]) for pair in pairs]
    groups: dict[Path, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[hosts.get(pair.image, pair.image)].append(pair)
    return [(host if len(group) > 1 else None, group) for host, group in groups.items()]


def _inspect(groups: list[Group], options: Options, workers: int, progress: bool) -> Iterator[Inspection]:
    """Inspect all groups in threads: decoding runs outside the interpreter's lock."""
    groups = list(groups)
    random.Random(0).shuffle(groups)  # small and large files mixed, so that the bar is right about the time
    chunks = [groups[first : first + _AT_ONCE] for first in range(0, len(groups), _AT_ONCE)]
    total = sum(1 + (pair.mask is not None) for _, pairs in groups for pair in pairs)

    def inspect_chunk(chunk: list[Group]) -> list[Inspection]:
        return [found for host, pairs in chunk for found in inspect_group(host, pairs, options)]

    with (
        pixel_limit(options.max_pixels),  # for all threads: the limit is Pillow's, and global
        ThreadPoolExecutor(max(1, workers)) as pool,
        tqdm(total=total, desc="audit", unit="file", disable=not progress, smoothing=0) as bar,
    ):
        results: Iterable[list[Inspection]] = (
            map(inspect_chunk, chunks)
            if workers <= 1 or not options.pixels
            else pool.map(inspect_chunk, chunks)
        )
        for found in results:
            bar.update(sum(1 + (inspection.pair.mask is not None) for inspection in found))
            yield from found


def _contradictory_names(
    pairing: Pairing, mask_of: Mapping[Path, Path], errata: Errata | None
) -> Iterator[Fault]:
    """CASIA names that contradict themselves, and those that the errata know to be wrong."""
    pairs = [*pairing.pairs, *map(Pair, pairing.images_without_mask)]
    taken: set[Path] = set()
    for pair in pairs:
        detail = name_contradiction(pair.image)
        known = errata.right_stem(pair.image) if errata else None
        if known:
            detail = {"cause": f"errata {errata.name if errata else ''}", "right_name": known}
        if detail is None:
            continue
        if pair.image in mask_of:
            detail["right_name"] = right_stem(mask_of[pair.image])
        taken = taken or {other.image.with_name(other.image.stem) for other in pairs}
        free = pair.image.with_name(detail["right_name"]) not in taken
        taken.add(pair.image.with_name(detail["right_name"]))
        yield Fault("contradictory_name", pair.image, pair.mask, detail, "rename" if free else "drop")


def _duplicates(
    inspections: list[Inspection], pairing: Pairing, faults: list[Fault], max_pixels: int
) -> Iterator[Fault]:
    """Every image but the best of those with equal pixels: an authentic one, else a sound pair."""
    lost = {fault.image for fault in faults if fault.repair == "drop"}
    paired = {pair.image: pair for pair in pairing.pairs}
    ranked = sorted(
        (inspection for inspection in inspections if inspection.key is not None),
        key=lambda i: (
            i.pair.image in lost,
            i.pair.image not in paired or not paired[i.pair.image].authentic,
            i.pair.image,
        ),
    )
    masks = {inspection.pair.image: inspection.pair.mask for inspection in ranked}
    keys = {i.pair.image: i.key for i in ranked if i.key is not None}
    for first, *others in find_equal(keys, max_pixels):
        for other in others:
            yield Fault("duplicate_image", other, masks[other], {"same_as": str(first)}, "drop")


def _known_duplicates(pairing: Pairing, errata: Errata, faults: list[Fault]) -> Iterator[Fault]:
    """Images that the errata know for one photograph, unless their equal pixels told it already."""
    told = {fault.image for fault in faults if fault.kind == "duplicate_image"}
    by_name = {pair.name: pair for pair in pairing.pairs}
    for first, second in errata.duplicates:
        kept, other = by_name.get(first), by_name.get(second)
        if kept and other and not {kept.image, other.image} & told:
            detail = {"same_as": str(kept.image), "errata": errata.name}
            yield Fault("duplicate_image", other.image, other.mask, detail, "drop")
