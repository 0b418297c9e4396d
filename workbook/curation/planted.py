"""The faults that the embedded datasets have on purpose, one small function each, after real ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from workbook.curation.opening import ORIENTATION

TRUTH_FILE = "truth.json"
Truth = dict[str, object]


def plant_faults(folder: Path, parts: Sequence[str], rng: np.random.Generator) -> None:
    """Spoil some pairs of each part, each in its own way, and write what was done to `truth.json`."""
    truths: list[Truth] = []
    for part in parts:
        stems = sorted(path.stem for path in (folder / part / "Tp").glob("Sp_D_*.jpg"))
        chosen = rng.choice(len(stems), size=len(PLANTERS), replace=False)
        for planter, number in zip(PLANTERS, chosen, strict=True):
            image, mask = (
                folder / part / "Tp" / f"{stems[number]}.jpg",
                folder / part / "Gt" / f"{stems[number]}_gt.png",
            )
            truth = planter(image, mask)
            truths.append({"part": part, "image": image.name, "mask": mask.name, **truth})
    text = json.dumps({"faults": truths}, indent=1)
    (folder / TRUTH_FILE).write_text(text + "\n", encoding="utf-8")


def missing_mask(image: Path, mask: Path) -> Truth:
    """Take a mask away, as CASIA v1's one extra image has none."""
    mask.unlink()
    return {"kind": "image_without_mask", "mask": None}


def rotated_mask(image: Path, mask: Path) -> Truth:
    """Turn a mask by 90 degrees, as four masks of CASIA v2 are."""
    _rewrite(mask, lambda picture: picture.transpose(Image.Transpose.ROTATE_90))
    return {"kind": "size_mismatch", "cause": "rotated"}


def half_size_mask(image: Path, mask: Path) -> Truth:
    """Store a mask at half its size."""
    _rewrite(
        mask,
        lambda picture: picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.NEAREST),
    )
    return {"kind": "size_mismatch", "cause": "scaled"}


def cropped_mask(image: Path, mask: Path) -> Truth:
    """Cut a few rows from a mask, as eleven masks of CASIA v2 are cut."""
    _rewrite(mask, lambda picture: picture.crop((0, 0, picture.width, picture.height - 5)))
    return {"kind": "size_mismatch", "cause": "cropped"}


def antialiased_mask(image: Path, mask: Path) -> Truth:
    """Soften a mask's edge, so that it has grey pixels."""
    _rewrite(mask, lambda picture: picture.filter(ImageFilter.GaussianBlur(1)))
    return {"kind": "not_binary"}


def alpha_mask(image: Path, mask: Path) -> Truth:
    """Put a mask into the alpha channel of an otherwise black RGBA picture."""

    def to_alpha(picture: Image.Image) -> Image.Image:
        black = Image.new("L", picture.size)
        return Image.merge("RGBA", (black, black, black, picture))

    _rewrite(mask, to_alpha)
    return {"kind": "alpha_only"}


