"""The losses: values by hand, both ends of empty and full masks, half precision, padding, gradients."""

import math

import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import sigmoid_focal_loss

from workbook.core.errors import DataError, ModelError, WorkbookError
from workbook.core.losses import BCE, Dice, EdgeWeighted, Focal, SoftIoU, WeightedSum, loss_name

LOSSES = [BCE(), Dice(), SoftIoU(), Focal(), Focal(0.5, None), EdgeWeighted(edge_width=3)]
ALL = [*LOSSES, WeightedSum((BCE(), 1.0), (Dice(), 0.5))]
each_loss = pytest.mark.parametrize("loss", ALL, ids=lambda loss: type(loss).__name__)


def batch(seed=0, size=8):
    torch.manual_seed(seed)
    return torch.rand(3, 1, size, size), (torch.rand(3, 1, size, size) < 0.4).float()


def test_values_by_hand():
    preds, target = torch.tensor([[[[0.8, 0.6, 0.1]]]]), torch.tensor([[[[1.0, 0.0, 0.0]]]])
    entropy = [-math.log(0.8), -math.log(0.4), -math.log(0.9)]
    assert BCE()(preds, target).item() == pytest.approx(sum(entropy) / 3, abs=1e-6)
    assert SoftIoU()(preds, target).item() == pytest.approx(1 - 0.8 / 1.7)
    assert Dice()(preds, target).item() == pytest.approx(1 - 1.6 / 2.5)
    focal = 0.25 * 0.04 * entropy[0] + 0.75 * 0.36 * entropy[1] + 0.75 * 0.01 * entropy[2]
    assert Focal()(preds, target).item() == pytest.approx(focal / 3, abs=1e-6)
    edge = EdgeWeighted(weight=4.0, edge_width=3)(preds, target)  # the first two pixels touch the boundary
    assert edge.item() == pytest.approx((5 * entropy[0] + 5 * entropy[1] + entropy[2]) / 11, abs=1e-6)


def test_against_torch_and_torchvision():
    preds, target = batch()
    assert BCE()(preds, target).item() == pytest.approx(
        F.binary_cross_entropy(preds, target).item(), abs=1e-5
    )
    referee = sigmoid_focal_loss(preds.logit(), target, alpha=0.3, gamma=1.5, reduction="mean").item()
    assert Focal(1.5, 0.3)(preds, target).item() == pytest.approx(referee, abs=1e-5)
    assert Focal(0.0, None)(preds, target).item() == pytest.approx(BCE()(preds, target).item())
    union = preds + target - preds * target
    iou = (preds * target).sum((1, 2, 3)) / union.sum((1, 2, 3))
    assert SoftIoU()(preds, target).item() == pytest.approx(1 - iou.mean().item())


@each_loss
@pytest.mark.parametrize("value", [0.0, 1.0], ids=["empty", "full"])
def test_both_ends_of_an_empty_and_a_full_mask(loss, value):
    target = torch.full((2, 1, 8, 8), value)
    right, half, wrong = (loss(preds, target) for preds in (target, target * 0 + 0.5, 1 - target))
    assert right.item() == pytest.approx(0, abs=1e-5)
    assert right < half < wrong
    assert wrong.item() >= 1
    assert torch.isfinite(wrong)


@each_loss
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_completely_wrong_prediction_has_a_gradient(loss, value):
    target = torch.full((1, 1, 8, 8), value)
    preds = (1 - target).requires_grad_()
    loss(preds, target).backward()
    assert torch.isfinite(preds.grad).all()
    assert (preds.grad.sign() == 1 - 2 * value).all()  # away from the wrong end


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_gradients_are_those_of_finite_differences(loss):
    preds, target = batch(1, 4)
    preds = (0.1 + 0.8 * preds).double().requires_grad_()
    real = (torch.rand(target.shape) < 0.7).double()
    assert torch.autograd.gradcheck(
        lambda p: loss.compare(p, target.double(), real), preds, eps=1e-6, atol=1e-5
    )


@each_loss
def test_a_soft_target_is_best_met_by_itself(loss):
    torch.manual_seed(2)
    target = 0.05 + 0.9 * torch.rand(2, 1, 8, 8)
    best = loss(target, target)
    for shift in (-0.04, 0.04):
        assert loss(target + shift, target) > best


@pytest.mark.parametrize("loss", [SoftIoU(), Dice()])
def test_a_soft_target_met_exactly_costs_nothing(loss):
    target = torch.rand(2, 1, 8, 8)
    assert loss(target, target).item() == pytest.approx(0, abs=1e-6)


@each_loss
def test_padding_has_no_influence(loss):
    preds, target = batch()
    real = torch.zeros_like(target)
    real[..., :5] = 1
    preds = preds.requires_grad_()
    value = loss(preds, target, real)
    value.backward()
    assert (preds.grad[..., 5:] == 0).all()
    assert (preds.grad[..., :5] != 0).any()
    assert value.item() == pytest.approx(loss(preds[..., :5], target[..., :5]).item(), rel=1e-5)
    assert loss(1 - preds.detach() * (1 - real), 1 - target * 0, real) >= 0  # whatever lies there


