import pytest
import torch

from workbook.core.losses import BCE, Dice, WeightedSum
from workbook.models.output import mask_output


def test_weighted_parts_add_up_and_have_a_curve_each():
    logits, mask = torch.randn(2, 1, 4, 4, requires_grad=True), (torch.rand(2, 1, 4, 4) > 0.5).float()
    loss = WeightedSum((BCE(), 2.0), (Dice(), 0.5))
    output = mask_output(logits, mask, None, loss)
    curves = output["visual_loss"]
    assert set(curves) == {"loss", "bce", "dice"}
    torch.testing.assert_close(curves["loss"], 2 * curves["bce"] + 0.5 * curves["dice"])
    torch.testing.assert_close(output["backward_loss"], loss(logits.sigmoid(), mask))
    assert output["backward_loss"].requires_grad
    assert not any(curve.requires_grad for curve in curves.values())
    assert not output["visual_image"]["pred_mask"].requires_grad


def test_without_a_mask_there_is_a_prediction_only():
    output = mask_output(torch.zeros(1, 1, 2, 2), None, None, BCE())
    assert "backward_loss" not in output
    assert (output["pred_mask"] == 0.5).all()


def test_padding_counts_neither_in_the_loss_nor_in_the_score():
    logits, real = torch.full((1, 1, 4, 8), 9.0), torch.zeros(1, 1, 4, 8)
    logits[..., :4], real[..., :4] = -1.0, 1.0
    mask = torch.zeros_like(logits)
    padded = mask_output(logits, mask, real, WeightedSum((BCE(), 1.0), (Dice(), 1.0)))
    alone = mask_output(logits[..., :4], mask[..., :4], None, WeightedSum((BCE(), 1.0), (Dice(), 1.0)))
    torch.testing.assert_close(padded["backward_loss"], alone["backward_loss"])
    torch.testing.assert_close(padded["pred_label"], alone["pred_label"])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_lose_nothing_after_the_network(dtype):
    logits = torch.full((1, 1, 2, 2), 9.0, dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16):
        output = mask_output(logits, torch.ones(1, 1, 2, 2), None, BCE())
    assert output["pred_mask"].dtype == output["backward_loss"].dtype == torch.float32
    assert output["pred_mask"].max() < 1  # in bf16 the sigmoid of 9 is 1
    assert output["backward_loss"].item() == pytest.approx(1.234e-4, rel=1e-2)
