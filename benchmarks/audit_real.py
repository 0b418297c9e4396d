"""Does the audit find what is wrong with real published masks, and nothing else?

python benchmarks/audit_real.py --data FOLDER   # casia1/ (zip of masks, samples/) and portraits/
"""

import argparse
import statistics
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from workbook.curation import apply_plan, correct, errata_plan, find_faults, make_plan, read_errata
from workbook.curation.sizes import place

EXTRA = "Sp/Sp_D_NRN_A_cha0011_sec0011_0542.jpg"


def make_casia(archive, root, original_names):
    """The published masks, with stand-ins for the images of the published names and sizes."""
    with zipfile.ZipFile(archive) as masks:
        masks.extractall(root, [name for name in masks.namelist() if name.endswith(".png")])
    published = {right.stem: wrong for wrong, right in read_errata("casia-v1").renames.items()}
    masks = sorted((root / "CASIA 1.0 groundtruth").glob("*/*.png"))
    names = {}
    for mask in masks:
        stem = mask.stem.removesuffix("_gt")
        right = Path(mask.parent.name, f"{stem}.jpg")
        names[published.get(stem, right) if original_names else right] = Image.open(mask).size
    names[Path(EXTRA)] = (384, 256)
    for number, (name, (width, height)) in enumerate(sorted(names.items())):
        size = (384, 256) if width > height else (256, 384)
        picture = np.random.default_rng(number).integers(0, 255, (16, 24, 3), dtype=np.uint8)
        target = root / "Tp" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).resize(size).save(target)
    return root


def shown(report):
    """Kinds and counts, in words."""
    return ", ".join(f"{count} {kind}" for kind, count in report.counts().items()) or "no fault"


def casia_rows(archive, work):
    """The 920 masks under correct names, under the original ones, and after repair."""
    for original, title in ((False, "correct names"), (True, "original names")):
        root = make_casia(archive, work / title.replace(" ", "_"), original)
        report = find_faults(root, errata="casia-v1", progress=False)
        size = ", ".join(f.detail["cause"] for f in report.faults if f.kind == "size_mismatch")
        yield f"921 images, 920 masks, {title}", f"{shown(report)} (sizes: {size})"
        fixed = apply_plan(make_plan(report), root, work / f"fixed_{original}", progress=False)
        again = find_faults(work / f"fixed_{original}", errata="casia-v1", progress=False)
        yield "- repaired and audited again", f"{len(fixed.pairs)} pairs, {shown(again)}"
    names = apply_plan(errata_plan(read_errata("casia-v1"), root), root, work / "named", progress=False)
    yield "- original names, errata alone", f"{len(names.pairs)} pairs"


def others_mask(name, masks):
    """The mask of the next image of the same size."""
    same = [key for key in sorted(masks) if masks[key].shape == masks[name].shape]
    return masks[same[(same.index(name) + 1) % len(same)]]


SPOILT = {
    "as published": lambda name, masks: masks[name],
    "flipped left to right": lambda name, masks: masks[name][:, ::-1],
    "flipped upside down": lambda name, masks: masks[name][::-1],
    "turned by 180 degrees": lambda name, masks: masks[name][::-1, ::-1],
    "turned by 90 degrees": lambda name, masks: np.rot90(masks[name]),
    "shifted by 8 pixels": lambda name, masks: place(masks[name], masks[name].shape, (8, 0)),
    "shifted by 40 pixels": lambda name, masks: place(masks[name], masks[name].shape, (0, 40)),
    "inverted": lambda name, masks: 255 - masks[name],
    "swapped for another's": others_mask,
}


def triplet_rows(samples, work):
    """Each spoilt in turn: how many are found, how they are named, how well the repair fits the truth."""
    masks = {p.name: np.asarray(Image.open(p).convert("L")) for p in (samples / "Gt").iterdir()}
    for title, spoil in SPOILT.items():
        root = work / title.replace(" ", "_")
        for part in ("Tp", "Au"):
            (root / part).mkdir(parents=True)
            for path in (samples / part).iterdir():
                (root / part / path.name).write_bytes(path.read_bytes())
        (root / "Gt").mkdir()
        for name in masks:
            Image.fromarray(np.ascontiguousarray(spoil(name, masks))).save(root / "Gt" / name)
        report = find_faults(root, progress=False)
        named = Counter(
            f"{fault.kind}: {fault.detail.get('fits') or fault.detail.get('cause') or fault.repair}"
            for fault in report.faults
        )
        fixed = correct(root, root.with_name(root.name + "_fixed"), progress=False)
        ious = [iou(np.asarray(Image.open(p.mask)), masks[p.mask.name]) for p in fixed.pairs if p.mask]
        words = "; ".join(f"{count} {name}" for name, count in named.most_common()) or "no fault"
        yield (
            f"24 triplets, masks {title}",
            f"{words} (repaired: {len(ious)}, median IoU {statistics.median(ious):.3f})",
        )


def iou(one, other):
    """Intersection over union of two masks."""
    one, other = one >= 128, other >= 128
    return float((one & other).sum() / max(1, (one | other).sum()))


def portrait_rows(folder, work):
    """Every size mismatch against a count by hand, the repair, and the second audit."""
    report = find_faults(folder, progress=False)
    causes = Counter(fault.detail["cause"] for fault in report.faults if fault.kind == "size_mismatch")
    really = sum(
        Image.open(path).size != Image.open(folder / "masks" / f"{path.stem}.png").size
        for path in (folder / "images").iterdir()
    )
    yield "145 portraits", f"{shown(report)}; sizes: {dict(causes)}, counted apart: {really}"
    fixed = correct(folder, work / "portraits", progress=False)
    again = find_faults(work / "portraits", progress=False)
    yield "- repaired and audited again", f"{len(fixed.pairs)} pairs, {shown(again)}"


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args()
    print("| what | found |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        archive = args.data / "casia1/CASIA 1.0 groundtruth.zip"
        for rows in (
            casia_rows(archive, work / "casia"),
            triplet_rows(args.data / "casia1/samples", work / "triplets"),
            portrait_rows(args.data / "portraits", work),
        ):
            for title, found in rows:
                print(f"| {title} | {found} |")


if __name__ == "__main__":
    main()
