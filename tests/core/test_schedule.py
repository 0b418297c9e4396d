import pytest
import torch

from workbook.core.schedule import warmup_cosine


def test_it_is_torchs_cosine_after_the_warmup():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    referee = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20, eta_min=0.01)
    for step in range(20):
        expected = optimizer.param_groups[0]["lr"]
        assert warmup_cosine(step + 5, 25, lr=0.1, min_lr=0.01, warmup=5) == pytest.approx(expected, rel=1e-9)
        optimizer.step()
        referee.step()


def test_the_warmup_is_a_straight_line_that_ends_at_the_highest_rate():
    rates = [warmup_cosine(step, 100, lr=1.0, warmup=4) for step in range(6)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[5] < 1


def test_the_ends():
    assert warmup_cosine(0, 10, lr=1.0) == 1.0
    assert warmup_cosine(10, 10, lr=1.0, min_lr=0.1) == 0.1
    assert warmup_cosine(99, 10, lr=1.0, min_lr=0.1) == 0.1
    assert warmup_cosine(5, 10, lr=1.0, min_lr=0.0) == pytest.approx(0.5)
