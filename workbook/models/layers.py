"""Layers that the models share: the fixed noise-residual front end, and padding to a size that halves."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from workbook.core.batch import MEAN, STD

# Three of the 30 high-pass filters of the spatial rich model, with the number that each is divided by. Kept
# as integers: 8-bit pixels times them are exact in TF32 too, so that flat regions leave a residual of exactly
# 0.
SRM_FILTERS = (
    ([[0, 0, 0, 0, 0], [0, -1, 2, -1, 0], [0, 2, -4, 2, 0], [0, -1, 2, -1, 0], [0, 0, 0, 0, 0]], 4),
    ([[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]], 12),
    ([[0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 1, -2, 1, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]], 2),
)


class NoiseResidual(nn.Module):
    """What three fixed high-pass filters leave of an image: its noise, and little of what it shows.

    A spliced region brings its own camera's noise and compression along, which residuals show and colours
    hide. The filters work on each channel of the image as it was, 0..255; residuals are clipped to `[-clip,
    clip]`, since the few large ones are edges of the scene, and scaled to [-1, 1].

    Args:
        clip: the residual, in grey levels, from which on all count the same.

    Shapes:
        image float (B, 3, H, W), ImageNet-normalised -> (B, 9, H, W) float32 in [-1, 1]; channel `3 * c + f`
        is filter `f` on colour `c`.

    Source: Fridrich and Kodovsky, "Rich Models for Steganalysis of Digital Images", TIFS 2012; the choice of
    three and the clipping: Zhou, Han, Morariu, Davis, "Learning Rich Features for Image Manipulation
    Detection", CVPR 2018.

    >>> flat = torch.full((1, 3, 8, 8), 0.5)
    >>> NoiseResidual()(flat).abs().max() < 1e-4
    tensor(True)
    """

    out_channels = 9

    kernels: torch.Tensor
    divisors: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, clip: float = 3.0) -> None:
        super().__init__()
        self.clip = clip
        kernels = torch.tensor([kernel for kernel, _ in SRM_FILTERS], dtype=torch.float32)
        divisors = torch.tensor([divisor for _, divisor in SRM_FILTERS], dtype=torch.float32)
        # Fixed, so no parameters; rebuilt with the module, so not in checkpoints either.
        self.register_buffer("kernels", kernels[:, None].repeat(3, 1, 1, 1), persistent=False)  # (9, 1, 5, 5)
        self.register_buffer("divisors", divisors.repeat(3).view(1, 9, 1, 1), persistent=False)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """See the class."""
        # bf16 has eight bits: a residual of one grey level in 255 would be rounding error.
        with torch.autocast(image.device.type, enabled=False):
            pixels = (image.float() * self.std + self.mean) * 255
            padded = F.pad(pixels, (2, 2, 2, 2), mode="replicate")
            residual = F.conv2d(padded, self.kernels, groups=3) / self.divisors  # (B, 9, H, W)
            return residual.clamp(-self.clip, self.clip) / self.clip


def pad_to_multiple(image: torch.Tensor, multiple: int) -> torch.Tensor:
    """Repeat the last row and column until height and width are multiples of `multiple`.

    Zeros would be an edge that the image does not have.

    >>> pad_to_multiple(torch.zeros(1, 3, 30, 32), 16).shape
    torch.Size([1, 3, 32, 32])
    """
    height, width = image.shape[-2:]
    extra = (0, -width % multiple, 0, -height % multiple)
    return F.pad(image, extra, mode="replicate") if any(extra) else image
