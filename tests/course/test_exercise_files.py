from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest

from workbook.core.errors import DataError
from workbook.course import exercise_files as module
from workbook.course.exercise_files import exercise_files

ROOT = Path(__file__).parents[2]


def test_a_clone_has_its_own():
    found = exercise_files()
    assert list(found) == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert {path.parent for path in found.values()} == {ROOT / "exercises"}


def installed(monkeypatch, tmp_path, names):
    """As in a wheel: the package in one folder, the notebooks among the data of the environment."""
    monkeypatch.setattr(module, "__file__", str(tmp_path / "site-packages/workbook/course/exercise_files.py"))
    files = []
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
        path = PurePosixPath("../" + name)
        files.append(
            SimpleNamespace(suffix=path.suffix, parts=path.parts, locate=lambda n=name: tmp_path / n)
        )
    monkeypatch.setattr(module.metadata, "files", lambda distribution: files)


def test_an_installation_has_them_among_its_data(monkeypatch, tmp_path):
    share = "share/imdl-workbook/exercises/"
    installed(monkeypatch, tmp_path, [share + "02_b.ipynb", share + "01_a.ipynb", "share/x/03.ipynb", "a.py"])
    (tmp_path / "site-packages/exercises").mkdir(parents=True)  # of another package
    (tmp_path / "site-packages/exercises/09_z.ipynb").touch()
    assert list(exercise_files()) == ["01_a", "02_b"]
    (tmp_path / share / "02_b.ipynb").unlink()
    assert list(exercise_files()) == ["01_a"]


def test_where_there_are_none_one_line_says_what_to_do(monkeypatch, tmp_path):
    installed(monkeypatch, tmp_path, ["a.py"])
    with pytest.raises(DataError, match="pip install imdl-workbook"):
        exercise_files()

    def not_installed(distribution):
        raise module.metadata.PackageNotFoundError(distribution)

    monkeypatch.setattr(module.metadata, "files", not_installed)
    with pytest.raises(DataError, match="exercises are not installed"):
        exercise_files()
