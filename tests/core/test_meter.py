from types import SimpleNamespace

import pytest
import torch

from workbook.core import meter as module
from workbook.core.errors import WorkbookError
from workbook.core.meter import Meter, Step


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(now=10.0)
    monkeypatch.setattr(module.time, "perf_counter", lambda: now.now)
    return now


def step(number, loss, images=4):
    return Step(number, images, [f"{number}.png"], torch.tensor(loss))


def test_losses_are_read_together_in_their_order(clock):
    meter = Meter(SimpleNamespace(num_processes=1), every=3)
    for number, loss in enumerate((0.5, 0.25, 0.75)):
        assert not meter.due()
        meter.add(step(number, loss, images=4 + number))
    assert meter.due()
    clock.now += 3
    assert meter.read(False) == ([(0.5, 4), (0.25, 5), (0.75, 6)], False)
    assert meter.speed == 5.0
    assert meter.seconds() == 3.0
    assert meter.read(True) == ([], True)


def test_a_single_process_also_reads_once_a_second_but_several_only_by_their_steps(clock):
    one, two = (Meter(SimpleNamespace(num_processes=n), every=9) for n in (1, 2))
    clock.now += 1.5
    assert one.due()
    assert not two.due()


def test_what_is_not_finite_is_named_with_its_own_step(clock):
    meter = Meter(SimpleNamespace(num_processes=1), every=3)
    for number, loss in enumerate((0.5, float("inf"), float("nan"))):
        meter.add(step(number, loss))
    with pytest.raises(WorkbookError, match=r"inf at step 1, in the batch of 1\.png;"):
        meter.read(False)


def test_many_names_are_cut_short(clock):
    meter = Meter(SimpleNamespace(num_processes=1), every=3)
    meter.add(Step(7, 30, [f"{i}.png" for i in range(30)], torch.tensor(float("nan"))))
    with pytest.raises(WorkbookError, match=r"7\.png and 22 more"):
        meter.read(False)
