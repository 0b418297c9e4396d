import pytest
import torch
from torch import nn

from workbook.core.errors import ModelError
from workbook.core.optimizer import MovingAverage, check_all_used, make_optimizer


def test_norms_and_biases_are_not_decayed_and_frozen_weights_are_left_out():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1))
    model[2].requires_grad_(False)
    optimizer = make_optimizer(model, lr=0.1, weight_decay=0.05)
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decay == {id(model[0].weight): 0.05} | {
        id(p): 0.0 for p in (model[0].bias, model[1].weight, model[1].bias)
    }
    with pytest.raises(ModelError, match="frozen"):
        make_optimizer(model.requires_grad_(False), lr=0.1, weight_decay=0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("AdamW", 2 - 0.1 * 1 - 0.1 * 0.5 * 2), ("Adam", 2 - 0.1 * 1), ("SGD", 2 - 0.1 * (3 + 0.5 * 2))],
)
def test_one_step_of_each_by_hand(name, expected):
    # weight 2, gradient 3, rate 0.1, decay 0.5; the first step of Adam has the length of the rate
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 2.0)
    optimizer = make_optimizer(model, lr=0.1, weight_decay=0.5, name=name)
    model.weight.grad = torch.full((1, 1), 3.0)
    optimizer.step()
    assert model.weight.item() == pytest.approx(expected, abs=1e-6)


def test_the_average_by_hand():
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(0.0)
    average = MovingAverage(model, decay=0.9)
    model.weight.data.fill_(1.0)
    average.update()  # decay min(0.9, 1/10): 0.1 * 0 + 0.9 * 1
    assert average.average["weight"].item() == pytest.approx(0.9)
    model.weight.data.fill_(2.0)
    average.update()  # decay min(0.9, 2/11)
    assert average.average["weight"].item() == pytest.approx(0.9 * 2 / 11 + 2 * 9 / 11)
    average.updates = 1000
    average.update()  # decay 0.9
    assert average.average["weight"].item() == pytest.approx(0.9 * (0.9 * 2 / 11 + 2 * 9 / 11) + 0.2)


def test_in_place_it_is_the_average_and_afterwards_the_models_own_to_the_bit():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    average = MovingAverage(model, decay=0.5)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.rand_like(p))
    average.update()
    model(torch.rand(4, 3))
    own = {k: v.clone() for k, v in model.state_dict().items()}
    with average.in_place():
        inside = {k: v.clone() for k, v in model.state_dict().items()}
    assert all(torch.equal(inside[k], v) for k, v in average.average.items())
    assert not torch.equal(inside["0.weight"], own["0.weight"])
    assert all(torch.equal(own[k], v) for k, v in model.state_dict().items())
    fresh = MovingAverage(model, decay=0.5)
    fresh.load(average.average, 7)
    assert fresh.updates == 7
    assert torch.equal(fresh.average["0.weight"], average.average["0.weight"])


def test_a_parameter_without_a_part_in_the_loss_is_named():
    model = nn.ModuleDict({"used": nn.Linear(2, 1), "idle": nn.Linear(2, 1), "frozen": nn.Linear(2, 1)})
    model["frozen"].requires_grad_(False)
    model["used"](torch.ones(1, 2)).sum().backward()
    with pytest.raises(ModelError, match=r"idle\.weight, idle\.bias take no part in the loss"):
        check_all_used(model)
    model["idle"].requires_grad_(False)
    check_all_used(model)
