"""The plan that known errata give: from a tree of the published names to the corrected one, and back."""

from __future__ import annotations

from pathlib import PurePosixPath

from workbook.curation.corrections import Correction, Plan, stem_renamed
from workbook.curation.errata import Errata
from workbook.curation.inside import relative_to
from workbook.curation.layouts import Layout, PathLike, list_images, resolve_layout
from workbook.curation.names import image_stem


def errata_plan(errata: Errata, source: PathLike | Layout, *, reverse: bool = False) -> Plan:
    """The renames that turn a tree of the published names into the corrected one, or back.

    Images go to the folder that the table gives where the tree has such folders (CASIA v1's `CM` and `Sp`).
    Masks are renamed with their image where they carry its old name. Files with right names are left alone.

    Args:
        errata: the table.
        source: the dataset.
        reverse: from the corrected names to the published ones.
    """
    layout = resolve_layout(source)
    right = {wrong.stem: right for wrong, right in errata.renames.items()}
    if reverse:
        right = {right.stem: wrong for wrong, right in errata.renames.items()}
    corrections = []
    files = {path: layout.images for path in list_images(layout.images)}
    files |= {path: layout.masks for path in list_images(layout.masks)}
    for path, top in files.items():
        target = right.get(image_stem(path))
        if target is None:
            continue
        is_mask = top == layout.masks and (layout.name != "flat" or path.stem != image_stem(path))
        if is_mask and reverse:
            continue  # masks were published under the correct names
        place = stem_renamed(PurePosixPath(relative_to(path, layout.root)), target.stem)
        if target.parent.name and path.parent.name in ("CM", "Sp") and path.parent.parent == top:
            place = place.parent.parent / target.parent.name / place.name
        name = relative_to(path, layout.root)
        image, mask = (None, name) if is_mask else (name, None)
        corrections.append(Correction("move", image, mask, {"to": str(place)}, f"errata {errata.name}"))
    return Plan(corrections)
