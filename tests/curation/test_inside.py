from pathlib import Path, PurePosixPath

import pytest

from workbook.core.errors import DataError
from workbook.curation.inside import check_inside, relative_to


def test_inside():
    assert relative_to(Path("data/Tp/a.png"), Path("data")) == "Tp/a.png"
    assert relative_to(Path("data/x/../Tp/a.png"), Path("data")) == "Tp/a.png"
    assert check_inside("Tp/a.png") == PurePosixPath("Tp/a.png")


def test_outside():
    with pytest.raises(DataError, match="lies outside data"):
        relative_to(Path("data/../a.png"), Path("data"))
    for path in ("/a", "../a", "a/../../b", "d:a", "a\\b"):
        with pytest.raises(DataError, match="leaves the dataset"):
            check_inside(path)
