import io
import os
import pickle

import pytest
import torch
from small_disk import small_files
from torch import nn

from workbook.core import Segmenter, load_checkpoint, save_checkpoint
from workbook.core.checkpoint import read_state, read_weights, run_checkpoints, save_state, write_json
from workbook.core.errors import CheckpointError


class Tied(nn.Module):
    """Two names for one tensor, a whole-number buffer, half precision and an empty tensor."""

    def __init__(self):
        super().__init__()
        self.one = nn.Linear(3, 3)
        self.two = nn.Linear(3, 3)
        self.two.weight = self.one.weight
        self.register_buffer("count", torch.tensor(7))
        self.register_buffer("turned", torch.rand(2, 3).half().t())
        self.register_buffer("empty", torch.zeros(0))


def test_weights_come_back_to_the_bit(tmp_path):
    model, other = Tied(), Tied()
    file = save_checkpoint(tmp_path / "run", model)
    assert file == tmp_path / "run" / "model.safetensors"
    assert load_checkpoint(file, other) is other
    for key, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[key], value)
    assert not list(tmp_path.rglob("*.part"))


def test_a_runs_folder_stands_for_its_best_then_its_last(tmp_path):
    best, last, loaded = nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1)
    save_checkpoint(tmp_path / "last", last)
    assert load_checkpoint(tmp_path, loaded).weight.equal(last.weight)
    save_checkpoint(tmp_path / "best", best)
    assert load_checkpoint(str(tmp_path), loaded).weight.equal(best.weight)
    with pytest.raises(CheckpointError, match=r"no model\.safetensors there"):
        load_checkpoint(tmp_path / "none", loaded)


def test_a_segmenters_weights_and_its_nets_are_exchangeable(tmp_path):
    net = nn.Conv2d(3, 1, 1)
    wrapped = Segmenter(net, loss=nn.BCEWithLogitsLoss(pos_weight=torch.ones(1)))
    into_net = load_checkpoint(save_checkpoint(tmp_path / "a", wrapped), nn.Conv2d(3, 1, 1))
    into_wrapped = load_checkpoint(save_checkpoint(tmp_path / "b", net), Segmenter(nn.Conv2d(3, 1, 1)))
    assert into_net.weight.equal(net.weight)
    assert into_wrapped.net.weight.equal(net.weight)


def test_weights_of_another_model_are_refused_with_what_differs(tmp_path):
    file = save_checkpoint(tmp_path, nn.Linear(2, 1))
    with pytest.raises(CheckpointError, match=r"weight is \(1, 2\), not \(1, 3\)"):
        load_checkpoint(file, nn.Linear(3, 1))
    with pytest.raises(CheckpointError, match="bias is not in this model"):
        load_checkpoint(file, nn.Linear(2, 1, bias=False))
    with pytest.raises(CheckpointError, match=r"is missing.* and 3 more"):
        load_checkpoint(file, nn.Sequential(nn.Linear(2, 1), nn.Linear(2, 1)))


@pytest.mark.parametrize("where", ["head", "body", "tail"])
def test_a_torn_or_changed_file_is_refused_by_name(tmp_path, where):
    file = save_checkpoint(tmp_path, nn.Linear(64, 64))
    content = bytearray(file.read_bytes())
    if where == "tail":
        content = content[:-9]
    else:
        content[3 if where == "head" else len(content) // 2] ^= 0x10
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.safetensors: .*use another checkpoint"):
        read_weights(file)


def test_what_the_system_takes_piece_by_piece_is_written_wholly(tmp_path, monkeypatch):
    class Slow(io.FileIO):
        def write(self, content):
            return super().write(memoryview(content)[:1000])

    def opened(path, mode="r", buffering=-1):
        raw = Slow(path, "w")
        return raw if buffering == 0 else io.BufferedWriter(raw)

    values, real = torch.rand(10_000), type(tmp_path).open
    with monkeypatch.context() as patched:
        patched.setattr(
            "pathlib.Path.open",
            lambda path, mode="r", *more, **how: (opened if mode == "wb" else real)(path, mode, *more, **how),
        )
        save_state(tmp_path / "state.pt", {"values": values})
    assert read_state(tmp_path / "state.pt")["values"].equal(values)


@pytest.mark.parametrize("where", [0.3, 0.5, 0.98])
def test_a_state_with_a_changed_bit_is_refused_by_name(tmp_path, where):
    file = tmp_path / "state.pt"
    save_state(file, {"moments": torch.rand(4096), "epoch": 3})
    assert read_state(file)["epoch"] == 3
    content = bytearray(file.read_bytes())
    content[int(len(content) * where)] ^= 0x04
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"state\.pt: is torn, or none of ours"):
        read_state(file)


