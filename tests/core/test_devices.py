import pytest
import torch
from accelerate.state import PartialState

from workbook.core import devices
from workbook.core.devices import best_precision, loader_workers, make_accelerator
from workbook.core.errors import WorkbookError
from workbook.core.settings import TrainSettings


def test_one_trainers_precision_does_not_stick_to_the_next():
    for precision, expected in (("bf16", "bf16"), ("fp32", "no"), ("bf16", "bf16")):
        assert make_accelerator(TrainSettings(precision=precision, device="cpu")).mixed_precision == expected


def test_a_run_on_the_cpu_does_not_keep_the_next_one_there(monkeypatch):
    make_accelerator(TrainSettings(device="cpu"))
    forgotten = []
    reset = PartialState._reset_state
    monkeypatch.setattr(PartialState, "_reset_state", lambda: (forgotten.append(1), reset()))
    make_accelerator(TrainSettings(device="cpu"))
    assert not forgotten
    monkeypatch.setattr(devices, "_has_gpu", lambda: True)
    make_accelerator(TrainSettings())
    assert forgotten


def test_fp16_is_refused_on_a_cpu():
    with pytest.raises(WorkbookError, match="bf16"):
        make_accelerator(TrainSettings(precision="fp16", device="cpu"))


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, "bf16"), (False, "fp16")])
def test_the_precision_of_a_gpu_is_what_it_computes_in(monkeypatch, has_bf16, expected):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    assert best_precision(torch.device("cuda")) == expected


def test_workers_are_what_was_wanted_or_suit_the_device(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 32)
    assert loader_workers(None, torch.device("cpu")) == 0
    assert loader_workers(None, torch.device("cuda")) == 8
    assert loader_workers(3, torch.device("cpu")) == 3
    assert loader_workers(0, torch.device("cuda")) == 0
