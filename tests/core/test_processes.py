import pytest

from workbook.core.errors import DataError, WorkbookError
from workbook.core.processes import check_alike, from_main


class Processes:
    """What an accelerator says of its processes."""

    def __init__(self, number=1, main=True):
        self.num_processes, self.is_main_process = number, main


def raising(error):
    raise error


def test_alone_the_work_is_done_and_its_error_passes():
    assert from_main(Processes(), lambda: 5) == 5
    with pytest.raises(WorkbookError, match="full"):
        from_main(Processes(), lambda: raising(WorkbookError("full")))


@pytest.mark.parametrize("sent", [[{"epoch": 3}, None], [None, WorkbookError("full")]])
def test_the_others_get_what_came_of_it_and_do_nothing(monkeypatch, sent):
    def broadcast(objects):
        assert objects == [None, None]
        objects[:] = sent

    monkeypatch.setattr("accelerate.utils.broadcast_object_list", broadcast)
    seen = []
    if sent[1] is None:
        assert from_main(Processes(2, main=False), lambda: seen.append(1)) == {"epoch": 3}
    else:
        with pytest.raises(WorkbookError, match="full"):
            from_main(Processes(2, main=False), lambda: seen.append(1))
    assert not seen


def test_the_main_process_tells_of_its_error_before_it_raises(monkeypatch):
    told = []
    monkeypatch.setattr("accelerate.utils.broadcast_object_list", told.extend)
    with pytest.raises(WorkbookError, match="full"):
        from_main(Processes(2), lambda: raising(WorkbookError("full")))
    assert str(told[1]) == "full"


def test_other_data_is_named(monkeypatch):
    monkeypatch.setattr(
        "accelerate.utils.gather_object", lambda mine: [*mine, *mine, {"train_data": "3 items", "a": "2"}]
    )
    with pytest.raises(DataError, match=r"a: process 2 has 2, the first one 1; give every machine"):
        check_alike(Processes(3), {"train_data": "3 items", "a": "1"})
    check_alike(Processes(1), {"train_data": "3 items"})
