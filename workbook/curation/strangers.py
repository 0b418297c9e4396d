"""Masks that belong to another image of the same dataset: two that were swapped, or one stored twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbook.curation.alignment import FITS, change_map, mask_auc, reduce_mask
from workbook.curation.inspection import Inspection
from workbook.curation.mask_values import THRESHOLD, read_mask
from workbook.curation.opening import Unreadable, decode, opened

if TYPE_CHECKING:
    from workbook.curation.faults import Fault


def name_strangers(faults: list[Fault], inspections: Iterable[Inspection]) -> None:
    """For each mask that no transform brings into place, find the image that it belongs to; changes `faults`.

    A mask that equals another image's is named by `detail["same_mask_as"]`. Images whose masks all lie in the
    wrong place are tried with each other's masks: one that fits becomes the repair `use_mask`.
    """
    lost = [
        n for n, fault in enumerate(faults) if fault.kind == "misaligned" and fault.detail["fits"] == "none"
    ]
    if not lost:
        return
    of_image = {inspection.pair.image: inspection for inspection in inspections}
    alike: dict[Hashable, list[Path]] = defaultdict(list)
    for image, inspection in of_image.items():
        if inspection.mask_key is not None:
            alike[inspection.mask_key].append(image)
    masks = {faults[n].mask: _marked(faults[n].mask) for n in lost}
    for number in lost:
        fault = faults[number]
        if fault.image is None or of_image[fault.image].host is None:
            continue
        inspection = of_image[fault.image]
        others = [image for image in alike[inspection.mask_key] if image != fault.image]
        others = [image for image in others if _equal(of_image[image].pair.mask, masks[fault.mask])]
        if others:
            fault.detail.update(fits="the mask of another image", same_mask_as=str(others[0]))
        right = _best_mask(inspection, masks)
        if right is not None:
            fault.detail.update(fits="the mask of another image", right_mask=str(right))
            faults[number] = replace(fault, repair="use_mask")


def _marked(path: Path | None) -> np.ndarray | None:
    if path is None:
        return None
    try:
        with opened(path) as picture:
            return read_mask(decode(picture)).values >= THRESHOLD
    except Unreadable:
        return None


def _equal(path: Path | None, marked: np.ndarray | None) -> bool:
    other = _marked(path)
    return other is not None and marked is not None and np.array_equal(other, marked)


def _best_mask(inspection: Inspection, masks: dict[Path | None, np.ndarray | None]) -> Path | None:
    """The mask among those without a place that lies where the image was changed."""
    try:
        with opened(inspection.pair.image) as tampered, opened(inspection.host or Path()) as host:
            size = (tampered.height, tampered.width)
            change = change_map(decode(tampered), decode(host))
    except Unreadable:
        return None
    scores = {
        path: mask_auc(change, reduce_mask(marked))
        for path, marked in masks.items()
        if path is not None and path != inspection.pair.mask and marked is not None and marked.shape == size
    }
    best = max(scores, key=lambda path: scores[path], default=None)
    return best if best is not None and scores[best] >= FITS else None
