import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from workbook.core.errors import ModelError
from workbook.core.model import run_model
from workbook.core.segmenter import Segmenter, top_mean


class Constant(nn.Module):
    """Returns what it was given, so that each number can be followed."""

    def __init__(self, output):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.output = output

    def forward(self, x):
        if isinstance(self.output, torch.Tensor):
            return self.output + self.weight
        return self.output


LOGITS = torch.tensor([[[[0.0, 2.0], [-2.0, 1.0]]]])
IMAGE = torch.zeros(1, 3, 2, 2)
MASK = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])


def test_sigmoid_softmax_none_and_a_function_of_ones_own():
    assert torch.equal(Segmenter(Constant(LOGITS))(IMAGE)["pred_mask"], LOGITS.sigmoid())
    two = torch.cat((torch.zeros_like(LOGITS), LOGITS), dim=1)  # softmax over (0, x) is sigmoid(x)
    pred = Segmenter(Constant(two), activation="softmax")(IMAGE)["pred_mask"]
    torch.testing.assert_close(pred, LOGITS.sigmoid())
    probabilities = LOGITS.sigmoid()
    assert torch.equal(Segmenter(Constant(probabilities), activation=None)(IMAGE)["pred_mask"], probabilities)
    pred = Segmenter(Constant(LOGITS), activation=lambda x: (x + 2) / 4)(IMAGE)["pred_mask"]
    assert pred.flatten().tolist() == [0.5, 1.0, 0.0, 0.75]


def test_torchvisions_dictionary_and_a_tuple_are_looked_into():
    assert torch.equal(Segmenter(Constant({"out": LOGITS}))(IMAGE)["pred_mask"], LOGITS.sigmoid())
    assert torch.equal(Segmenter(Constant((LOGITS, 1)))(IMAGE)["pred_mask"], LOGITS.sigmoid())


def test_a_torchvision_network_is_a_model():
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    net = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=1)
    batch = {"image": torch.randn(2, 3, 64, 64), "mask": torch.ones(2, 1, 64, 64), "label": torch.ones(2)}
    output = run_model(Segmenter(net), batch, values=True)
    output["backward_loss"].backward()
    assert output["pred_label"].shape == (2,)


def test_a_loss_on_logits_gets_logits_and_any_other_probabilities():
    net = Constant(LOGITS)
    expected = F.binary_cross_entropy_with_logits(LOGITS, MASK)
    torch.testing.assert_close(Segmenter(net, nn.BCEWithLogitsLoss())(IMAGE, MASK)["backward_loss"], expected)
    torch.testing.assert_close(Segmenter(net, nn.BCELoss())(IMAGE, MASK)["backward_loss"], expected)

    class FromLogits(nn.Module):
        from_logits = True

        def forward(self, preds, target):
            return F.binary_cross_entropy_with_logits(preds, target)

    torch.testing.assert_close(Segmenter(net, FromLogits())(IMAGE, MASK)["backward_loss"], expected)
    torch.testing.assert_close(
        Segmenter(net, lambda p, t: F.binary_cross_entropy(p, t))(IMAGE, MASK)["backward_loss"], expected
    )
    two = Constant(torch.cat((torch.zeros_like(LOGITS), LOGITS), dim=1))
    crossed = Segmenter(two, nn.CrossEntropyLoss(), activation="softmax")(IMAGE, MASK)["backward_loss"]
    torch.testing.assert_close(crossed, expected)


def test_the_default_loss_is_bce_and_dice():
    from workbook.core.losses import BCE, Dice

    pred = LOGITS.sigmoid()
    loss = Segmenter(Constant(LOGITS))(IMAGE, MASK)["backward_loss"]
    torch.testing.assert_close(loss, BCE()(pred, MASK) + Dice()(pred, MASK))


@pytest.mark.parametrize(
    ("loss", "activation", "channels"),
    [
        (None, "sigmoid", 1),
        (nn.BCELoss(reduction="sum"), "sigmoid", 1),
        (nn.BCEWithLogitsLoss(reduction="sum"), "sigmoid", 1),
        (nn.CrossEntropyLoss(), "softmax", 2),
    ],
)
def test_padding_counts_in_no_loss_and_in_no_score(loss, activation, channels):
    real = torch.ones(1, 1, 2, 4)
    real[..., 2:] = 0
    logits = LOGITS.repeat(1, channels, 1, 1)
    if channels == 2:
        logits[:, 0] = 0
    nonsense = 50.0 * torch.tensor([[[[-1.0, 1.0], [1.0, -1.0]]]]).repeat(1, channels, 1, 1)
    padded = torch.cat((logits, nonsense), dim=-1)
    mask = torch.cat((MASK, torch.ones_like(MASK)), dim=-1)
    image = torch.zeros(1, 3, 2, 4)
    with_padding = Segmenter(Constant(padded), loss, activation)(image, mask, real)
    without = Segmenter(Constant(logits), loss, activation)(IMAGE, MASK)
    torch.testing.assert_close(with_padding["backward_loss"], without["backward_loss"])
    torch.testing.assert_close(with_padding["pred_label"], without["pred_label"])


