import math

import pytest
import torch
from torch import nn

from workbook.core.check import check_model
from workbook.core.errors import ModelError
from workbook.core.registry import create_model
from workbook.core.segmenter import Segmenter


class Net(nn.Module):
    """A sound model, of which each test breaks one thing."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 3, padding=1)
        self.norm = nn.BatchNorm2d(1)

    def probability(self, image):
        return self.norm(self.conv(image)).sigmoid()

    def loss(self, pred, mask):
        return ((pred - mask) ** 2).mean()

    def forward(self, image, mask=None):
        pred = self.probability(image)
        return {"pred_mask": pred} | ({} if mask is None else {"backward_loss": self.loss(pred, mask)})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("MyModel", {}),
        ("MyModel", {"noise": True}),
        ("UNet", {"features": 4, "depth": 2}),
        ("UNet", {"features": 4, "depth": 2, "noise": True}),
        ("UNet", {"features": 4, "depth": 2, "noise": True, "scale": 2}),
        ("MyConvNeXt", {"backbone": "convnext_atto", "pretrained": False}),
        ("MyConvNeXt", {"backbone": "convnext_atto", "pretrained": False, "noise": True}),
    ],
)
def test_every_model_of_the_library_keeps_the_contract(name, options):
    from workbook.models import MyConvNeXt, MyModel, UNet

    cls = {"MyModel": MyModel, "UNet": UNet, "MyConvNeXt": MyConvNeXt}[name]
    found = check_model(cls(**options), size=(70, 50))
    assert found["pred_mask"].startswith("(2, 1, 70, 50) in [0.")
    assert found["pred_label"].startswith("(2,) in [0.")


def test_it_says_what_came_out():
    found = check_model(Net(), size=16)
    assert set(found) == {"pred_mask", "backward_loss", "visual_loss", "visual_image"}
    assert found["pred_mask"].startswith("(2, 1, 16, 16) in [0.")
    assert 0 < float(found["backward_loss"]) < 1
    assert found["visual_loss"] == "none"


def test_an_imdl_benco_model_runs_unchanged():
    class Theirs(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 1, 1)

        def forward(self, image, mask, label, edge_mask, shape, *args, **kwargs):
            pred = self.conv(image).sigmoid()
            loss = ((pred - mask) ** 2 * (1 + edge_mask)).mean()
            return {
                "backward_loss": loss,
                "pred_mask": pred,
                "pred_label": None,
                "visual_loss": {"predict_loss": loss},
                "visual_image": {"pred_mask": pred, "reverse_mask": 1 - mask},
            }

    assert check_model(Theirs(), size=16)["visual_image"] == "pred_mask, reverse_mask"


@pytest.mark.parametrize("training", [True, False])
def test_a_model_is_left_as_it_was(training):
    net = Net().train(training)
    net.conv.weight.grad = torch.ones_like(net.conv.weight)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    check_model(net, size=16)
    assert torch.equal(torch.rand(3), expected)
    assert net.training is training
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    assert torch.equal(net.conv.weight.grad, torch.ones_like(net.conv.weight))
    assert net.conv.bias.grad is None


def test_a_model_is_left_as_it_was_when_it_fails():
    class Broken(Net):
        def loss(self, pred, mask):
            return pred.mean() / 0

    net = Broken()
    with pytest.raises(ModelError):
        check_model(net, size=16)
    assert net.norm.num_batches_tracked == 0
    assert net.training


class ThresholdedLoss(Net):
    def loss(self, pred, mask):
        return ((pred > 0.5).float() - mask).abs().mean()


class DeadLoss(Net):
    def loss(self, pred, mask):
        return (pred * 0).mean() + mask.mean()


class NoTampering(Net):
    def loss(self, pred, mask):  # 0 / 0 on the authentic batch
        return 1 - (pred * mask).sum() / mask.sum()


class InfiniteGradient(Net):
    def loss(self, pred, mask):
        return (pred - pred.detach()).abs().sum().sqrt() + (pred - mask).mean()


class Logits(Net):
    def probability(self, image):
        return self.conv(image) * 10


class Frozen(Net):
    def __init__(self):
        super().__init__()
        self.requires_grad_(False)


class NeedsDct(Net):
    def forward(self, image, dct, mask=None):
        return super().forward(image + dct, mask)


class Peeks(Net):
    def forward(self, image, mask=None):
        output = super().forward(image, mask)
        if mask is not None:
            output["pred_mask"] = (output["pred_mask"] + mask) / 2
        return output


class Multiplies(Net):
    """As above, but a truth of 1 all over would not show it."""

    def forward(self, image, mask=None):
        output = super().forward(image, mask)
        if mask is not None:
            output["pred_mask"] = output["pred_mask"] * mask
        return output


class PeeksAtTheLabel(Net):
    def forward(self, image, mask=None, label=None):
        output = super().forward(image, mask)
        output["pred_label"] = output["pred_mask"].amax(dim=(1, 2, 3)).detach()
        if label is not None:
            output["pred_label"] = output["pred_label"] * label
        return output


class Misspelt(Net):
    def forward(self, image, mask=None, lable=None):
        return super().forward(image, mask)


class NanInEvaluation(Net):
    def probability(self, image):
        return super().probability(image) * (1.0 if self.training else math.nan)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (ThresholdedLoss, "backward_loss has no gradient"),
        (DeadLoss, "does not move any parameter"),
        (NoTampering, "backward_loss is nan"),
        (InfiniteGradient, "the gradient of conv.weight is not finite"),
        (Logits, "is logits, not probabilities"),
        (Frozen, "has no parameter to train"),
        (NeedsDct, "forward needs 'dct'.*post_func"),
        (Peeks, "pred_mask changes with the truth"),
        (Multiplies, "pred_mask changes with the truth"),
        (PeeksAtTheLabel, "pred_label changes with the truth"),
        (Misspelt, "forward's 'lable' is no field of the data; did you mean 'label'"),
        (NanInEvaluation, "pred_mask has NaN"),
        (lambda: nn.Conv2d(3, 1, 1), "wrap it: Segmenter"),
    ],
)
def test_each_fault_is_named(model, message):
    with pytest.raises(ModelError, match=message):
        check_model(model(), size=16)


def test_further_fields_can_be_given():
    assert check_model(NeedsDct(), size=16, extra={"dct": torch.zeros(2, 3, 16, 16)})


def test_a_wrapped_network_passes():
    assert check_model(Segmenter(nn.Conv2d(3, 1, 1)), size=16)["visual_loss"] == "loss"


def test_create_model_and_check_model_go_together():
    assert check_model(create_model("UNet", features=2, depth=1), size=16)
