import threading
from itertools import count

import pytest
import torch
from small_disk import small_files
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard.summary import image

from workbook.core.event_file import EventFile


def scalar(value):
    return Summary(value=[Summary.Value(tag="loss", simple_value=value)])


def many(events, steps):
    for step in range(steps):
        events.add(scalar(1.0), step)


def read(folder):
    return EventAccumulator(str(folder)).Reload()


def test_tensorboard_reads_what_was_written_without_a_thread(tmp_path):
    before = threading.active_count()
    events = EventFile(tmp_path / "new")
    for step in range(500):
        events.add(scalar(step / 2), step)
    events.add(image("strip", torch.rand(2, 1, 4, 4), dataformats="NCHW"), 500)
    assert threading.active_count() == before
    events.close()
    found = read(tmp_path / "new")
    assert [(e.step, e.value) for e in found.Scalars("loss")] == [(step, step / 2) for step in range(500)]
    assert [e.step for e in found.Images("strip")] == [500]


def test_what_was_flushed_is_there_at_once(tmp_path):
    events = EventFile(tmp_path)
    events.add(scalar(1.0), 1)
    assert "loss" not in read(tmp_path).Tags()["scalars"]
    events.flush()
    assert [e.value for e in read(tmp_path).Scalars("loss")] == [1.0]
    events.close()


@pytest.mark.parametrize("first", [0, 9])
def test_two_files_of_one_second_are_two_and_the_later_one_hides_lost_steps(tmp_path, monkeypatch, first):
    monkeypatch.setattr("workbook.core.event_file._numbers", count(first))  # TensorBoard goes by the name
    monkeypatch.setattr("workbook.core.event_file.time.time", lambda: 1_700_000_000.5)
    for purge, steps in ((0, (10, 20, 30)), (20, (20,))):
        events = EventFile(tmp_path, purge)
        for step in steps:
            events.add(scalar(step + purge), step)
        events.close()
    assert len(list(tmp_path.iterdir())) == 2
    assert [(e.step, e.value) for e in read(tmp_path).Scalars("loss")] == [(10, 10.0), (20, 40.0)]


def test_a_full_disk_raises_where_the_event_was_made_and_no_second_time(tmp_path, capfd):
    events = EventFile(tmp_path)
    with small_files(1000):
        with pytest.raises(OSError, match="too large"):
            many(events, 1000)
        events.close()
    assert capfd.readouterr().err == ""


def test_a_disk_that_is_full_only_at_the_end_is_told_then(tmp_path):
    events = EventFile(tmp_path)
    many(events, 20)
    with small_files(100), pytest.raises(OSError, match="too large"):
        events.close()
