import pytest
import torch
from torch import nn

from workbook.core.errors import ModelError
from workbook.core.features import feature_maps
from workbook.core.segmenter import Segmenter
from workbook.models import MyConvNeXt, UNet


def test_each_level_of_a_unet_halves_and_doubles():
    maps = feature_maps(UNet(features=4, depth=2), torch.randn(2, 3, 16, 24))
    sizes = {name: tuple(m.shape[1:]) for name, m in maps.items()}
    assert sizes == {
        "encoders.0": (4, 16, 24),
        "encoders.1": (8, 8, 12),
        "bottleneck": (16, 4, 6),
        "upsamplers.0": (8, 8, 12),
        "decoders.0": (8, 8, 12),
        "upsamplers.1": (4, 16, 24),
        "decoders.1": (4, 16, 24),
        "head": (1, 16, 24),
    }


def test_the_maps_are_the_ones_that_the_model_computes():
    torch.manual_seed(0)
    model, image = UNet(features=4, depth=1).eval(), torch.randn(1, 3, 8, 8)
    maps = feature_maps(model, image)
    torch.testing.assert_close(maps["head"].sigmoid(), model(image)["pred_mask"].detach())
    torch.testing.assert_close(maps["encoders.0"], model.encoders[0](image).detach())


def test_several_maps_of_one_block_are_numbered():
    maps = feature_maps(MyConvNeXt("convnext_atto", pretrained=False), torch.randn(3, 64, 64))
    assert maps["backbone.0"].shape == (1, 320, 2, 2)
    assert maps["decoder"].shape == (1, 1, 64, 64)


def test_a_plain_or_wrapped_network_shows_its_own_blocks():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 1, 1))
    assert list(feature_maps(net, torch.randn(3, 8, 8))) == ["0", "1", "2"]
    assert list(feature_maps(Segmenter(net), torch.randn(3, 8, 8))) == ["net.0", "net.1", "net.2"]
    assert list(feature_maps(Segmenter(nn.Conv2d(3, 1, 1)), torch.randn(3, 8, 8))) == ["net"]


def test_layers_can_be_chosen_and_are_checked():
    model = UNet(features=4, depth=1)
    assert list(feature_maps(model, torch.randn(3, 8, 8), ["bottleneck.0"])) == ["bottleneck.0"]
    with pytest.raises(ModelError, match="UNet: has no layer 'botleneck'; did you mean 'bottleneck'"):
        feature_maps(model, torch.randn(3, 8, 8), ["botleneck"])


def test_no_hook_and_no_mode_is_left_behind():
    model = UNet(features=4, depth=1).train()
    with pytest.raises(RuntimeError):
        feature_maps(model, torch.randn(5, 8, 8))  # five channels
    feature_maps(model, torch.randn(3, 8, 8))
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert model.encoders[0][1].num_batches_tracked == 0
