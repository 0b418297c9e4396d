"""U-Net: an encoder that halves the image, a decoder that doubles it back, and skips between equal sizes."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from workbook.core.errors import ModelError
from workbook.core.losses import BCE, Dice, MaskLoss, WeightedSum
from workbook.core.registry import register_model
from workbook.models.layers import NoiseResidual, pad_to_multiple
from workbook.models.output import mask_output
from workbook.models.pretrained import load_weights


@register_model
class UNet(nn.Module):
    """U-Net with batch normalisation; minimises BCE + Dice.

    With the defaults it has the 7,763,041 parameters of the published U-Net for brain MRI, layer by layer.

    Args:
        features: channels of the first level; each level has twice those of the one above.
        depth: how often the image is halved.
        noise: concatenate fixed noise residuals (`NoiseResidual`) to the colours.
        scale: 2 runs the network, noise residuals included, at half the image's resolution and enlarges its
            map: a quarter of the work.
        noise_clip: the residual, in grey levels, from which on all count the same.
        weights: a `.safetensors` or `.pth` file of a U-Net with the same options.
        loss: `loss(pred_mask, mask, shape_mask=None)` on probabilities; BCE + Dice when None.

    Shapes:
        image (B, 3, H, W) of any size -> pred_mask (B, 1, H, W); pred_label (B,) is the mean of the map's
        highest one per cent (`top_mean`), a score without parameters of its own.

    Source: Ronneberger, Fischer, Brox, "U-Net", MICCAI 2015; the sizes: Buda, Saha, Mazurowski, "Association
    of genomic subtypes of lower-grade gliomas with shape features", Computers in Biology and Medicine 2019.

    >>> model = UNet(features=8, depth=3)
    >>> model(torch.zeros(2, 3, 50, 70))["pred_mask"].shape
    torch.Size([2, 1, 50, 70])
    """

    def __init__(
        self,
        features: int = 32,
        depth: int = 4,
        noise: bool = False,
        scale: int = 1,
        noise_clip: float = 3.0,
        weights: str | os.PathLike[str] | None = None,
        loss: MaskLoss | WeightedSum | None = None,
    ) -> None:
        super().__init__()
        if min(features, depth, scale) < 1:
            raise ModelError(f"UNet: features={features}, depth={depth}, scale={scale}; each is at least 1")
        self.noise = NoiseResidual(noise_clip) if noise else None
        self.scale = scale
        widths = [features * 2**level for level in range(depth + 1)]
        inputs = [3 + (NoiseResidual.out_channels if noise else 0), *widths]
        self.encoders = nn.ModuleList(double_conv(inputs[i], widths[i]) for i in range(depth))
        self.bottleneck = double_conv(inputs[depth], widths[depth])
        self.upsamplers = nn.ModuleList(
            nn.ConvTranspose2d(widths[i + 1], widths[i], kernel_size=2, stride=2)
            for i in reversed(range(depth))
        )
        self.decoders = nn.ModuleList(double_conv(2 * widths[i], widths[i]) for i in reversed(range(depth)))
        self.head = nn.Conv2d(features, 1, kernel_size=1)
        self.loss = loss or WeightedSum((BCE(), 1.0), (Dice(), 1.0))
        if weights is not None:
            load_weights(self, weights)

    def forward(
        self,
        image: torch.Tensor,
        mask: torch.Tensor | None = None,
        shape_mask: torch.Tensor | None = None,
    ) -> dict[str, Any]:
        """See the class."""
        return mask_output(self.logits(image), mask, shape_mask, self.loss)

    def logits(self, image: torch.Tensor) -> torch.Tensor:
        """The map before the sigmoid, (B, 1, H, W)."""
        height, width = image.shape[-2:]
        x = pad_to_multiple(self.front(image), 2 ** len(self.encoders))
        skips = []
        for encoder in self.encoders:
            x = encoder(x)  # (B, features * 2^i, H / 2^i, W / 2^i)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottleneck(x)
        for upsample, decoder in zip(self.upsamplers, self.decoders, strict=True):
            x = decoder(torch.cat((upsample(x), skips.pop()), dim=1))
        x = self.head(x)
        if self.scale > 1:
            x = F.interpolate(x, scale_factor=float(self.scale), mode="bilinear", align_corners=False)
        return x[..., :height, :width]

    def front(self, image: torch.Tensor) -> torch.Tensor:
        """Colours, and noise residuals where asked for, at the resolution that the network works at."""
        if self.scale > 1:
            image = F.avg_pool2d(pad_to_multiple(image, self.scale), self.scale)
        return image if self.noise is None else torch.cat((image, self.noise(image).to(image.dtype)), dim=1)


def double_conv(inputs: int, outputs: int) -> nn.Sequential:
    """Twice: 3x3 convolution without bias (the normalisation has one), batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
