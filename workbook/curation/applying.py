"""Applying a plan to a copy of a dataset: originals are only read; the copy appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath

from PIL import Image
from tqdm import tqdm

from workbook.core.errors import DataError
from workbook.core.pairs import Pair, Pairing, write_pairs
from workbook.core.whole_files import part_of
from workbook.curation.copy_record import CopyRecord, source_digest
from workbook.curation.corrections import Correction, Plan, make_plan, stem_renamed
from workbook.curation.faults import find_faults
from workbook.curation.image_files import converted, upright
from workbook.curation.inside import check_inside, relative_to
from workbook.curation.layouts import Layout, PathLike, moved_layout, pair_layout, resolve_layout
from workbook.curation.mask_values import read_mask
from workbook.curation.opening import MAX_PIXELS, Unreadable, decode, opened
from workbook.curation.pixel_repairs import repair_values

PIXEL_ACTIONS = frozenset(
    (
        "take_alpha",
        "use_mask",
        "binarise",
        "transpose",
        "rotate",
        "rescale",
        "pad_or_crop",
        "invert",
        "flip",
        "shift",
    )
)


@dataclass
class Output:
    """One file of the copy: where it comes from and what is done to it."""

    source: Path
    target: PurePosixPath
    corrections: list[Correction] = field(default_factory=list)
    image: Path | None = None  # of a mask: its image, which sets the size
    right_mask: Path | None = None  # of a mask: the file that holds its pixels, where that is another


def apply_plan(plan: Plan, source: PathLike | Layout, out: PathLike, *, progress: bool = True) -> Pairing:
    """Write a corrected copy of a dataset; the source is only read.

    The copy grows in `<out>.part` and is renamed to `out` when it is complete. Killed or out of space, a
    second call goes on where the first one ended. The same plan on the same source gives the same bytes, and
    a copy that is there already is taken as it is; it is made anew where a file of the source has changed.

    Args:
        plan: what to correct.
        source: the dataset: a folder in a known layout, a JSON file of pairs, or a `Layout`.
        out: the folder of the copy, which keeps the source's layout.
        progress: show a progress bar on stderr.

    Returns:
        The pairs of the copy.

    Raises:
        DataError: `out` exists with another plan, lies in the source or around it, or cannot be written.
    """
    layout = resolve_layout(source)
    return _copy(plan, layout, Path(out), CopyRecord(plan.digest, _state(layout)), progress)


def _copy(plan: Plan, layout: Layout, folder: Path, record: CopyRecord, progress: bool) -> Pairing:
    """Write the copy that the record describes, unless it is there."""
    refuse_inside(layout, folder)
    outputs = plan_outputs(plan, layout)
    if folder.exists():
        found = CopyRecord.read(folder)
        if record.same_content(found):
            return pair_layout(moved_layout(layout, folder))
        audited = found is not None and found.audit is not None and record.audit is not None
        if found is None or not (found.plan == record.plan or audited):
            raise _foreign(folder)
    building = folder.with_name(folder.name + ".part")
    try:
        if not record.same_content(CopyRecord.read(building)):
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir(parents=True)
        record.write(building)
        for output in tqdm(outputs, desc="correct", unit="file", disable=not progress):
            target = building / output.target
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                part = part_of(target)
                _write(output, part, plan.soft)
                part.replace(target)
        if layout.name == "json":
            _write_pairs(plan, layout, outputs, building)
        replaced = folder.with_name(folder.name + ".old")
        shutil.rmtree(replaced, ignore_errors=True)
        if folder.exists():  # of an earlier state of the source; out of the way in one move
            folder.rename(replaced)
        building.rename(folder)
        shutil.rmtree(replaced, ignore_errors=True)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be written ({error.strerror or error}); make room or choose another folder, "
            "then call again: it goes on where it stopped"
        ) from error
    return pair_layout(moved_layout(layout, folder))


def correct(
    folder: PathLike | Layout, out: PathLike, *, soft: bool = False, progress: bool = True
) -> Pairing:
    """Audit a dataset, plan the repair of every fault, apply it to a copy, and pair the copy.

    A copy that is there already is taken as it is, without an audit, where `correct` made it and no file of
    the source was touched since; where one was, the copy is made anew.

    Args:
        folder: the dataset.
        out: the folder of the copy.
        soft: grey values in masks are wanted, as in alpha mattes.
        progress: show progress bars on stderr.

    Raises:
        DataError: as `find_faults` and `apply_plan` do.
    """
    layout, target = resolve_layout(folder), Path(out)
    refuse_inside(layout, target)
    state, found = _state(layout), CopyRecord.read(target)
    if found is None and target.exists():
        raise _foreign(target)
    if found is not None and (found.source, found.audit) == (state, soft):
        return pair_layout(moved_layout(layout, target))
    plan = make_plan(find_faults(layout, soft=soft, progress=progress))
    return _copy(plan, layout, target, CopyRecord(plan.digest, state, soft), progress)


def _state(layout: Layout) -> str:
    """A digest of the files of a dataset as they lie there."""
    images, masks = _all_files(pair_layout(layout))
    lists = [layout.images] if layout.name == "json" else []
    return source_digest([*images, *masks, *lists], layout.root)


def _foreign(folder: Path) -> DataError:
    return DataError(
        f"{folder}: exists, and is no copy made by this plan; delete it or choose another folder"
    )


def plan_outputs(plan: Plan, layout: Layout) -> list[Output]:
    """Every file of the copy, each with its corrections, in the order of its target.

    Raises:
        DataError: the plan names a file that is not there, or gives two files one name.
    """
    pairing = pair_layout(layout)
    images, masks = _all_files(pairing)
    root = layout.root
    outputs = {
        relative_to(path, root): Output(path, PurePosixPath(relative_to(path, root))) for path in images
    }
    for mask, image in masks.items():
        name = relative_to(mask, root)
        outputs[name] = Output(mask, PurePosixPath(name), image=image)
    corrections: dict[str, list[Correction]] = defaultdict(list)
    for correction in plan.corrections:
        for path in (correction.image, correction.mask):
            if path is not None:
                if path not in outputs:
                    raise DataError(f"{path}: the plan names it, but {root} has no such image or mask")
                corrections[path].append(correction)
    authentic = relative_to(layout.authentic, root) if layout.authentic else "Au"
    kept = [
        placed
        for name, output in sorted(outputs.items())
        if (placed := _place(output, name, corrections[name], authentic, root)) is not None
    ]
    taken: dict[str, Output] = {}
    for output in kept:
        number = 1
        while (
            str(output.target) in taken and str(output.target.parent) == authentic
        ):  # names say nothing there
            number += 1
            output.target = output.target.with_name(f"{output.source.stem}_{number}{output.target.suffix}")
        clash = taken.setdefault(str(output.target), output)
        if clash is not output:
            raise DataError(
                f"{output.target}: {clash.source.name} and {output.source.name} would both get this name"
            )
    return kept


def _all_files(pairing: Pairing) -> tuple[list[Path], dict[Path, Path | None]]:
    """Every image, and every mask with its image."""
    images = [pair.image for pair in pairing.pairs] + pairing.images_without_mask
    masks: dict[Path, Path | None] = {pair.mask: pair.image for pair in pairing.pairs if pair.mask}
    masks |= dict.fromkeys(pairing.masks_without_image)
    for group, claimed in pairing.ambiguous:
        images += group
        masks |= dict.fromkeys(claimed)
    return images, masks


def _place(
    output: Output, name: str, corrections: list[Correction], authentic: str, root: Path
) -> Output | None:
    """The file with its target and its corrections; None where it is left out."""
    is_image = output.image is None and any(c.image == name for c in corrections)
    for correction in corrections:
        if correction.action == "drop":
            return None
        if correction.action == "treat_as_authentic":
            if not is_image:
                return None
            output.target = PurePosixPath(authentic, output.target.name)
        elif correction.action == "rename":
            output.target = stem_renamed(output.target, correction.parameters["right_name"])
        elif correction.action == "move":
            output.target = check_inside(correction.parameters["to"])
        elif is_image and correction.action in ("clear_orientation", "convert"):
            output.corrections.append(correction)
            if correction.action == "convert":
                output.target = output.target.with_suffix(".png")
        elif not is_image and correction.action in PIXEL_ACTIONS:
            output.corrections.append(correction)
            output.target = output.target.with_suffix(".png")
            if correction.action == "use_mask":
                output.right_mask = root / check_inside(correction.parameters["right_mask"])
    return output


def _write(output: Output, part: Path, soft: bool) -> None:
    if not output.corrections:
        shutil.copyfile(output.source, part)
        return
    try:
        part.write_bytes(_corrected_bytes(output, soft))
    except Unreadable as error:
        raise DataError(f"{output.source}: cannot be corrected ({error}); drop it in the plan") from error


def _corrected_bytes(output: Output, soft: bool) -> bytes:
    actions = [correction.action for correction in output.corrections]
    if "convert" in actions:
        return converted(output.source)
    if "clear_orientation" in actions:
        return upright(output.source)
    with opened(output.right_mask or output.source, MAX_PIXELS) as picture:
        values = read_mask(decode(picture), soft=soft).values
    size = values.shape
    if output.image is not None:
        with opened(output.image, MAX_PIXELS) as image:
            size = (image.height, image.width)
    repairs = [(correction.action, correction.parameters) for correction in output.corrections]
    buffer = BytesIO()
    Image.fromarray(repair_values(values, size, repairs, soft=soft)).save(buffer, "PNG")
    return buffer.getvalue()


def refuse_inside(layout: Layout, out: Path) -> None:
    """Raise a DataError where a copy would be written into its source, or around it."""
    roots = {layout.root}
    if layout.name == "json":  # its files may be anywhere
        pairing = pair_layout(layout)
        images, masks = _all_files(pairing)
        roots = {path.parent for path in (*images, *masks)}
    target = os.path.realpath(out)
    for source in {os.path.realpath(root) for root in roots}:
        if os.path.commonpath([source, target]) in (source, target):
            raise DataError(f"{out}: lies inside the dataset or around it; choose a folder beside it")


def _write_pairs(plan: Plan, layout: Layout, outputs: list[Output], folder: Path) -> None:
    """The JSON of a copy made from a JSON of pairs, its paths relative to the file.

    An image whose mask was left out is authentic only where the plan says so, else it is in no pair.
    """
    targets = {output.source: folder / output.target for output in outputs}
    treated = {
        correction.image for correction in plan.corrections if correction.action == "treat_as_authentic"
    }
    pairs = []
    for pair in pair_layout(layout).pairs:
        mask = targets.get(pair.mask) if pair.mask else None
        authentic = pair.authentic or relative_to(pair.image, layout.root) in treated
        if pair.image in targets and (mask is not None or authentic):
            pairs.append(Pair(targets[pair.image], mask))
    write_pairs(pairs, folder / layout.images.name, relative=True)
