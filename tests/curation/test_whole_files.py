import pytest

from workbook.curation.whole_files import write_whole


def test_a_file_is_written_with_its_folder_and_nothing_else(tmp_path):
    target = write_whole(tmp_path / "a" / ("n" * 250 + ".txt"), b"x")
    assert target.read_bytes() == b"x"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch):
    target = write_whole(tmp_path / "a.txt", b"old")

    def fail(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    with pytest.raises(OSError, match="No space"):
        write_whole(target, b"new")
    assert target.read_bytes() == b"old"
