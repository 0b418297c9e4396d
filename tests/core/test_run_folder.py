import threading

import pytest
import torch

from workbook.core.checkpoint import read_weights, save_state
from workbook.core.errors import CheckpointError, WorkbookError
from workbook.core.run_folder import Progress, RunFolder


def state(value):
    return {"w": torch.full((2,), float(value)), "n": torch.tensor(value)}


def saved(folder, epochs, top=(), best=None, keep=False):
    folder.save(state(epochs), {"optimizer": {}}, Progress(epoch=epochs, top=list(top)), best, keep)
    folder.wait()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "c:d", "nul\0", "n" * 256, "ü" * 128, 3])
def test_a_name_that_is_none_for_a_folder_is_refused(tmp_path, name):
    with pytest.raises(WorkbookError, match="run name"):
        RunFolder(tmp_path, name)


def test_the_last_and_the_one_before_are_kept(tmp_path):
    folder = RunFolder(tmp_path, "run")
    assert folder.load() is None
    for epoch in (1, 2, 3):
        saved(folder, epoch)
    assert folder.load().progress.epoch == 3
    assert read_weights(folder.path / "previous" / "model.safetensors")["n"] == 2
    assert {p.name for p in folder.path.iterdir()} == {"last", "previous"}


def test_killed_between_the_two_renamings_nothing_is_lost(tmp_path):
    folder = RunFolder(tmp_path, "run")
    saved(folder, 1)
    saved(folder, 2)
    (folder.path / "last").rename(folder.path / "last.part")
    folder.claim({}, "continue")
    assert folder.load().progress.epoch == 2


@pytest.mark.parametrize(
    "content", [{"epoch": 1}, {"optimizer": {}, "progress": {"steps": 3}}, {"progress": {}}]
)
def test_a_state_of_something_else_is_named_and_the_one_before_is_used(tmp_path, content):
    folder = RunFolder(tmp_path, "run")
    saved(folder, 1)
    saved(folder, 2)
    save_state(folder.path / "last" / "state.pt", content)
    with pytest.warns(UserWarning, match=r"last.state\.pt: holds no state of a training .*previous, epoch 1"):
        assert folder.load().progress.epoch == 1


def test_weights_of_something_else_are_named_and_the_ones_before_are_used(tmp_path):
    folder = RunFolder(tmp_path, "run")
    saved(folder, 1)
    saved(folder, 2)

    def check(found):
        if found.weights["n"] == 2:
            raise CheckpointError(f"{found.file}: is of another model")

    with pytest.warns(UserWarning, match=r"last.model\.safetensors: is of another .*previous, epoch 1"):
        assert folder.load(check).progress.epoch == 1


def test_what_a_kill_left_behind_is_cleared_away(tmp_path):
    folder = RunFolder(tmp_path, "run")
    saved(folder, 1, [[0.5, 1]], state(1), keep=True)
    for place in ("best", "average"):
        (folder.path / place / ".tmpA1b2C3").write_bytes(b"half of some weights")
    folder.claim({}, "continue")
    assert {p.name for p in (folder.path / "best").iterdir()} == {"model.safetensors"}
    assert {p.name for p in (folder.path / "average").iterdir()} == {"epoch_0001.safetensors"}


def test_writing_does_not_hold_the_training_up_and_its_failure_is_told(tmp_path, monkeypatch):
    import workbook.core.run_folder as module

    folder, gate, real = RunFolder(tmp_path, "run"), threading.Event(), module.save_checkpoint
    monkeypatch.setattr(module, "save_checkpoint", lambda *given: gate.wait(10) and real(*given))
    folder.save(state(1), {"optimizer": {}}, Progress(epoch=1), None, False)  # would hang here if it waited
    assert not (folder.path / "last").exists()
    gate.set()
    folder.wait()
    assert folder.load().progress.epoch == 1

    def broken(*given):
        raise CheckpointError("the disk is full")

    monkeypatch.setattr(module, "save_checkpoint", broken)
    folder.save(state(2), {}, Progress(epoch=2), None, False)
    with pytest.raises(CheckpointError, match="disk is full"):
        folder.save(state(3), {}, Progress(epoch=3), None, False)
    folder.wait()
    assert folder.load().progress.epoch == 1


def test_what_is_saved_is_the_progress_of_that_moment(tmp_path):
    folder, progress = RunFolder(tmp_path, "run"), Progress(epoch=1)
    folder.save(state(1), {"optimizer": {}}, progress, None, False)
    progress.next_epoch({"epoch": 2})
    folder.wait()
    assert folder.load().progress == Progress(epoch=1)


def test_best_and_the_parts_of_the_average(tmp_path):
    folder = RunFolder(tmp_path, "run")
    saved(folder, 1, [[0.5, 1]], state(1), keep=True)
    saved(folder, 2, [[0.5, 1], [0.4, 2]], state(2))
    saved(folder, 3, [[0.5, 1], [0.45, 3]], state(4))
    saved(folder, 4, [[0.5, 1], [0.45, 3]])
    assert read_weights(folder.path / "best" / "model.safetensors")["n"] == 1
    parts = sorted(p.name for p in (folder.path / "average").iterdir())
    assert parts == ["epoch_0001.safetensors", "epoch_0003.safetensors"]
    folder.average([[0.5, 1], [0.45, 3]])
    mean = read_weights(folder.path / "average" / "model.safetensors")
    assert mean["w"].tolist() == [2.5, 2.5]
    assert mean["n"] == 1  # a count is the best one's
    RunFolder(tmp_path, "other").average([])
    assert not (tmp_path / "other").exists()


def test_claiming(tmp_path):
    folder = RunFolder(tmp_path, "run")
    old, new = (
        {"settings": {"lr": 0.1, "workers": 0}, "data": "5 items"},
        {"settings": {"lr": 0.2}, "data": "5 items"},
    )
    folder.claim(old, "continue")
    saved(folder, 1)
    folder.claim({"settings": {"lr": 0.1, "workers": 4}, "data": "5 items"}, "continue")
    with pytest.raises(WorkbookError, match=r"lr: 0\.1 → 0\.2\)"):
        folder.claim(new, "continue")
    folder.claim(new, "accept")
    assert folder.load().progress.epoch == 1
    folder.claim(old, "restart")
    assert folder.load() is None
    with pytest.raises(WorkbookError, match="must be one of"):
        folder.claim(old, "overwrite")
