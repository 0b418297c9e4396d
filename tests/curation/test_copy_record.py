import os
import shutil

import pytest

from workbook.curation.copy_record import RECORD_FILE, CopyRecord, source_digest
from workbook.curation.layouts import list_images


def test_a_record_comes_back_from_its_folder(tmp_path):
    for record in (CopyRecord("p", "s"), CopyRecord("p", "s", audit=False), CopyRecord("p", "s", audit=True)):
        record.write(tmp_path)
        assert CopyRecord.read(tmp_path) == record
    assert [path.name for path in tmp_path.iterdir()] == [RECORD_FILE]
    assert list_images(tmp_path) == []


@pytest.mark.parametrize("text", [None, "", "[]", "null", "{}", '{"plan": "p", "files": 3}'])
def test_what_is_no_record_is_none(tmp_path, text):
    if text is not None:
        (tmp_path / RECORD_FILE).write_text(text)
    assert CopyRecord.read(tmp_path) is None
    assert CopyRecord.read(tmp_path / "none") is None


def test_the_content_is_the_plans_and_the_sources():
    record = CopyRecord("p", "s")
    assert record.same_content(CopyRecord("p", "s", audit=True))
    for other in (None, CopyRecord("q", "s"), CopyRecord("p", "t")):
        assert not record.same_content(other)


def test_a_source_is_another_when_a_file_of_it_is(tmp_path):
    root = tmp_path / "data"
    (root / "Tp").mkdir(parents=True)
    one, two = root / "Tp/a.png", root / "Tp/b.png"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    first = source_digest([one, two], root)
    assert source_digest([two, one], root) == first
    shutil.copytree(root, tmp_path / "moved")  # keeps the times
    assert (
        source_digest([tmp_path / "moved/Tp/a.png", tmp_path / "moved/Tp/b.png"], tmp_path / "moved") == first
    )
    assert source_digest([one], root) != first
    (root / "Gt").mkdir()
    one.rename(root / "Gt/a.png")
    assert source_digest([root / "Gt/a.png", two], root) != first
    (root / "Gt/a.png").rename(one)
    stamp = one.stat().st_mtime_ns
    one.write_bytes(b"11")
    os.utime(one, ns=(stamp, stamp))
    longer = source_digest([one, two], root)
    os.utime(one, ns=(stamp, stamp + 1))
    one.rename(root / "Tp/c.png")
    assert (
        len({first, longer, source_digest([root / "Tp/c.png", two], root), source_digest([one, two], root)})
        == 4
    )


def test_a_touched_file_makes_another_source(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(b"1")
    first = source_digest([file], tmp_path)
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    assert source_digest([file], tmp_path) != first
