import pytest
import torch

from workbook.core.devices import best_precision, loader_workers, make_accelerator
from workbook.core.errors import WorkbookError
from workbook.core.settings import TrainSettings


def test_one_trainers_precision_does_not_stick_to_the_next():
    for precision, expected in (("bf16", "bf16"), ("fp32", "no"), ("bf16", "bf16")):
        assert make_accelerator(TrainSettings(precision=precision, device="cpu")).mixed_precision == expected


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
