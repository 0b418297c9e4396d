import pytest

from workbook.core.errors import DataError
from workbook.course.submission import find_submissions

STEMS = ["01_data_prep", "02_model"]


def lay_out(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


def test_folders_and_flat_files(tmp_path):
    lay_out(tmp_path, "ann/01_data_prep.ipynb", "ann/02.ipynb", "bob_lee_01.ipynb", "bob_lee_02_model.ipynb")
    lay_out(
        tmp_path, "cy/01_data_prep/01_data_prep.ipynb", ".git/01.ipynb", "ann/.ipynb_checkpoints/02.ipynb"
    )
    lay_out(tmp_path, "bob_lee-2/01.ipynb", "dee_0123_01.ipynb")
    ann, bob, second_bob, cy, dee = find_submissions(tmp_path, STEMS)
    assert (ann.learner, bob.learner, cy.learner) == ("ann", "bob_lee", "cy")
    assert (second_bob.learner, dee.learner) == ("bob_lee-2", "dee_0123")
    assert list(dee.notebooks) == ["01_data_prep"]
    assert {stem: path.name for stem, path in ann.notebooks.items()} == {
        "01_data_prep": "01_data_prep.ipynb",
        "02_model": "02.ipynb",
    }
    assert sorted(bob.notebooks) == STEMS
    assert list(cy.notebooks) == ["01_data_prep"]
    assert ann.remarks == bob.remarks == cy.remarks == []


def test_what_cannot_be_used_is_told(tmp_path):
    lay_out(tmp_path, "ann/01.pdf", "ann/homework.ipynb", "ann/011.ipynb", "ann/notes.txt", "readme.ipynb")
    ann, readme = find_submissions(tmp_path, STEMS)
    assert ann.notebooks == readme.notebooks == {}
    assert ann.remarks == [
        f"{name} is no notebook of this course" for name in ("01.pdf", "011.ipynb", "homework.ipynb")
    ]
    assert readme.remarks == ["readme.ipynb is no notebook of this course"]


def test_of_two_of_one_notebook_the_last_changed_counts(tmp_path):
    import os

    lay_out(tmp_path, "ann/01_data_prep.ipynb", "ann/01_data_prep (1).ipynb")
    os.utime(tmp_path / "ann/01_data_prep.ipynb", (2, 2))
    os.utime(tmp_path / "ann/01_data_prep (1).ipynb", (1, 1))
    (ann,) = find_submissions(tmp_path, STEMS)
    assert ann.notebooks["01_data_prep"].name == "01_data_prep.ipynb"
    assert "the last changed counts" in ann.remarks[0]


def test_an_empty_folder_and_none(tmp_path):
    with pytest.raises(DataError, match="holds no submission"):
        find_submissions(tmp_path, STEMS)
    with pytest.raises(DataError, match="no such folder"):
        find_submissions(tmp_path / "x", STEMS)