def test_a_file_of_someone_else_is_read_without_our_checksum(tmp_path):
    from safetensors.torch import save_file

    save_file({"weight": torch.ones(1, 2), "bias": torch.zeros(1)}, tmp_path / "x.safetensors")
    assert load_checkpoint(tmp_path / "x.safetensors", nn.Linear(2, 1)).weight.sum() == 2


def test_a_pickle_is_never_executed(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    for name, write, said in (
        ("torch", lambda f: torch.save({"a": Bomb()}, f), "holds more than tensors"),
        ("bare", lambda f: pickle.dump(Bomb(), f, protocol=2), "none of ours"),
    ):
        file = tmp_path / f"{name}.pt"
        with file.open("wb") as opened:
            write(opened)
        with pytest.raises(CheckpointError, match=rf"{name}\.pt: .*{said}") as caught:
            read_state(file)
        assert "weights_only" not in str(caught.value)  # torch's way to run the pickle after all
        assert "can still be loaded" not in str(caught.value)
    with pytest.raises(CheckpointError, match="not safetensors"):
        load_checkpoint(tmp_path / "torch.pt", nn.Linear(1, 1))
    assert not (tmp_path / "executed").exists()


def test_others_may_read_a_checkpoint_where_they_may_read_other_files(tmp_path):
    save_state(tmp_path / "state.pt", {"a": 1})
    (tmp_path / "file").touch()
    modes = {p.stat().st_mode for p in (save_checkpoint(tmp_path, nn.Linear(1, 1)), *tmp_path.iterdir())}
    assert len(modes) == 1


@pytest.mark.parametrize("kind", ["weights", "state", "json"])
def test_a_file_that_outgrows_the_disk_is_told_and_the_old_one_stands(tmp_path, kind):
    write = {
        "weights": lambda size: save_checkpoint(tmp_path / "a", {"w": torch.ones(size)}),
        "state": lambda size: save_state(tmp_path / "a", {"w": torch.ones(size), "epoch": 1}),
        "json": lambda size: write_json(tmp_path / "a", "ü" * size),
    }[kind]
    file = write(10) or tmp_path / "a"
    before = file.read_bytes()
    with (
        small_files(100_000),
        pytest.raises(CheckpointError, match=r"cannot be written \(File too large"),
    ):
        write(1_000_000)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
    write(1_000_000)
    assert file.read_bytes() != before


def test_a_full_disk_is_said_in_one_line(tmp_path, monkeypatch):
    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for write in (save_checkpoint, save_state, write_json):
        with pytest.raises(CheckpointError, match="disk is full; free some space") as caught:
            write(tmp_path / "a.safetensors", {})
        assert "\n" not in str(caught.value)
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"below: cannot be written .*another root"):
        write_json(tmp_path / "file" / "below", {})


def test_the_checkpoints_of_a_run_by_name(tmp_path):
    net = nn.Linear(1, 1)
    for place in ("best", "last", "average", "average/epoch_0003.safetensors"):
        save_checkpoint(tmp_path / "run" / place, net)
    found = run_checkpoints(tmp_path / "run")
    assert list(found) == ["best", "last", "average", "epoch_0003"]
    assert all(file.is_file() for file in found.values())
    save_checkpoint(tmp_path / "young" / "last", net)
    assert list(run_checkpoints(tmp_path / "young")) == ["last"]
    with pytest.raises(CheckpointError, match=r"none: no model\.safetensors there"):
        run_checkpoints(tmp_path / "none")
