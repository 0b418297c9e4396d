import pytest
import timm
import torch
from torch import nn
from torch.nn import functional as F

from workbook.core.checkpoint import save_checkpoint
from workbook.core.errors import ModelError
from workbook.core.losses import BCE, Dice
from workbook.models import MyConvNeXt
from workbook.models.convnext import colours_first, doubling_decoder

ATTO = {"backbone": "convnext_atto", "pretrained": False}


@pytest.mark.parametrize("size", [(64, 64), (33, 70), (1, 1)])
@pytest.mark.parametrize("noise", [False, True])
def test_any_size_comes_back(size, noise):
    model = MyConvNeXt(**ATTO, noise=noise).eval()
    output = model(torch.randn(2, 3, *size))
    assert output["pred_mask"].shape == (2, 1, *size)
    assert output["pred_label"].shape == (2,)


def test_other_backbones_of_timm_serve():
    model = MyConvNeXt("resnet18", pretrained=False).eval()
    assert model(torch.randn(1, 3, 64, 96))["pred_mask"].shape == (1, 1, 64, 96)


def test_channels_last_features_are_turned_round():
    class LikeSwin(nn.Module):
        def forward(self, x):
            return [x.new_ones(len(x), x.shape[2] // 32, x.shape[3] // 32, 320)]

    model = MyConvNeXt(**ATTO).eval()
    model.backbone = LikeSwin()
    assert model.features(torch.randn(1, 3, 64, 96)).shape == (1, 320, 2, 3)


def test_the_decoder_doubles_with_ever_fewer_channels():
    x, sizes = torch.zeros(1, 768, 1, 2), []
    for layer in doubling_decoder(768, doublings=5):
        x = layer(x)
        sizes.append(tuple(x.shape[1:]))
    assert sizes == [(256, 2, 4), (128, 4, 8), (64, 8, 16), (32, 16, 32), (16, 32, 64), (1, 32, 64)]


def test_the_mix_of_noise_starts_as_the_colours_alone():
    torch.manual_seed(0)
    x = torch.randn(1, 12, 4, 4)
    assert torch.equal(colours_first(12)(x), x[:, :3])
    plain, noisy = MyConvNeXt(**ATTO).eval(), MyConvNeXt(**ATTO, noise=True).eval()
    assert noisy.load_state_dict(plain.state_dict(), strict=False).missing_keys == ["mix.weight"]
    image = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(plain(image)["pred_mask"], noisy(image)["pred_mask"])


def test_the_loss_is_that_of_the_map_and_weighted_that_of_the_label():
    torch.manual_seed(0)
    model, mask = MyConvNeXt(**ATTO, label_weight=0.25), torch.zeros(2, 1, 32, 32)
    mask[0, :, :8, :8] = 1
    label = torch.tensor([1.0, 0.0])
    output = model(torch.randn(2, 3, 32, 32), mask, label)
    of_map = BCE()(output["pred_mask"], mask) + Dice()(output["pred_mask"], mask)
    of_label = F.binary_cross_entropy(output["pred_label"], label)
    torch.testing.assert_close(output["backward_loss"], of_map + 0.25 * of_label)
    assert set(output["visual_loss"]) == {"loss", "bce", "dice", "label"}
    torch.testing.assert_close(output["visual_loss"]["loss"], output["backward_loss"].detach())


def test_a_label_that_is_not_given_is_read_off_the_mask():
    torch.manual_seed(0)
    model, image, mask = MyConvNeXt(**ATTO).eval(), torch.randn(2, 3, 32, 32), torch.zeros(2, 1, 32, 32)
    mask[0, :, :8, :8] = 1
    given = model(image, mask, torch.tensor([1.0, 0.0]))["backward_loss"]
    torch.testing.assert_close(model(image, mask)["backward_loss"], given)
    assert model(image, mask, torch.tensor([0.0, 1.0]))["backward_loss"] != given


def test_the_label_is_made_of_real_pixels_only():
    torch.manual_seed(0)
    model = MyConvNeXt(**ATTO).eval()
    real = torch.zeros(1, 1, 64, 128)
    real[..., :64] = 1
    image = torch.randn(1, 3, 64, 128)
    features = model.features(image)
    expected = model.label_head(features[..., :2].mean(dim=(2, 3)))[:, 0].sigmoid()
    torch.testing.assert_close(model(image, shape_mask=real)["pred_label"], expected)
    torch.testing.assert_close(
        model(image, shape_mask=torch.ones_like(real))["pred_label"], model(image)["pred_label"]
    )


def test_weights_may_be_the_backbones_or_the_whole_models(tmp_path):
    whole = timm.create_model("convnext_atto", pretrained=False)
    file = save_checkpoint(tmp_path / "timm.safetensors", whole)
    model = MyConvNeXt("convnext_atto", weights=file)
    assert torch.equal(next(model.backbone.parameters()), next(whole.parameters()))
    mine = save_checkpoint(tmp_path / "mine.safetensors", model)
    again = MyConvNeXt("convnext_atto", weights=mine)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    with pytest.raises(ModelError, match=r"mix\.weight"):
        MyConvNeXt("convnext_atto", weights=mine, noise=True)


def test_every_parameter_learns():
    model = MyConvNeXt(**ATTO, noise=True)
    with torch.autocast("cpu", torch.bfloat16):
        output = model(torch.randn(2, 3, 64, 64), torch.ones(2, 1, 64, 64), torch.ones(2))
    output["backward_loss"].backward()
    assert output["backward_loss"].dtype == torch.float32
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
