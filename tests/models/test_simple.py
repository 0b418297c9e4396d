import torch
from torch.nn import functional as F

from workbook.models import MyModel


def test_it_is_one_convolution_and_bce():
    model, image, mask = MyModel(), torch.randn(2, 3, 5, 7), torch.ones(2, 1, 5, 7)
    output = model(image, mask)
    logits = F.conv2d(image, model.conv.weight, model.conv.bias, padding=1)
    torch.testing.assert_close(output["pred_mask"], logits.sigmoid())
    torch.testing.assert_close(output["backward_loss"], F.binary_cross_entropy_with_logits(logits, mask))
    assert sum(p.numel() for p in model.parameters()) == 3 * 9 + 1


def test_with_noise_it_sees_twelve_channels():
    model = MyModel(noise=True)
    assert sum(p.numel() for p in model.parameters()) == 12 * 9 + 1
    assert model(torch.randn(1, 3, 5, 7))["pred_mask"].shape == (1, 1, 5, 7)


def test_the_loss_can_be_another():
    from workbook.core.losses import Dice

    image, mask = torch.randn(1, 3, 8, 8), torch.ones(1, 1, 8, 8)
    output = MyModel(loss=Dice())(image, mask)
    torch.testing.assert_close(output["backward_loss"], Dice()(output["pred_mask"], mask))
