import pytest
import torch

from workbook.core.memory import PeakMemory, advice, memory_now, out_of_memory, utilisation

CPU = torch.device("cpu")


def test_the_peak_is_the_highest_since_the_restart(monkeypatch):
    readings = iter([100.0, 300.0, 200.0, 50.0])
    monkeypatch.setattr("workbook.core.memory.memory_now", lambda device: next(readings))
    peak = PeakMemory(CPU)
    assert [peak.look() for _ in range(3)] == [(100.0, 100.0), (300.0, 300.0), (200.0, 300.0)]
    peak.restart()
    assert peak.look() == (50.0, 50.0)


def test_the_process_memory_follows_an_allocation():
    before = memory_now(CPU)
    kept = torch.ones(40 * 1024 * 1024 // 4)
    assert 30 < memory_now(CPU) - before < 60
    assert len(kept)
    assert 0 <= utilisation(CPU)["cpu"] <= 100


@pytest.mark.parametrize(("batch", "accumulate"), [(16, 1), (6, 2), (7, 1), (9, 3), (2, 1)])
def test_the_advice_keeps_the_effective_batch(batch, accumulate):
    smaller, more = (
        int(part.split("=")[1].split(" ")[0].strip(",")) for part in advice(batch, accumulate).split()[1:3]
    )
    assert smaller < batch
    assert smaller * more == batch * accumulate
    assert "smaller images" in advice(1, 4)


def test_what_counts_as_out_of_memory():
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert out_of_memory(MemoryError())
    assert out_of_memory(
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
    )
    assert out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"))
    assert not out_of_memory(RuntimeError("shapes differ"))
