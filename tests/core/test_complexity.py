import pytest
import torch
from torch import nn

from workbook.core.complexity import complexity
from workbook.models import UNet


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 1, 1)
        self.first.requires_grad_(False)

    def forward(self, image, mask=None):
        pred = self.second(self.norm(self.first(image))).sigmoid()
        return {"pred_mask": pred, "backward_loss": pred.mean()}


def test_parameters_and_operations_of_a_hand_counted_network():
    row = complexity(Net(), (8, 10))
    assert row["parameters"] == 3 * 4 * 9 + 8 + 5
    assert row["trainable"] == 8 + 5
    assert row["flops"] == 2 * 8 * 10 * (27 * 4 + 4 * 1)
    assert (row["height"], row["width"], row["batch_size"], row["device"]) == (8, 10, 1, "cpu")
    assert row["images_per_second"] > 0


def test_what_a_step_keeps_is_counted_once_and_without_parameters():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, image):
            y = image * self.scale  # keeps image
            z = y * y * self.scale  # keeps y twice, which is one storage, y * y, and the parameter
            return {"pred_mask": z[:, :1]}

    assert complexity(Twice(), 16)["activation_bytes"] == 3 * 3 * 16 * 16 * 4
    assert complexity(Twice(), 16, batch_size=2)["activation_bytes"] == 2 * 3 * 3 * 16 * 16 * 4


def test_the_operations_are_of_one_image():
    assert complexity(Net(), 8, batch_size=3)["flops"] == complexity(Net(), 8)["flops"]


def test_half_the_resolution_is_a_quarter_of_the_work():
    full, half = (complexity(UNet(features=4, depth=2, scale=s), 32, repeats=1)["flops"] for s in (1, 2))
    assert full == 4 * half


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(training):
    net = Net().train(training)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    state = torch.random.get_rng_state()
    complexity(net, 8)
    assert net.training is training
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_model_that_insists_on_truth_is_measured_too():
    class Insists(Net):
        def forward(self, image, mask, label, edge_mask, *args, **kwargs):
            return super().forward(image, mask * edge_mask)

    assert complexity(Insists(), 8)["flops"] == complexity(Net(), 8)["flops"]
