"""A pretrained backbone with a decoder of transposed convolutions and a head for the whole image."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from workbook.core.losses import BCE, Dice, MaskLoss, WeightedSum
from workbook.core.registry import register_model
from workbook.models.layers import NoiseResidual, pad_to_multiple
from workbook.models.output import mask_output
from workbook.models.pretrained import load_weights, read_state_dict, timm_backbone


@register_model
class MyConvNeXt(nn.Module):
    """A timm backbone, a decoder and an image head; minimises BCE + Dice, and BCE of the label.

    Args:
        backbone: any name that timm has features for; ConvNeXt, whose last features are 32 times smaller, by
        default.
        pretrained: start from timm's weights, out of its cache or the network.
        weights: a local `.safetensors` or `.pth` file: of the backbone as timm names it, or of this whole
            model. Takes the place of `pretrained`.
        noise: mix fixed noise residuals (`NoiseResidual`) into the colours. The mix starts as the colours
            alone, which is what the pretrained weights know.
        label_weight: weight of the image label's BCE in the loss.
        loss: `loss(pred_mask, mask, shape_mask=None)` on probabilities; BCE + Dice when None.

    Shapes:
        image (B, 3, H, W) of any size -> pred_mask (B, 1, H, W), pred_label (B,) from the mean of the
        features.

    Source: Liu, Mao, Wu, Feichtenhofer, Darrell, Xie, "A ConvNet for the 2020s", CVPR 2022.

    >>> model = MyConvNeXt("convnext_atto", pretrained=False)
    >>> output = model(torch.zeros(2, 3, 50, 70), mask=torch.zeros(2, 1, 50, 70))
    >>> output["pred_mask"].shape, output["pred_label"].shape
    (torch.Size([2, 1, 50, 70]), torch.Size([2]))
    """

    def __init__(
        self,
        backbone: str = "convnext_tiny",
        pretrained: bool = True,
        weights: str | os.PathLike[str] | None = None,
        noise: bool = False,
        label_weight: float = 0.5,
        loss: MaskLoss | WeightedSum | None = None,
    ) -> None:
        super().__init__()
        state = None if weights is None else read_state_dict(weights)
        whole = state is not None and any(key.startswith("backbone.") for key in state)
        self.backbone = timm_backbone(backbone, pretrained and weights is None, None if whole else state)
        info: Any = self.backbone.feature_info
        channels, self.stride = info.channels()[-1], info.reduction()[-1]
        self.noise = NoiseResidual() if noise else None
        self.mix = colours_first(3 + NoiseResidual.out_channels) if noise else None
        self.decoder = doubling_decoder(channels, doublings=self.stride.bit_length() - 1)
        self.label_head = nn.Linear(channels, 1)
        self.label_weight = label_weight
        self.loss = loss or WeightedSum((BCE(), 1.0), (Dice(), 1.0))
        if whole and weights is not None:
            load_weights(self, weights, state)

    def forward(
        self,
        image: torch.Tensor,
        mask: torch.Tensor | None = None,
        label: torch.Tensor | None = None,
        shape_mask: torch.Tensor | None = None,
    ) -> dict[str, Any]:
        """See the class."""
        height, width = image.shape[-2:]
        x = image
        if self.noise is not None and self.mix is not None:
            x = self.mix(torch.cat((image, self.noise(image)), dim=1))
        features = self.features(x)  # (B, C, H / 32, W / 32)
        logits = self.decoder(features)[..., :height, :width]
        label_logits = self.label_head(_mean(features.float(), shape_mask, self.stride))[:, 0].float()  # (B,)
        output = mask_output(logits, mask, shape_mask, self.loss)
        output["pred_label"] = label_logits.sigmoid()
        if mask is not None:
            if label is None:
                real = mask if shape_mask is None else mask * shape_mask
                label = (real.amax(dim=(1, 2, 3)) > 0.5).float()
            label_loss = F.binary_cross_entropy_with_logits(label_logits, label.float())
            output["backward_loss"] = output["backward_loss"] + self.label_weight * label_loss
            output["visual_loss"] |= {"loss": output["backward_loss"].detach(), "label": label_loss.detach()}
        return output

    def features(self, image: torch.Tensor) -> torch.Tensor:
        """The backbone's last features (B, C, H / stride, W / stride), rounded up."""
        features = self.backbone(pad_to_multiple(image, self.stride))[-1]
        if features.shape[1] != self.label_head.in_features:  # Swin and its kin: (B, H, W, C)
            features = features.permute(0, 3, 1, 2)
        return features


def doubling_decoder(channels: int, doublings: int) -> nn.Sequential:
    """Transposed convolutions, each doubling height and width with fewer channels, and a last 1x1 one.

    >>> doubling_decoder(768, doublings=5)(torch.zeros(1, 768, 2, 3)).shape
    torch.Size([1, 1, 64, 96])
    """
    layers: list[nn.Module] = []
    for level in range(doublings):
        outputs = max(256 >> level, 16)  # 256, 128, 64, 32, 16
        layers.append(
            nn.Sequential(
                nn.ConvTranspose2d(channels, outputs, kernel_size=2, stride=2, bias=False),
                nn.BatchNorm2d(outputs),
                nn.GELU(),
            )
        )
        channels = outputs
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, kernel_size=1))


def colours_first(channels: int) -> nn.Conv2d:
    """A 1x1 convolution to three channels, which at first passes the first three on alone."""
    mix = nn.Conv2d(channels, 3, kernel_size=1, bias=False)
    with torch.no_grad():
        mix.weight.copy_(torch.eye(3, channels)[..., None, None])
    return mix


def _mean(features: torch.Tensor, shape_mask: torch.Tensor | None, stride: int) -> torch.Tensor:
    """The mean feature of an image's real pixels, (B, C)."""
    if shape_mask is None:
        return features.mean(dim=(2, 3))
    real = F.avg_pool2d(shape_mask.float(), stride, ceil_mode=True)  # share of real pixels behind a feature
    return (features * real).sum(dim=(2, 3)) / real.sum(dim=(2, 3)).clamp_min(1e-6)
