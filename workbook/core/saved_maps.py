"""Predictions as PNG files, each whole or not at all, and never in the place of a file that is not ours."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin
from torch import Tensor

from workbook.core.errors import DataError
from workbook.core.whole_files import write_whole

WRITER = "workbook prediction"  # in the PNG's text, by which we know a file of our own again


def output_stems(paths: Sequence[Path | None], names: Sequence[str]) -> list[str]:
    """A stem for each prediction's files, no two alike: the image's, with its folder and suffix where needed.

    >>> output_stems([Path("x/a.jpg"), Path("y/a.jpg"), None], ["a.jpg", "a.jpg", "image 2"])
    ['x_a', 'y_a', 'image_2']
    >>> output_stems([Path("a.jpg"), Path("a.png")], ["a.jpg", "a.png"])
    ['a_jpg', 'a_png']
    """
    stems = [Path(name).stem.replace(" ", "_") for name in names]
    for longer in (_with_folder, _with_suffix, _with_both):
        twice = {stem for stem, count in Counter(stems).items() if count > 1}
        tried = [
            longer(path) if stem in twice and path is not None else stem
            for stem, path in zip(stems, paths, strict=True)
        ]
        if len(set(tried)) > len(set(stems)):
            stems = tried
    taken: set[str] = set()  # in small letters, since some file systems tell no capitals
    unlike = []
    for stem in stems:
        tries = (stem, *(f"{stem}_{number}" for number in range(1, len(stems) + 1)))
        unlike.append(next(one for one in tries if one.lower() not in taken))
        taken.add(unlike[-1].lower())
    return unlike


def _with_folder(path: Path) -> str:
    return "_".join([*path.parts[-2:-1], path.stem])


def _with_suffix(path: Path) -> str:
    return path.name.replace(".", "_")


def _with_both(path: Path) -> str:
    return "_".join(path.parts[-3:]).replace(".", "_")


def save_maps(
    folder: str | os.PathLike[str], stem: str, pred_mask: Tensor, marked: Tensor
) -> tuple[Path, Path]:
    """Write `<stem>_prob.png`, levels 0 to 255 for 0 to 1, and `<stem>_pred.png`, 255 where marked.

    Args:
        folder: where to.
        stem: of the files.
        pred_mask: float (1, H, W) in [0, 1].
        marked: bool (1, H, W).

    Raises:
        DataError: the place cannot be written, or a file of that name is not a prediction.
    """
    probability = (pred_mask[0].float() * 255).round().byte().numpy()
    files = Path(folder) / f"{stem}_prob.png", Path(folder) / f"{stem}_pred.png"
    for file, levels in zip(files, (probability, marked[0].numpy().astype(np.uint8) * 255), strict=True):
        write_png(file, levels)
    return files


def write_png(file: Path, levels: np.ndarray) -> Path:
    """Write levels, uint8 (H, W) or (H, W, 3), as a PNG that says it is ours.

    Raises:
        DataError: the place cannot be written, or a file of that name is not a prediction.
    """
    if file.exists() and not _is_ours(file):
        raise DataError(f"{file}: is there already and no prediction; choose another folder to save to")
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", WRITER)
    buffer = BytesIO()
    Image.fromarray(levels).save(buffer, "PNG", pnginfo=text)
    try:
        return write_whole(file, buffer.getvalue())
    except OSError as error:
        raise DataError(
            f"{file}: cannot be written ({error.strerror or error}); choose another folder to save to"
        ) from error


def _is_ours(file: Path) -> bool:
    try:
        with Image.open(file) as image:
            return image.info.get("Software") == WRITER
    except (OSError, ValueError, SyntaxError):
        return False
