"""What an evaluation costs beside the bare forward passes of its model.

    python benchmarks/evaluate_cost.py [--images 48] [--rounds 5]

A U-Net as notebook 3 trains it, and one of full size; images of 256x384 in memory, half of them authentic.
The bare side calls the model on ready batches and keeps nothing. The other is `evaluate` with pixel F1, pixel
IoU, false alarms and image AUC, kinds apart, intervals of 1000 resamples. Both take turns; of each round the
ratio of the processor's time is taken, and the median is shown.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from workbook.core import FalseAlarmRate, ImageAUC, PixelF1, PixelIoU, collate, evaluate, prepare_batch
from workbook.core.size_batches import at_once
from workbook.models import UNet

HEIGHT, WIDTH = 256, 384
MODELS = {
    "U-Net, 8 features, half resolution, noise": {"features": 8, "depth": 4, "scale": 2, "noise": True},
    "U-Net, 32 features": {"features": 32, "depth": 4},
}


def data(number: int) -> list[dict]:
    """Samples of noise with a square; every second one is authentic."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for i in range(number):
        mask = torch.zeros(1, HEIGHT, WIDTH)
        mask[:, 60:120, 90:200] = float(i % 2)
        image = torch.randint(0, 256, (3, HEIGHT, WIDTH), dtype=torch.uint8, generator=generator)
        found.append({"image": image, "mask": mask, "label": mask.amax(), "name": f"{i}.png"})
    return found


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "| model | images | bare, s of the processor | evaluate | ratio | target |\n|---|---|---|---|---|---|"
    )
    for name, settings in MODELS.items():
        model = UNet(**settings).eval()
        number = args.images if settings["features"] < 16 else max(4, args.images // 6)
        samples = data(number)
        most = at_once(8, HEIGHT * WIDTH, torch.device("cpu"))
        batches = [
            prepare_batch(collate(samples[first : first + most]))["image"] for first in range(0, number, most)
        ]

        def bare(model=model, batches=batches) -> None:
            with torch.no_grad():
                for image in batches:
                    model(image)

        def whole(model=model, samples=samples) -> None:
            metrics = [PixelF1(), PixelIoU(), FalseAlarmRate(), ImageAUC()]
            evaluate(model, {"test": samples}, metrics, progress=False)

        times: dict[str, list[float]] = {"bare": [], "whole": []}
        for turn in range(args.rounds + 1):
            for what, call in (("bare", bare), ("whole", whole)):
                began = time.process_time()
                call()
                if turn:  # the first round warms up
                    times[what].append(time.process_time() - began)
        ratios = [whole / bare for whole, bare in zip(times["whole"], times["bare"], strict=True)]
        seconds = [statistics.median(times[what]) for what in ("bare", "whole")]
        print(
            f"| {name} | {number} | {seconds[0]:.2f} | {seconds[1]:.2f} "
            f"| {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) | 1.10 |"
        )


if __name__ == "__main__":
    main()
