"""Does a photograph of 4000x3000 fit into memory in tiles, and is there no seam?

    python benchmarks/predict_tiles.py [--tile 512]

A full U-Net (32 features, 7.8 M parameters) on a photograph made of scikit-image's, enlarged; a process of its
own, so that its peak memory is the prediction's. The seam: a map in tiles against the map of the whole image, on
an image smaller than a tile, and on one of four tiles by a network that sees 8 pixels far.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import torch
from PIL import Image
from torch import nn

from workbook.core import predict
from workbook.core.memory import process_memory
from workbook.models import UNet

WIDTH, HEIGHT = 4000, 3000


class Local(nn.Module):
    """Sees 8 pixels to each side."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 17, padding=8)

    def forward(self, image):
        """The map."""
        return {"pred_mask": self.conv(image).sigmoid()}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tile", type=int, default=512)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    from skimage import data

    photograph = Image.fromarray(data.astronaut())
    large = np.asarray(photograph.resize((WIDTH, HEIGHT)))
    model = UNet(features=32, depth=4).eval()
    before = process_memory()
    began = time.process_time()
    found = predict(model, large, tile=args.tile, progress=False)[0]
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("| measure | value | target |\n|---|---|---|")
    print(
        f"| {WIDTH}x{HEIGHT} in tiles of {args.tile}: seconds of the processor, one thread | {seconds:.0f} | |"
    )
    print(f"| - peak memory of the process (before: {before:.0f} MiB) | {peak:.0f} MiB | 1536 MiB |")
    assert found.pred_mask.shape == (1, HEIGHT, WIDTH)

    small = np.asarray(photograph)[:200, :300]
    whole, tiled = (predict(model, small, tile=t, progress=False)[0].pred_mask for t in (None, 512))
    print(
        f"| 300x200, untiled against a tile of 512: largest difference | {(whole - tiled).abs().max():.1e} | 1e-5 |"
    )
    local = Local()
    whole, tiled = (predict(local, photograph, tile=t, progress=False)[0].pred_mask for t in (None, 256))
    print(
        f"| 512x512 in tiles of 256, a local network: largest difference | {(whole - tiled).abs().max():.1e} | 1e-5 |"
    )
    cut = np.asarray(photograph)
    whole, tiled = (predict(model, cut, tile=t, progress=False)[0].pred_mask for t in (None, 256))
    apart = (whole - tiled).abs()
    print(
        f"| 512x512 in tiles of 256, the U-Net: mean and largest difference | {apart.mean():.1e}, {apart.max():.1e} | |"
    )


if __name__ == "__main__":
    main()
