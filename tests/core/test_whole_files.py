import os

import pytest

from workbook.core.whole_files import growing, part_of, write_whole


def test_a_file_is_written_with_its_folder_and_nothing_else(tmp_path):
    target = write_whole(tmp_path / "a" / ("n" * 250 + ".txt"), b"x")
    assert target.read_bytes() == b"x"
    assert list(target.parent.iterdir()) == [target]


def test_it_grows_beside_its_place_and_hidden(tmp_path):
    target = tmp_path / "a.png"
    with growing(target) as part:
        part.write_bytes(b"half")
        assert part.parent == tmp_path
        assert part.name.startswith(".")
        assert part.suffix == ".part"
        assert not target.exists()
    assert part_of(tmp_path / "b.png") != part


@pytest.mark.parametrize("failing", ["pathlib.Path.write_bytes", "os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failing, error):
    target = write_whole(tmp_path / "a.txt", b"old")

    def fail(*_):
        raise error

    monkeypatch.setattr(failing, fail)
    with pytest.raises(type(error)) as caught:
        write_whole(target, b"new")
    monkeypatch.undo()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
    if isinstance(error, OSError):
        assert (caught.value.errno, caught.value.filename) == (28, str(target))


def test_it_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    done, sync, replace = [], os.fsync, type(tmp_path).replace
    monkeypatch.setattr(os, "fsync", lambda number: done.append("sync") or sync(number))
    monkeypatch.setattr(
        "pathlib.Path.replace", lambda part, target: done.append("replace") or replace(part, target)
    )
    write_whole(tmp_path / "a", b"x")
    assert done == ["sync", "replace"]
