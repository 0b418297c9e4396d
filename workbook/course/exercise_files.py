"""Where the learner's notebooks are: beside the package in a clone, among the data of an installed wheel."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from workbook.core.errors import DataError

DISTRIBUTION = "imdl-workbook"
FOLDER = "exercises"


def exercise_files() -> dict[str, Path]:
    """The learner's notebooks that belong to this version of the package, by name, `01_data_prep` first.

    Raises:
        DataError: they are neither in a clone nor in the installation.
    """
    found = _in_clone() or _installed()
    if not found:
        raise DataError(
            f"the exercises are not installed; pip install {DISTRIBUTION} again, or make exercises in a clone"
        )
    return {path.stem: path for path in sorted(found, key=lambda path: path.name)}


def _in_clone() -> list[Path]:
    root = Path(__file__).resolve().parents[2]
    return list((root / FOLDER).glob("*.ipynb")) if (root / "pyproject.toml").is_file() else []


def _installed() -> list[Path]:
    try:
        listed = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
    paths = [Path(str(file.locate())) for file in listed if file.suffix == ".ipynb" and FOLDER in file.parts]
    return [path.resolve() for path in paths if path.is_file()]
