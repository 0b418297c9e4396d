import os
import signal

import pandas as pd
import pytest
import torch
from small_training import Squares, fit, run_script, same, small_model, trainer, weights
from torch import nn

from workbook.core import Segmenter, SilentView, Trainer
from workbook.core.errors import CheckpointError, WorkbookError

pytestmark = pytest.mark.usefixtures("frozen")


@pytest.mark.parametrize("workers", [0, 2])
def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path, workers):
    _, unbroken = fit(tmp_path, name="unbroken", valid=Squares(9), epochs=3, ema=0.9, accumulate=2)
    made = trainer(tmp_path, epochs=3, ema=0.9, accumulate=2, workers=workers)
    looked = iter(range(1000))

    class Interrupting(SilentView):
        def step(self, report):
            if next(looked) == 3:
                os.kill(os.getpid(), signal.SIGINT)

    made.settings.__dict__["log_every"] = 1
    first = made.fit(small_model(), Squares(), Squares(9), view=Interrupting())
    assert len(first) < 3
    state = torch.load(made.folder / "last" / "state.pt", weights_only=True)["progress"]
    assert state["batch"] > 0  # within an epoch
    again = Trainer.from_run(made.folder)
    history = again.resume(small_model(5), Squares(), Squares(9), view=SilentView())
    assert same(weights(made.folder), weights(tmp_path / "unbroken"))
    assert same(weights(made.folder, "best"), weights(tmp_path / "unbroken", "best"))
    for column in ("loss", "valid_loss", "lr"):
        assert list(history[column]) == list(unbroken[column])


def test_another_configuration_is_refused_with_the_difference(tmp_path):
    fit(tmp_path)
    with pytest.raises(WorkbookError, match=r"epochs: 2 → 3.*existing="):
        fit(tmp_path, epochs=3)
    with pytest.raises(WorkbookError, match=r"data: 22 items → 21 items"):
        fit(tmp_path, data=Squares(21))
    with pytest.raises(WorkbookError, match="model: Segmenter"):
        fit(tmp_path, Segmenter(nn.Conv2d(3, 1, 1)))
    accepted = Trainer("run", tmp_path, existing="accept", epochs=3, lr=1e-2, batch_size=4, tensorboard=False)
    assert len(accepted.fit(small_model(), Squares(), view=SilentView())) == 3
    restarted = Trainer("run", tmp_path, existing="restart", epochs=1, batch_size=4, tensorboard=False)
    assert len(restarted.fit(small_model(), Squares(), view=SilentView())) == 1


def test_workers_and_watching_may_differ(tmp_path):
    _, history = fit(tmp_path)
    _, again = fit(tmp_path, log_every=3, save_every=2, workers=1)
    pd.testing.assert_frame_equal(history, again)


def test_a_torn_checkpoint_is_named_and_the_one_before_is_used(tmp_path):
    made, _ = fit(tmp_path, epochs=3)
    file = made.folder / "last" / "state.pt"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.warns(UserWarning, match=r"last.state\.pt: is torn.*previous, epoch 2"):
        _, history = fit(tmp_path, small_model(4), epochs=3)
    assert len(history) == 3
    for which in ("last", "previous"):
        (made.folder / which / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"torn.*restart"):
        fit(tmp_path, epochs=3)


