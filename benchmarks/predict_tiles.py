"""Does a photograph of 4000x3000 fit into memory in tiles, and is there no seam?

    python benchmarks/predict_tiles.py [--tile 512]

A full U-Net (32 features, 7.8 M parameters) on a photograph of scikit-image's, enlarged; the peak memory is
that of this process. The seam: a map in tiles against the map of the whole image, on an image smaller than a
tile, and on one of several tiles by a network that sees 8 pixels far.
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
    print(f"| {WIDTH}x{HEIGHT}, tiles of {args.tile}: processor, one thread | {seconds:.0f} s | |")
    print(f"| - peak memory of the process (before: {before:.0f} MiB) | {peak:.0f} MiB | 1536 MiB |")
    assert found.pred_mask.shape == (1, HEIGHT, WIDTH)

    small, whole = np.asarray(photograph)[:200, :300], np.asarray(photograph)
    largest, _ = difference(model, small, 512)
    print(f"| 300x200 whole and as a tile of 512: largest difference | {largest:.1e} | 1e-5 |")
    largest, _ = difference(Local(), whole, 256)
    print(f"| 512x512 whole and in tiles of 256, local network: largest | {largest:.1e} | 1e-5 |")
    largest, mean = difference(model, whole, 256)
    print(f"| 512x512 whole and in tiles of 256, U-Net: mean, largest | {mean:.1e}, {largest:.1e} | |")


def difference(model: nn.Module, image: np.ndarray, tile: int) -> tuple[float, float]:
    """The largest and the mean difference of the map in tiles from that of the whole image."""
    whole, tiled = (predict(model, image, tile=t, progress=False)[0].pred_mask for t in (None, tile))
    apart = (whole - tiled).abs()
    return float(apart.max()), float(apart.mean())


if __name__ == "__main__":
    main()
