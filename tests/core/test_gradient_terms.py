import pytest
import torch
from torch import nn

from workbook.core import BCE, Dice, Segmenter, SoftIoU, WeightedSum, check_model
from workbook.core.gradient_terms import TermsWithoutGradient

P = torch.tensor([0.4, 0.9], requires_grad=True)


def hard():
    return (P > 0.5).float().mean()


@pytest.mark.parametrize(
    ("loss", "count"),
    [
        (lambda: P.mean() + hard(), 1),
        (lambda: hard() + P.mean(), 1),
        (lambda: P.mean() - 0.5 * hard(), 1),
        (lambda: P.mean() + (1 - hard()) + hard(), 2),
        (lambda: torch.stack([P.mean(), hard()]).sum(), 1),
        (lambda: torch.add(P.mean(), hard(), alpha=2), 1),
        (lambda: P.mean() + 1 - P.prod(), 0),
        (lambda: 1 - P.mean(), 0),
        (lambda: P.mean() + torch.tensor(1), 0),  # a count, no term
        (lambda: (P + torch.ones(2)).mean(), 0),
    ],
)
def test_scalars_that_are_added_without_a_gradient_are_counted(loss, count):
    with TermsWithoutGradient() as terms:
        value = loss()
    assert terms.count == count
    assert torch.equal(value, loss())  # looking changes nothing


class HardIoU(nn.Module):
    def forward(self, preds, target, shape_mask=None):
        found = (preds > 0.5).float()
        return 1 - (found * target).sum() / (found + target).clamp(max=1).sum().clamp(min=1)


class Both(nn.Module):
    def __init__(self, iou):
        super().__init__()
        self.iou = iou

    def forward(self, preds, target):
        return nn.functional.binary_cross_entropy(preds, target) + self.iou(preds, target)


@pytest.mark.parametrize("loss", [Both(HardIoU()), WeightedSum((BCE(), 1.0), (HardIoU(), 0.5))])
def test_a_thresholded_iou_beside_cross_entropy_is_warned_of(loss):
    with pytest.warns(UserWarning, match="Segmenter: 1 of the terms .* carries no gradient"):
        check_model(Segmenter(nn.Conv2d(3, 1, 1), loss=loss), 32)


@pytest.mark.parametrize("loss", [Both(SoftIoU()), WeightedSum((BCE(), 1.0), (Dice(), 0.5))])
@pytest.mark.filterwarnings("error")
def test_a_soft_one_is_not(loss):
    check_model(Segmenter(nn.Conv2d(3, 1, 1), loss=loss), 32)