@each_loss
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(loss, dtype):
    preds, target = batch()
    halved = preds.to(dtype).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(halved, target.to(dtype))
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(loss(halved.float(), target).item(), rel=1e-6)
    value.backward()
    assert torch.isfinite(halved.grad).all()


@each_loss
def test_thresholding_would_leave_no_gradient_and_the_loss_has_one(loss):
    preds, target = batch()
    preds.requires_grad_()
    assert not (preds > 0.5).float().requires_grad
    (gradient,) = torch.autograd.grad(loss(preds, target), preds)
    assert (gradient != 0).all()


@each_loss
@pytest.mark.parametrize(
    ("preds", "target", "error", "says"),
    [
        (torch.rand(1, 1, 4, 4), torch.full((1, 1, 4, 4), 255.0), DataError, "^mask lies in .*divide"),
        (torch.full((1, 1, 4, 4), -3.0), torch.ones(1, 1, 4, 4), ModelError, "^pred_mask lies in .*sigmoid"),
        (torch.rand(1, 1, 4, 2), torch.ones(1, 1, 4, 4), ModelError, r"^pred_mask has shape \(1, 1, 4, 2\)"),
        (torch.rand(1, 4), torch.ones(4, 1), ModelError, r"^pred_mask has shape \(1, 4\)"),
    ],
)
def test_wrong_fields_are_refused(loss, preds, target, error, says):
    with pytest.raises(error, match=says):
        loss(preds, target)


def test_a_channel_too_few_is_told_from_another_size():
    with pytest.raises(ModelError, match=r"give both as \(B, 1, H, W\)"):
        BCE()(torch.rand(2, 1, 4, 4), torch.ones(2, 4, 4))


def test_padding_of_another_shape_is_refused():
    with pytest.raises(DataError, match="give each image one shape_mask"):
        BCE()(torch.rand(2, 1, 4, 4), torch.ones(2, 1, 4, 4), torch.ones(1, 1, 4, 4))


@each_loss
def test_nan_is_left_to_the_trainer_which_knows_the_files(loss):
    preds, target = batch()
    preds[0, 0, 0, 0] = float("nan")
    assert torch.isnan(loss(preds, target))


def test_the_band_lies_along_the_boundary_only():
    target = torch.zeros(1, 1, 7, 7)
    target[..., 2:5, 2:5] = 1
    band = EdgeWeighted(edge_width=3).band(target, torch.ones_like(target))
    expected = torch.zeros(7, 7)
    expected[1:6, 1:6] = 1
    expected[3, 3] = 0  # further than one pixel from any change
    assert band[0, 0].tolist() == expected.tolist()
    full = torch.ones(1, 1, 7, 7)
    real = full.clone()
    real[..., 4:] = 0
    assert (
        EdgeWeighted(edge_width=3).band(full * real, real).sum() == 0
    )  # the rim of padding, the image's border


def test_a_weighted_sum_takes_losses_from_elsewhere():
    preds, target = batch()
    loss = WeightedSum((BCE(), 2.0), (torch.nn.L1Loss(), 0.5), (BCE(), 1.0))
    parts = loss.parts(preds, target)
    assert list(parts) == ["bce", "l1_loss", "bce_2"]
    assert loss(preds, target).item() == pytest.approx(
        3 * parts["bce"].item() + 0.5 * parts["l1_loss"].item()
    )
    real = torch.ones_like(target)
    real[..., 4:] = 0  # padding is no error, whatever is predicted there
    padded = loss.parts(preds, target, real)["l1_loss"]
    assert padded.item() == pytest.approx(((preds - target).abs() * real).mean().item())


def test_a_loss_from_elsewhere_is_given_float32_too():
    preds, target = batch()
    loss = WeightedSum((torch.nn.BCELoss(), 1.0))
    half = loss(preds.bfloat16(), target.bfloat16())
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(loss(preds.bfloat16().float(), target).item())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert loss(preds, target).item() == pytest.approx(F.binary_cross_entropy(preds, target).item())


@pytest.mark.parametrize(
    "make",
    [
        WeightedSum,
        lambda: WeightedSum(BCE(), Dice()),
        lambda: WeightedSum((1.0, BCE())),
        lambda: WeightedSum((BCE, 1.0)),
        lambda: WeightedSum((BCE(), float("nan"))),
        lambda: WeightedSum((BCE(), "much")),
        lambda: Focal(gamma=-1),
        lambda: Focal(alpha=2),
        lambda: EdgeWeighted(edge_width=4),
        lambda: EdgeWeighted(edge_width=7.0),
    ],
)
def test_wrong_settings_are_refused(make):
    with pytest.raises(WorkbookError, match=r"give|was given|write"):
        make()


def test_loss_names():
    assert [loss_name(loss) for loss in (SoftIoU(), torch.nn.BCELoss(), F.mse_loss)] == [
        "soft_iou",
        "bce_loss",
        "mse_loss",
    ]


@each_loss
def test_a_perfect_prediction_has_a_finite_gradient(loss):
    _, target = batch()
    preds = target.clone().requires_grad_()
    loss(preds, target).backward()
    assert torch.isfinite(preds.grad).all()
