import numpy as np
import pytest
import torch

from workbook.checks.two_numbers import TwoNumbers, draw_batch, loss_and_slopes, make_batch, mask_loss


@pytest.mark.parametrize("seed", range(5))
def test_the_formulas_are_what_autograd_says(seed):
    rng = np.random.default_rng(seed)
    pixels, weight = draw_batch(rng, 4), float(rng.normal())
    model = TwoNumbers(weight)
    loss = mask_loss(model, make_batch(pixels))
    loss.backward()
    expected = loss.item(), model.weight.grad.item(), model.bias.grad.item()
    assert loss_and_slopes(weight, 0.0, pixels) == pytest.approx(expected, abs=1e-12)


def test_a_case_by_hand():
    loss, by_weight, by_bias = loss_and_slopes(0.0, 0.0, [(2.0, 1), (1.0, 0)])  # p is 0.5 twice
    assert loss == pytest.approx(0.693147, abs=1e-6)
    assert by_weight == pytest.approx((-0.5 * 2 + 0.5 * 1) / 2)
    assert by_bias == pytest.approx(0)


def test_it_has_the_interface_of_a_model():
    batch = make_batch([(1.0, 1), (-1.0, 0)])
    model = TwoNumbers(2.0)
    assert batch["image"].shape == batch["mask"].shape == (2, 1, 1, 1)
    assert list(model(batch["image"])) == ["pred_mask"]
    assert torch.allclose(model(**batch)["pred_mask"].flatten(), torch.tensor([2.0, -2.0]).double().sigmoid())
    assert model.numbers() == {"weight": 2.0, "bias": 0.0}
