"""Looking at one image and its mask: every fault that these two files, and the authentic host, can show."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from workbook.core.pairs import Pair
from workbook.curation.alignment import BLOCK, align_mask, change_map, differs, mask_auc, reduce_mask
from workbook.curation.duplicates import SampleKey, sample_key
from workbook.curation.mask_values import (
    INVERTED_AREA,
    THRESHOLD,
    Finding,
    judge_content,
    near_boundary,
    read_mask,
)
from workbook.curation.opening import MAX_PIXELS, Unreadable, decode, frames, opened, orientation
from workbook.curation.pixel_repairs import repair_values
from workbook.curation.sizes import fit_parameters, size_cause

# The first letters of the modes of images that some readers take for other pixels than others do.
UNUSUAL_MODES = {
    "I": "16-bit: read as 8 bits, its values are cut off at white",
    "F": "floating point: read as 8 bits, its values are cut off at white",
    "CMYK": "CMYK: each reader has its own way to RGB",
    "YCCK": "CMYK: each reader has its own way to RGB",
    "P": "palette: an array of it holds indices, not colours",
    "1": "1-bit: an array of it holds 0 and 1",
    "LAB": "LAB: an array of it holds no RGB",
}


@dataclass(frozen=True)
class Options:
    """What to look for.

    Attributes:
        pixels: decode every file; else read headers only (unreadable, sizes, EXIF).
        soft: grey masks are wanted (alpha mattes).
        max_pixels: larger images count as unreadable and are never decoded.
    """

    pixels: bool = True
    soft: bool = False
    max_pixels: int = MAX_PIXELS


@dataclass
class Inspection:
    """What one pair showed.

    Attributes:
        pair: the pair.
        findings: its faults.
        key: equal for images of equal pixels; None where the image was not decoded.
        mask_key: width, height and marked share, equal for equal masks; None where the mask was not decoded.
        host: the authentic image that it was compared with.
    """

    pair: Pair
    findings: list[Finding] = field(default_factory=list)
    key: SampleKey | None = None
    mask_key: tuple[int, int, float] | None = None
    host: Path | None = None


def inspect_group(host: Path | None, pairs: list[Pair], options: Options) -> list[Inspection]:
    """Inspect the pairs that share a host, decoding each file once.

    Args:
        host: the authentic image that all pairs were made from, itself one of them. None: none is known.
        pairs: the pairs, authentic ones with `mask=None`.
        options: what to look for.
    """
    if host is None or not options.pixels:
        return [inspect_pair(pair, None, options) for pair in pairs]
    own = next(pair for pair in pairs if pair.image == host)
    inspection = Inspection(own)
    picture = _look_at_image(inspection, options)
    others = [inspect_pair(pair, picture, options) for pair in pairs if pair is not own]
    for other in others:
        other.host = host
    return [inspection, *others]


def inspect_pair(pair: Pair, host: Image.Image | None, options: Options) -> Inspection:
    """Inspect one image and its mask, against the decoded host where there is one."""
    inspection = Inspection(pair)
    picture = _look_at_image(inspection, options)
    if pair.mask is not None:
        try:
            with opened(pair.mask, options.max_pixels) as mask:
                inspection.findings += _look_at_mask(inspection, picture, mask, host, options)
        except Unreadable as error:
            inspection.findings.append(("unreadable", {"file": "mask", "cause": str(error)}, "drop"))
    return inspection


def _look_at_image(inspection: Inspection, options: Options) -> Image.Image | None:
    """The image, decoded if asked for; None where it cannot be read. Notes faults and the key."""
    try:
        with opened(inspection.pair.image, options.max_pixels) as picture:
            unusual = _unusual(picture)
            if unusual:
                detail = {"file": "image", "cause": unusual}
                inspection.findings.append(("unreadable", detail, "convert"))
            turned = orientation(picture)
            if turned != 1:
                inspection.findings.append(("exif_rotation", {"orientation": turned}, "clear_orientation"))
            if options.pixels:
                inspection.key = sample_key(decode(picture))
            return picture
    except Unreadable as error:
        inspection.findings.append(("unreadable", {"file": "image", "cause": str(error)}, "drop"))
        return None


def _unusual(picture: Image.Image) -> str | None:
    """What training code reads in different ways: several frames, or a mode other than grey, RGB or RGBA."""
    if picture.format in ("GIF", "WEBP", "PNG", "TIFF") and (count := frames(picture)) > 1:
        return f"animated: {count} frames"
    if picture.mode in ("RGB", "L", "RGBA", "LA"):
        return None
    return next((cause for modes, cause in UNUSUAL_MODES.items() if picture.mode.startswith(modes)), None)


def _look_at_mask(
    inspection: Inspection,
    picture: Image.Image | None,
    mask: Image.Image,
    host: Image.Image | None,
    options: Options,
) -> list[Finding]:
    if picture is None:  # the pair is lost, whatever its mask is
        if options.pixels:
            decode(mask)
        return []
    findings: list[Finding] = []
    size, mask_size = picture.size[::-1], mask.size[::-1]
    turned = next((f[1] for f in inspection.findings if f[0] == "exif_rotation"), None)
    as_shown = turned is not None and turned["orientation"] >= 5 and mask_size == size[::-1] != size
    if turned is not None and as_shown:
        turned["mask"] = "as shown"
        repairs: list[tuple[str, dict[str, Any]]] = [("transpose", turned)]
    elif mask_size != size:
        repairs = fit_parameters(size_cause(size, mask_size), size, mask_size)[:1]
    else:
        repairs = []
    if not options.pixels:
        return [] if as_shown or mask_size == size else [_size_fault(size, mask_size, repairs)]
    if count := (frames(mask) if mask.format in ("GIF", "WEBP", "PNG", "TIFF") else 1) - 1:
        detail = {"file": "mask", "cause": f"animated: {count + 1} frames"}
        findings.append(("unreadable", detail, "binarise"))
    reading = read_mask(decode(mask), soft=options.soft)
    inspection.mask_key = (mask.width, mask.height, reading.area)
    findings += reading.findings
    if mask_size != size and not as_shown:
        evidence, repairs = _choose_repair(reading.values, picture, host)
        fault = _size_fault(size, mask_size, repairs)
        fault[1]["evidence"] = evidence
        findings.append(fault)
        if not repairs:
            return findings
    # As most are; spares passes over its pixels.
    sound = not findings and not options.soft and 0 < reading.area <= INVERTED_AREA
    if sound and mask_size == size:
        return (
            []
            if host is None or host.size != picture.size
            else _alignment(picture, host, reading.picture, [])
        )
    marked = (repair_values(reading.values, size, repairs) if repairs else reading.values) >= THRESHOLD
    content = [] if sound else judge_content(marked)
    if content and content[0][0] == "empty_mask" and host is not None and differs(picture, host):
        content = [("empty_mask", {"host": "differs, so something is tampered"}, "drop")]
    findings += content
    if content and content[0][0] == "inverted_mask":
        marked = ~marked
    if host is not None and host.size == picture.size and (not content or content[0][0] == "inverted_mask"):
        findings += _alignment(picture, host, marked, content)
    return findings


def _alignment(
    picture: Image.Image, host: Image.Image, marked: np.ndarray | Image.Image, content: list[Finding]
) -> list[Finding]:
    fault = align_mask(picture, host, marked)
    if fault is None:
        return []
    if fault[0] == "inverted_mask" and content:  # looks inverted, but the host says that it is not
        content.clear()
        return []
    return [fault]


def _size_fault(
    size: tuple[int, int], mask_size: tuple[int, int], repairs: list[tuple[str, dict[str, Any]]]
) -> Finding:
    detail = {"cause": size_cause(size, mask_size), "image_size": list(size), "mask_size": list(mask_size)}
    if not repairs:
        return "size_mismatch", detail, "drop"
    return "size_mismatch", detail | repairs[0][1], repairs[0][0]


def _choose_repair(
    values: np.ndarray, picture: Image.Image, host: Image.Image | None
) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """Of the repairs that would give the right size, the one whose mask fits best, and what told so."""
    size = (picture.height, picture.width)
    mask_size = (values.shape[0], values.shape[1])
    candidates = fit_parameters(size_cause(size, mask_size), size, mask_size)
    if len(candidates) < 2:
        return "size", candidates
    masks = [repair_values(values, size, [candidate]) >= THRESHOLD for candidate in candidates]
    if host is not None and host.size == picture.size:
        change = change_map(picture, host)
        scores = [mask_auc(change, reduce_mask(mask, BLOCK)) for mask in masks]
        evidence = "host"
    else:
        gradient = _gradient(picture)
        scores = [float(gradient[near_boundary(mask, 1)].sum()) / max(1, mask.sum()) for mask in masks]
        evidence = "edges"
    best = max(range(len(candidates)), key=lambda number: (np.nan_to_num(scores[number]), -number))
    return evidence, [candidates[best]]


def _gradient(picture: Image.Image) -> np.ndarray:
    """How steep the grey values are: float32 (H, W). Masks follow the edges of things."""
    grey = np.asarray(picture.convert("L"), dtype=np.float32)
    steepness = np.zeros_like(grey)
    steepness[:, 1:] += np.abs(np.diff(grey, axis=1))
    steepness[1:] += np.abs(np.diff(grey, axis=0))
    return steepness
