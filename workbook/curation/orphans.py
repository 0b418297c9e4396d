"""Images without a mask, masks without an image, and which of them belong together under a misspelt name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workbook.core.pairs import Pairing
from workbook.curation.errata import Errata
from workbook.curation.names import CasiaName, image_stem, right_stem

Orphan = tuple[str, Path | None, Path | None, dict[str, Any], str]


def find_orphans(pairing: Pairing, mask_of: Mapping[Path, Path], errata: Errata | None) -> Iterator[Orphan]:
    """What could not be paired, as the parts of a fault: kind, image, mask, detail, repair.

    Args:
        pairing: what pairing by name found.
        mask_of: from images to the masks that they belong to under another spelling (`match_misspelt`).
        errata: whose notes go into the details.
    """
    image_of = {mask: image for image, mask in mask_of.items()}
    for image in pairing.images_without_mask:
        detail: dict[str, Any] = {}
        if errata and (note := errata.without_mask.get(image.name)):
            detail["errata"] = note
        if image in mask_of:
            detail |= {"right_name": right_stem(mask_of[image]), "candidate": str(mask_of[image])}
        yield "image_without_mask", image, None, detail, "rename" if image in mask_of else "drop"
    for mask in pairing.masks_without_image:
        if mask not in image_of:
            yield "mask_without_image", None, mask, {}, "drop"
            continue
        detail = {"candidate": str(image_of[mask]), "right_name": right_stem(mask)}
        right = detail["right_name"] == image_stem(mask)  # then renaming the image is all that it needs
        yield "mask_without_image", None, mask, detail, "keep" if right else "rename"
    for images, masks in pairing.ambiguous:
        detail = {"images": [str(path) for path in images], "masks": [str(path) for path in masks]}
        for image in images:
            yield "ambiguous_name", image, None, detail, "drop"
        for mask in masks:
            yield "ambiguous_name", None, mask, detail, "drop"


def match_misspelt(
    images: Iterable[Path], masks: Iterable[Path], errata: Errata | None = None
) -> dict[Path, Path]:
    """From images to masks whose names differ in spelling: case, punctuation, or CASIA's letters and ids.

    Only where exactly one image and one mask are alike. Errata, where given, come first.

    >>> match_misspelt([Path("a.1.jpg"), Path("b.jpg")], [Path("A_1_gt.png")])
    {PosixPath('a.1.jpg'): PosixPath('A_1_gt.png')}
    """
    left_images, left_masks = list(images), list(masks)
    found: dict[Path, Path] = {}
    corrected = (lambda path: errata.right_stem(path) or image_stem(path)) if errata else image_stem
    for spelling in (corrected, _letters_and_digits, _casia_number):
        alike = _unique_matches(left_images, left_masks, spelling)
        found |= alike
        left_images = [path for path in left_images if path not in alike]
        left_masks = [path for path in left_masks if path not in alike.values()]
    return found


def _unique_matches(
    images: list[Path], masks: list[Path], spelling: Callable[[Path], Hashable | None]
) -> dict[Path, Path]:
    sides: dict[Hashable, tuple[list[Path], list[Path]]] = defaultdict(lambda: ([], []))
    for side, paths in enumerate((images, masks)):
        for path in paths:
            if (key := spelling(path)) is not None:
                sides[key][side].append(path)
    return {found[0]: belong[0] for found, belong in sides.values() if len(found) == len(belong) == 1}


def _letters_and_digits(path: Path) -> str:
    return re.sub(r"[\W_]+", "", image_stem(path)).casefold()


def _casia_number(path: Path) -> tuple[str, str] | None:
    name = CasiaName.parse(path)
    return (name.prefix, name.number) if name else None
