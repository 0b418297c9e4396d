"""Pairs copied into one folder of the layout `Tp`, `Gt`, `Au`, for programs that know no other."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from workbook.core.errors import DataError
from workbook.core.pairs import Pair


def copy_pairs(pairs: Iterable[Pair], folder: str | os.PathLike[str]) -> list[Pair]:
    """Copy images into `Tp` (those without a mask into `Au`) and masks into `Gt`, byte for byte.

    A mask becomes `<image>_gt.<its suffix>`; images of one name in several folders get the folder's too.

    Args:
        pairs: what to copy; the originals are only read.
        folder: where to; appears whole or not at all.

    Returns:
        The pairs as they lie there now, in the same order.

    Raises:
        DataError: no pairs, the folder is there already, or a file that cannot be read or written.

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> for name in ("a.jpg", "a.png", "b.jpg"):
    ...     (root / name).touch()
    >>> copied = copy_pairs([Pair(root / "a.jpg", root / "a.png"), Pair(root / "b.jpg")], root / "copy")
    >>> [file.relative_to(root).as_posix() for pair in copied for file in (pair.image, pair.mask) if file]
    ['copy/Tp/a.jpg', 'copy/Gt/a_gt.png', 'copy/Au/b.jpg']
    """
    from workbook.core.saved_maps import output_stems  # and with it torch, which an audit does without

    wanted, folder = list(pairs), Path(folder)
    if not wanted:
        raise DataError("there are no pairs to copy; check what was listed or filtered")
    if folder.exists():
        raise DataError(f"{folder}: is there already; give a folder that is not, or remove it first")
    stems = output_stems([pair.image for pair in wanted], [pair.name for pair in wanted])
    part = folder.with_name(folder.name + ".part")
    copied = []
    try:
        shutil.rmtree(part, ignore_errors=True)
        for name in ("Tp", "Gt"):
            (part / name).mkdir(parents=True)
        for pair, stem in zip(wanted, stems, strict=True):
            image = Path("Au" if pair.authentic else "Tp", stem + pair.image.suffix)
            mask = None if pair.mask is None else Path("Gt", f"{stem}_gt{pair.mask.suffix}")
            (part / image).parent.mkdir(exist_ok=True)
            shutil.copyfile(pair.image, part / image)
            if pair.mask is not None and mask is not None:
                shutil.copyfile(pair.mask, part / mask)
            copied.append(Pair(folder / image, None if mask is None else folder / mask))
        part.rename(folder)
    except OSError as error:
        raise DataError(
            f"{error.filename or folder}: cannot be copied ({error.strerror or error})"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return copied
