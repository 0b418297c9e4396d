"""What is known to be wrong with published datasets, as tables with their sources."""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from workbook.core.errors import DataError
from workbook.curation.names import image_stem

_TABLES = "workbook.curation.errata_tables"


@dataclass(frozen=True)
class Errata:
    """The errata of one published dataset.

    Attributes:
        name: `"casia-v1"`, `"casia-v2"`, `"coverage"` or `"imd2020"`.
        title: the dataset's name in full.
        sources: who published the dataset and who found its errors.
        renames: from published to correct image names, with the folder (`Sp`, `CM`) where one is given.
        without_mask: published images that have no mask, with the reason.
        sizes: image name -> ((height, width) of the image, of the mask).
        duplicates: pairs of names of one photograph.
        notes: image name -> whatever else is known.
    """

    name: str
    title: str
    sources: tuple[str, ...]
    renames: Mapping[PurePosixPath, PurePosixPath]
    without_mask: Mapping[str, str]
    sizes: Mapping[str, tuple[tuple[int, int], tuple[int, int]]]
    duplicates: tuple[tuple[str, str], ...]
    notes: Mapping[str, str]

    def right_stem(self, path: Path) -> str | None:
        """The correct stem of a published image or of its mask; None where its name is right."""
        return self._right_stems.get(image_stem(path))

    @functools.cached_property
    def _right_stems(self) -> dict[str, str]:
        return {wrong.stem: right.stem for wrong, right in reversed(list(self.renames.items()))}

    def note_of(self, image: PurePath) -> str | None:
        """What is known of an image's mask, for a fault that shows it: a note of the table, or its sizes."""
        if image.name in self.sizes:
            return "the mask has another size than its image"
        found = (note for name, note in self.notes.items() if PurePath(name).parts == _last(image, name))
        return next(found, None)


def _last(image: PurePath, name: str) -> tuple[str, ...]:
    """As many of the last parts of a path as the name has: tables give a folder where names repeat."""
    return image.parts[-len(PurePath(name).parts) :]


def errata_names() -> list[str]:
    """The datasets whose errata are known.

    >>> errata_names()
    ['casia-v1', 'casia-v2', 'coverage', 'imd2020']
    """
    files = resources.files(_TABLES).iterdir()
    return sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json"))


def read_errata(name: str) -> Errata:
    """Read one table.

    Raises:
        DataError: no such table.

    >>> errata = read_errata("casia-v1")
    >>> len(errata.renames), list(errata.without_mask)
    (33, ['Sp_D_NRN_A_cha0011_sec0011_0542.jpg'])
    """
    if name not in errata_names():
        raise DataError(f"no errata for {name!r}; choose from {', '.join(errata_names())}")
    table: dict[str, Any] = json.loads(resources.files(_TABLES).joinpath(f"{name}.json").read_text("utf-8"))
    return Errata(
        name=name,
        title=table["title"],
        sources=tuple(table["sources"]),
        renames={PurePosixPath(row["published"]): PurePosixPath(row["correct"]) for row in table["renames"]},
        without_mask={row["image"]: row["note"] for row in table["without_mask"]},
        sizes={row["image"]: (tuple(row["image_size"]), tuple(row["mask_size"])) for row in table["sizes"]},
        duplicates=tuple((first, second) for first, second in table["duplicates"]),
        notes={row["image"]: row["note"] for row in table["other"]},
    )


def image_sizes(name: str) -> dict[str, tuple[int, int]]:
    """The tampered images of a published dataset by their correct names, each with its (height, width).

    Enough to see what a pairing rule would do to that dataset, without a download. The sizes are those of the
    published masks, corrected by the errata; that of the one image without a mask follows from how many pairs
    pass a check of the sizes where both listings are zipped.

    Raises:
        DataError: no such listing; only `"casia-v1"` has one.

    >>> sizes = image_sizes("casia-v1")
    >>> len(sizes), sizes["Sp_D_CND_A_pla0005_pla0023_0281.jpg"]
    (921, (256, 384))
    """
    file = resources.files(_TABLES).joinpath(f"{name}-images.csv")
    if name not in errata_names() or not file.is_file():
        raise DataError(f"no listing of the images of {name!r}; there is one of casia-v1")
    rows = csv.DictReader(file.read_text("utf-8").splitlines())
    return {row["image"]: (int(row["height"]), int(row["width"])) for row in rows}