def test_loss_and_prediction_are_float32_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        output = Segmenter(nn.Conv2d(3, 1, 1), nn.BCELoss(), "sigmoid")(
            torch.randn(1, 3, 4, 4), torch.ones(1, 1, 4, 4)
        )
    assert output["pred_mask"].dtype == output["backward_loss"].dtype == torch.float32
    under_autocast = []

    def loss(preds, target):
        under_autocast.append(torch.is_autocast_enabled("cpu"))
        return F.mse_loss(preds, target)

    with torch.autocast("cpu", torch.bfloat16):
        Segmenter(nn.Conv2d(3, 1, 1), loss)(torch.randn(1, 3, 4, 4), torch.ones(1, 1, 4, 4))
    assert under_autocast == [False]


def test_a_second_sigmoid_is_warned_of_once():
    probabilities = torch.rand(1, 1, 32, 32)
    image = torch.zeros(1, 3, 32, 32)
    model = Segmenter(Constant(probabilities))
    with pytest.warns(UserWarning, match="pass activation=None"):
        model(image)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(image)
        Segmenter(Constant(LOGITS))(IMAGE)
        Segmenter(Constant(probabilities), activation=None)(image)
        Segmenter(Constant(probabilities * 3 - 1))(image)
        Segmenter(Constant(probabilities[..., :4, :4]))(image[..., :4, :4])  # too few to tell


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            LOGITS.expand(1, 3, 2, 2),
            "the map has 3 channels; let the net return one, or pass activation='soft",
        ),
        (LOGITS[..., :1], r"the map is 2x1 and the image 2x2 \(height x width\); enlarge it"),
    ],
)
@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_a_map_of_another_shape_is_named_with_its_fix(output, message, activation):
    with pytest.raises(ModelError, match=r"Segmenter\(Constant\): " + message):
        Segmenter(Constant(output), activation=activation)(IMAGE, MASK)


@pytest.mark.parametrize(
    ("net", "loss", "message"),
    [
        (Constant, None, r"net is the class Constant; make one: Constant\(\)"),
        (None, None, "net is None; give a network"),
        (torch.sigmoid, None, r"net is <built-in method sigmoid .*; give a network"),
        (nn.Conv2d(3, 1, 1), nn.BCELoss, r"loss is the class BCELoss; make one: BCELoss\(\)"),
        (nn.Conv2d(3, 1, 1), "bce", "loss is 'bce'; give a function or a module"),
    ],
)
def test_what_cannot_be_called_is_refused(net, loss, message):
    with pytest.raises(ModelError, match=message):
        Segmenter(net, loss)


@pytest.mark.parametrize("output", [torch.zeros(1, 2, 2), "map", {"mask": LOGITS}, ()])
def test_an_output_that_is_no_map_is_named(output):
    with pytest.raises(ModelError, match="the wrapped net returned"):
        Segmenter(Constant(output))(IMAGE)


def test_an_activation_that_cannot_be_meant_is_refused():
    with pytest.raises(ModelError, match="activation 'tanh' is unknown"):
        Segmenter(Constant(LOGITS), activation="tanh")
    with pytest.raises(ModelError, match="softmax over one channel"):
        Segmenter(Constant(LOGITS), activation="softmax")(IMAGE)


def test_top_mean_is_the_mean_of_the_highest_share():
    flat = torch.tensor([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    pred = torch.stack((flat, flat.flip(0) / 2)).view(2, 1, 2, 5)
    torch.testing.assert_close(top_mean(pred, fraction=0.2), torch.tensor([0.85, 0.425]))
    torch.testing.assert_close(
        top_mean(pred, fraction=0.001), torch.tensor([0.9, 0.45])
    )  # at least one pixel
    torch.testing.assert_close(top_mean(pred, fraction=1.0), torch.tensor([0.45, 0.225]))


def test_top_mean_leaves_padding_out_image_by_image():
    generator = torch.Generator().manual_seed(0)
    pred = torch.rand(3, 1, 20, 20, generator=generator)
    real = torch.zeros(3, 1, 20, 20)
    sizes = [(20, 20), (13, 7), (1, 1)]
    for row, (height, width) in zip(real, sizes, strict=True):
        row[:, :height, :width] = 1
    found = top_mean(pred, real, fraction=0.05)
    for i, (height, width) in enumerate(sizes):
        inside = sorted(pred[i, 0, :height, :width].flatten().tolist(), reverse=True)
        count = max(1, round(0.05 * height * width))
        assert found[i].item() == pytest.approx(sum(inside[:count]) / count, abs=1e-6)


def test_top_mean_of_an_image_without_a_real_pixel_is_zero():
    assert top_mean(torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)).item() == 0
