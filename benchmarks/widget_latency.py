"""How long a move of each widget takes in the kernel, and how long a matplotlib figure of the same would.

    python benchmarks/widget_latency.py

Images of 384x256 of the embedded dataset, and a small U-Net on one thread. All widgets take turns, a move
each, so that what else the machine does hits them alike. Seconds are of processor time, medians and the
slowest of all moves; a ratio is taken per round, and its median is shown. What the browser adds (a message, a
picture to decode) is not in here.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import torch

from workbook.core import predict
from workbook.curation import find_faults, find_pairs, sample
from workbook.models import UNet
from workbook.show import (
    CheckpointCompare,
    FaultReviewer,
    PairBrowser,
    RobustnessSlider,
    ThresholdSlider,
    show_predictions,
)

AIM = 0.2  # seconds


def moves(folder: Path) -> dict[str, Callable[[int], object]]:
    """From a widget's name to a function that moves it to its n-th state."""
    data = sample("casia-mini", folder)
    pairs = find_pairs(data / "test").pairs
    model = UNet(features=8, depth=4, scale=2, noise=True)
    found = list(predict(model, pairs))
    report = find_faults(data / "train", progress=False)
    report = replace(report, faults=(report.faults * 200)[:200])
    browser, reviewer = PairBrowser(pairs), FaultReviewer(report)
    threshold, robust = ThresholdSlider(found), RobustnessSlider(model, pairs[-1])
    compare = CheckpointCompare({"one": found, "other": found})
    one = found[-1]

    def figure(_: int) -> None:
        drawn = show_predictions([one.image], [one.mask], [one.pred_mask], names=["name"])
        drawn.savefig(BytesIO(), format="png")

    return {
        f"PairBrowser, {len(pairs)} pairs": lambda n: setattr(browser.number, "value", 1 + n % len(pairs)),
        "FaultReviewer, 200 faults": lambda n: setattr(reviewer.number, "value", 1 + n % 200),
        f"ThresholdSlider, {len(found)} images": lambda n: setattr(
            threshold.threshold, "value", n % 200 / 256
        ),
        "RobustnessSlider, JPEG": lambda n: setattr(robust.strength, "value", 50 + n % 6 * 10),
        "CheckpointCompare": lambda n: setattr(compare.number, "value", 1 + n % len(found)),
        "a matplotlib figure (show_predictions)": figure,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        every = moves(Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in every}
        for number in range(1, rounds + 1):
            for name, move in every.items():
                started = time.process_time()
                move(number)
                seconds[name].append(time.process_time() - started)
            sys.stderr.write(f"\rround {number}/{rounds}")
    base = seconds["a matplotlib figure (show_predictions)"]
    print("\n| a move of | median, s | slowest, s | share of a matplotlib figure | within 0.2 s |")
    print("|---|---:|---:|---:|---:|")
    for name, each in seconds.items():
        share = statistics.median(one / whole for one, whole in zip(each, base, strict=True))
        within = sum(one <= AIM for one in each) / len(each)
        print(f"| {name} | {statistics.median(each):.3f} | {max(each):.3f} | {share:.2f} | {within:.1%} |")


if __name__ == "__main__":
    main()