def coded_01_mask(image: Path, mask: Path) -> Truth:
    """Code a mask as 0 and 1, which looks black."""
    _rewrite(mask, lambda picture: picture.point(lambda value: value // 255))
    return {"kind": "coded_01"}


def inverted_mask(image: Path, mask: Path) -> Truth:
    """Swap black and white."""
    _rewrite(mask, lambda picture: picture.point(lambda value: 255 - value))
    return {"kind": "inverted_mask"}


def empty_mask(image: Path, mask: Path) -> Truth:
    """Blacken the mask of a tampered image."""
    _rewrite(mask, lambda picture: picture.point(lambda value: 0))
    return {"kind": "empty_mask"}


def flipped_mask(image: Path, mask: Path) -> Truth:
    """Mirror a mask, which no size check can see."""
    _rewrite(mask, lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    return {"kind": "misaligned", "cause": "flipped"}


def misnamed_image(image: Path, mask: Path) -> Truth:
    """Write a dot where an underscore belongs, as one file of CASIA v1 has it."""
    stem, number = image.stem.rsplit("_", 1)
    renamed = image.with_name(f"{stem}.{number}{image.suffix}")
    image.rename(renamed)
    return {"kind": "image_without_mask", "image": renamed.name, "right_name": image.name}


def truncated_image(image: Path, mask: Path) -> Truth:
    """Cut a JPEG off, as a broken download leaves it."""
    whole = image.read_bytes()
    image.write_bytes(whole[: len(whole) // 2])
    return {"kind": "unreadable"}


def duplicate_image(image: Path, mask: Path) -> Truth:
    """Store the same pixels under a second name, with a mask of its own."""
    stem, number = image.stem.rsplit("_", 1)
    second = f"{stem}_{int(number) + 9000:04d}"
    image.with_name(f"{second}.jpg").write_bytes(image.read_bytes())
    mask.with_name(f"{second}_gt.png").write_bytes(mask.read_bytes())
    return {"kind": "duplicate_image", "duplicate": f"{second}.jpg"}


def rgba_mask(image: Path, mask: Path) -> Truth:
    """Store a mask as opaque RGBA, as a third of CASIA v1's are: odd, but nothing to repair."""
    _rewrite(mask, lambda picture: picture.convert("RGBA"))
    return {"kind": None}


PLANTERS: tuple[Callable[[Path, Path], Truth], ...] = (
    missing_mask,
    rotated_mask,
    half_size_mask,
    cropped_mask,
    antialiased_mask,
    alpha_mask,
    coded_01_mask,
    inverted_mask,
    empty_mask,
    flipped_mask,
    misnamed_image,
    truncated_image,
    duplicate_image,
    rgba_mask,
)


def plant_portrait_faults(folder: Path, parts: Sequence[str], rng: np.random.Generator) -> None:
    """Spoil some portraits of each part, as AISegment's are and as phones do; write it to `truth.json`."""
    truths: list[Truth] = []
    for part in parts:
        images = sorted((folder / part / "clip_img").rglob("*.jpg"))
        chosen = rng.choice(len(images), size=len(PORTRAIT_PLANTERS), replace=False)
        for planter, number in zip(PORTRAIT_PLANTERS, chosen, strict=True):
            image = images[number]
            group = image.parent.parent.name
            matte = folder / part / "matting" / group / "matting_00000000" / f"{image.stem}.png"
            truth = planter(image, matte)
            truths.append({"part": part, "image": image.name, "mask": matte.name, **truth})
    text = json.dumps({"every_mask": "alpha_only", "faults": truths}, indent=1)
    (folder / TRUTH_FILE).write_text(text + "\n", encoding="utf-8")


def stray_files(image: Path, mask: Path) -> Truth:
    """Leave what macOS leaves beside files, as AISegment has it: no image, whatever its name says."""
    for path in (image, mask):
        path.with_name(f"._{path.name}").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ")
    return {"kind": None}


def missing_image(image: Path, mask: Path) -> Truth:
    """Take an image away and leave its mask."""
    image.unlink()
    return {"kind": "mask_without_image", "image": None}


def grey_matte(image: Path, mask: Path) -> Truth:
    """Store a matte as a grey picture instead of an alpha channel: another coding, and nothing to repair."""
    _rewrite(mask, lambda picture: picture.getchannel("A"))
    return {"kind": None, "coding": "grey"}


def turned_photograph(image: Path, mask: Path) -> Truth:
    """Store an image as the sensor lay, with its orientation in the EXIF; the matte is as it is shown."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    with Image.open(image) as picture:
        stored = picture.transpose(Image.Transpose.ROTATE_90)
    stored.save(image, quality=95, exif=exif)
    return {"kind": "exif_rotation"}


def duplicate_portrait(image: Path, mask: Path) -> Truth:
    """Store an image and its matte under a second name."""
    second = f"{image.stem}_2"
    image.with_name(f"{second}.jpg").write_bytes(image.read_bytes())
    mask.with_name(f"{second}.png").write_bytes(mask.read_bytes())
    return {"kind": "duplicate_image", "duplicate": f"{second}.jpg"}


PORTRAIT_PLANTERS: tuple[Callable[[Path, Path], Truth], ...] = (
    stray_files,
    missing_mask,
    missing_image,
    half_size_mask,
    grey_matte,
    turned_photograph,
    truncated_image,
    duplicate_portrait,
)


def _rewrite(mask: Path, change: Callable[[Image.Image], Image.Image]) -> None:
    with Image.open(mask) as picture:
        changed = change(picture.copy())
    changed.save(mask)
