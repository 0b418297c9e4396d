import io

import pytest
from PIL import Image

from workbook import cli
from workbook.core import BalancedDataset, check_model, create_model
from workbook.core.errors import DataError, WorkbookError
from workbook.core.model_file import load_model_file
from workbook.core.named_sets import named_sets
from workbook.core.registry import MODELS
from workbook.course import learner_folder
from workbook.course.learner_folder import lay_out, learner_files

OWN = b"my own\n"


def tree(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def mine(tmp_path):
    """A folder in which two files were changed and one was added."""
    lay_out(tmp_path / "mine")
    for name in ("01_data_prep.ipynb", "my_model.py", "notes.txt"):
        (tmp_path / "mine" / name).write_bytes(OWN)
    return tmp_path / "mine"


def test_a_new_folder_holds_all(tmp_path):
    done = lay_out(tmp_path / "a" / "mine")
    assert set(done.values()) == {"new"}
    assert tree(tmp_path / "a" / "mine") == learner_files()
    names = set(done)
    assert {"my_model.py", "test_datasets.json", "balanced_dataset.json", "README.md"} < names
    assert {"01_data_prep.ipynb", "02_model.ipynb", "03_train.ipynb", "04_eval.ipynb"} < names
    assert set(lay_out(tmp_path / "a" / "mine").values()) == {"unchanged"}


def test_what_is_kept_stays_and_what_is_missing_comes(mine):
    (mine / "README.md").unlink()
    done = lay_out(mine, "keep")
    assert [name for name, what in done.items() if what == "kept"] == ["01_data_prep.ipynb", "my_model.py"]
    assert done["README.md"] == "new"
    assert (mine / "my_model.py").read_bytes() == (mine / "notes.txt").read_bytes() == OWN


def test_what_is_replaced_is_backed_up_and_no_backup_is_overwritten(mine):
    files = learner_files()
    assert lay_out(mine, "replace")["my_model.py"] == "replaced, yours is in my_model.py.bak"
    (mine / "my_model.py").write_bytes(b"again\n")
    assert lay_out(mine, "replace")["my_model.py"] == "replaced, yours is in my_model.py.bak2"
    backups = {"my_model.py.bak": OWN, "my_model.py.bak2": b"again\n", "01_data_prep.ipynb.bak": OWN}
    assert tree(mine) == files | backups | {"notes.txt": OWN}


def test_each_differing_file_is_asked_for_before_anything_is_written(mine):
    asked = []

    def ask(name):
        asked.append((name, tree(mine)))
        return name == "my_model.py"

    before = tree(mine)
    done = lay_out(mine, "ask", ask)
    assert asked == [("01_data_prep.ipynb", before), ("my_model.py", before)]
    assert (done["01_data_prep.ipynb"], done["my_model.py"][:8]) == ("kept", "replaced")


def test_nobody_to_ask_and_breaking_off_change_nothing(mine):
    (mine / "README.md").unlink()
    before = tree(mine)
    with pytest.raises(
        WorkbookError, match=r"01_data_prep.ipynb, my_model.py would be replaced; give --keep"
    ):
        lay_out(mine, "ask", None)

    def interrupted(name):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lay_out(mine, "ask", interrupted)
    assert tree(mine) == before
    (mine / "my_model.py").unlink()
    (mine / "01_data_prep.ipynb").unlink()
    assert lay_out(mine, "ask", None)["my_model.py"] == "new"  # nothing differs, so nobody need be asked


def test_a_write_that_fails_leaves_the_old_file_whole(mine, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device", str(path))

    before = tree(mine)
    monkeypatch.setattr(learner_folder, "write_whole", full)
    with pytest.raises(DataError, match="No space left"):
        lay_out(mine, "replace")
    assert tree(mine) == before


def test_bad_places(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be used"):
        lay_out(tmp_path / "file")
    (tmp_path / "mine/my_model.py").mkdir(parents=True)
    with pytest.raises(DataError, match=r"my_model.py: cannot be used"):
        lay_out(tmp_path / "mine", "replace")
    assert tree(tmp_path / "mine") == {}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_command(mine, monkeypatch, capsys):
    before = tree(mine)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\ny\n"))
    assert cli.main(["init", str(mine)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "--keep or --yes" in told.err
    assert tree(mine) == before
    monkeypatch.setattr("sys.stdin", Terminal("n\nyes\n"))
    assert cli.main(["init", str(mine)]) == 0
    told = capsys.readouterr()
    assert f"{mine / '01_data_prep.ipynb'}: kept" in told.out
    assert f"{mine / 'my_model.py'}: replaced, yours is in my_model.py.bak" in told.out
    assert cli.main(["init", str(mine), "--keep"]) == 0
    with pytest.raises(SystemExit):
        cli.main(["init", str(mine), "--keep", "--yes"])


def test_the_model_is_registered_and_keeps_the_interface(tmp_path, monkeypatch):
    list(MODELS)  # the library's own models come in now, not into the copy, with which they would be gone
    monkeypatch.setattr(MODELS, "_classes", dict(MODELS._classes))
    lay_out(tmp_path / "mine")
    assert load_model_file(tmp_path / "mine/my_model.py") == ["MyOwnModel"]
    assert "pred_label" in str(check_model(create_model("MyOwnModel", channels=4)))


def test_the_lists_are_read_with_the_embedded_dataset(tmp_path):
    lay_out(tmp_path / "mine")
    tests, mixture = (tmp_path / "mine" / name for name in ("test_datasets.json", "balanced_dataset.json"))
    with pytest.raises(DataError, match="casia-mini"):
        named_sets(tests)
    with pytest.raises(DataError, match="casia-mini"):
        BalancedDataset(mixture)
    for part in ("casia-mini/test", "casia-mini-corrected/train"):  # where `prepare` writes them
        for name in ("Tp/a.png", "Gt/a_gt.png"):
            (tmp_path / "mine/data" / part / name).parent.mkdir(parents=True)
            Image.new("L", (64, 64), 255).save(tmp_path / "mine/data" / part / name)
    assert {name: len(data) for name, data in named_sets(tests).items()} == {"casia-mini": 1}
    assert BalancedDataset(mixture, 4, size=32)[3]["image"].shape == (3, 32, 32)