@pytest.mark.parametrize("which", ["model.safetensors", "state.pt"])
def test_a_file_of_another_model_is_named_and_the_one_before_is_used(tmp_path, which):
    whole, _ = fit(tmp_path, epochs=3)
    bits = {key: value.clone() for key, value in weights(whole.folder).items()}  # the file is overwritten
    wide = Segmenter(
        nn.Sequential(nn.Conv2d(3, 9, 3, padding=1), *list(small_model().net)[1:4], nn.Conv2d(9, 1, 1))
    )
    wide.net[1] = nn.BatchNorm2d(9)
    other, _ = fit(tmp_path, wide, name="other", epochs=1)
    (whole.folder / "last" / which).write_bytes((other.folder / "last" / which).read_bytes())
    with pytest.warns(UserWarning, match=rf"last.{which}: is of another model.*previous, epoch 2"):
        fit(tmp_path, small_model(4), epochs=3)
    assert same(weights(whole.folder), bits)


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    import workbook.core.checkpoint as checkpoint

    made, _ = fit(tmp_path, epochs=3, name="whole")
    calls = iter(range(100))
    real = os.fsync

    def full(number):
        if next(calls) > 9:  # within the second epoch's checkpoint
            raise OSError(28, "No space left on device")
        real(number)

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"the disk is full; free some space"):
        fit(tmp_path, epochs=3)
    monkeypatch.undo()
    progress = torch.load(tmp_path / "run" / "last" / "state.pt", weights_only=True)["progress"]
    assert weights(tmp_path / "run")  # whole: reading checks it
    assert 1 <= progress["epoch"] < 3
    _, history = fit(tmp_path, small_model(7), epochs=3)
    assert same(weights(tmp_path / "run"), weights(made.folder))
    assert len(history) == 3


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_bits_of_the_unbroken_run(tmp_path):
    body = """
        root = sys.argv[1]

        def train(name, kill_at=None):
            def work():
                calls = iter(range(10**6))
                def counted(real):
                    def call(*arguments):
                        if next(calls) == kill_at:
                            os.kill(os.getpid(), signal.SIGKILL)
                        return real(*arguments)
                    return call
                if kill_at is not None:  # before a read, before a file is whole, before a renaming
                    import pathlib
                    Squares.__getitem__ = counted(Squares.__getitem__)
                    os.fsync = counted(os.fsync)
                    pathlib.Path.replace = counted(pathlib.Path.replace)
                made = trainer(root, name, epochs=2, save_every=2, ema=0.9, average=1)
                made.fit(small_model(), Squares(), Squares(5), view=SilentView())
            return ended(forked(work))

        assert train("unbroken") == 0
        for number, moment in enumerate([3, 17, 19, 21, 22, 23, 24, 26, 61, 70]):
            name = f"killed{number}"
            died = train(name, moment)
            assert died == -signal.SIGKILL, (moment, died)
            assert train(name, moment + 7) in (0, -signal.SIGKILL)
            assert train(name) == 0
    """
    run_script(body, tmp_path, tmp_path)
    whole, moments = weights(tmp_path / "unbroken"), sorted(tmp_path.glob("killed*"))
    assert len(moments) == 10
    for folder in moments:
        assert same(weights(folder), whole), folder
        for which in ("best", "average"):
            assert same(weights(folder, which), weights(tmp_path / "unbroken", which)), (folder, which)
        assert len((folder / "log.jsonl").read_text().splitlines()) == 2


def test_a_run_interrupted_in_its_test_goes_on_to_the_same_bits(tmp_path):
    _, unbroken = fit(tmp_path, name="unbroken", valid=Squares(9), epochs=2, ema=0.9)

    class Interrupting(Squares):
        looks = 0

        def __getitem__(self, index):
            self.looks += 1
            if self.looks == 4 + 9 + 5:  # 4 for the check before the first step, 9 for the first epoch's test
                os.kill(os.getpid(), signal.SIGINT)
            return super().__getitem__(index)

    made = trainer(tmp_path, epochs=2, ema=0.9)
    first = made.fit(small_model(), Squares(), Interrupting(9), view=SilentView())
    progress = torch.load(made.folder / "last" / "state.pt", weights_only=True)["progress"]
    assert (len(first), progress["epoch"], progress["batch"]) == (
        1,
        1,
        6,
    )  # all steps of the second epoch done
    history = made.resume(small_model(3), Squares(), Squares(9), view=SilentView())
    assert same(weights(made.folder, "best"), weights(tmp_path / "unbroken", "best"))
    for column in ("loss", "lr", "valid_loss"):
        assert list(history[column]) == list(unbroken[column])


def test_other_parameters_may_be_trained_when_that_is_accepted(tmp_path):
    model = small_model()
    model.net[0].requires_grad_(False)
    fit(tmp_path, model, epochs=1)
    last = torch.load(tmp_path / "run" / "last" / "state.pt", weights_only=True)["optimizer"]
    assert set(last) == {"net.1.weight", "net.1.bias", "net.4.weight", "net.4.bias"}
    thawed = Trainer("run", tmp_path, existing="accept", epochs=2, lr=1e-2, batch_size=4, tensorboard=False)
    thawed.fit(small_model(), Squares(), view=SilentView())
    moments = torch.load(tmp_path / "run" / "last" / "state.pt", weights_only=True)["optimizer"]
    steps = {name: int(state["step"]) for name, state in moments.items()}
    assert steps.pop("net.0.weight") == steps.pop("net.0.bias") == 6
    assert set(steps.values()) == {12}
    assert moments["net.4.weight"]["exp_avg"].shape == (1, 8, 1, 1)


def test_a_run_without_a_checkpoint_binds_nobody(tmp_path):
    with pytest.raises(WorkbookError):
        fit(tmp_path, data=Squares(0))
    made = trainer(tmp_path)
    made._runs.claim({"settings": {"lr": 5.0}}, "continue")
    _, history = fit(tmp_path)
    assert len(history) == 2


def test_notes_are_kept_and_compared(tmp_path):
    def of(**notes):
        return Trainer("run", tmp_path, notes=notes, epochs=1, batch_size=4, tensorboard=False)

    of(size=64).fit(small_model(), Squares(), view=SilentView())
    assert Trainer.from_run(tmp_path / "run").notes == {"size": 64}
    with pytest.raises(WorkbookError, match="size: 64 → 96"):
        of(size=96).fit(small_model(), Squares(), view=SilentView())
