"""The data of the notebooks in one call: your folder or the embedded dataset, corrected and split."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from workbook.core.pairs import Pair
from workbook.curation.applying import correct
from workbook.curation.sample import sample
from workbook.curation.splits import split_pairs

Parts = dict[str, list[Pair]]


def prepare(
    data: str | os.PathLike[str] | None = None, work: str | os.PathLike[str] = "data", *, seed: int = 0
) -> Parts:
    """What notebook 1 does step by step: audit, repair a copy, pair, and split by photograph.

    Without `data` the embedded dataset is written and corrected; its test half holds photographs that the
    training half has none of. A folder of one's own (`Tp/ Gt/ [Au/]`) is split 70/10/20 by photograph. The
    folder is only read: the corrected copy lies in `work`, and is made once.

    Args:
        data: a folder of images and masks; None for the embedded dataset.
        work: where copies go.
        seed: of the split.

    Returns:
        The pairs of `"train"`, `"valid"` and `"test"`.

    Raises:
        DataError: the folder is missing, empty, or has no masks; or `work` cannot be written.
    """
    work = Path(work)
    if data is not None:
        folder = Path(data).resolve()
        copy = work / f"{folder.name}-{zlib.crc32(str(folder).encode()):08x}-corrected"
        parts = split_pairs(correct(folder, copy, progress=False).pairs, (0.7, 0.1, 0.2), seed)
        return dict(zip(("train", "valid", "test"), parts, strict=True))
    folder, copy = sample("casia-mini", work), work / "casia-mini-corrected"
    train, valid = split_pairs(
        correct(folder / "train", copy / "train", progress=False).pairs, (0.88, 0.12), seed
    )
    test = correct(folder / "test", copy / "test", progress=False).pairs
    return {"train": train, "valid": valid, "test": test}
