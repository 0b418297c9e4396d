"""From JPEGs on the disk: how near does training come to the slower of its two halves?

    python benchmarks/train_from_disk.py FOLDER_OF_IMAGES FOLDER_OF_MASKS

Data alone: the trainer's own loader with nothing behind it. Model alone: the steps on one batch in memory.
Together: the trainer. Where both halves share the same cores, and no more cores are there than both keep
busy, together cannot reach the lower of the two: then the best that can be is 1 / (1 / data + 1 / model),
shown beside it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from workbook.core import PairDataset, SilentView, Trainer, collate, pair_by_name, prepare_batch
from workbook.core.loading import make_loader, read_batches
from workbook.models import MyConvNeXt

BATCH = 8


def pipeline(data, workers: int) -> float:
    """Images a second of the loader alone, after its first batches."""
    loader = make_loader(data, batch_size=BATCH, train=True, workers=workers)
    for epoch in range(2):
        loader.batch_sampler.set_epoch(epoch)
        began = time.perf_counter()
        for _ in read_batches(loader):
            pass
    return len(data) / (time.perf_counter() - began)


def steps(model, data, count: int) -> float:
    """Images a second of the model alone."""
    model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    batch = prepare_batch(collate([data[i] for i in range(BATCH)]))
    image = batch["image"].contiguous(memory_format=torch.channels_last)
    for number in range(count + 3):
        if number == 3:
            began = time.perf_counter()
        model(image=image, mask=batch["mask"], label=batch["label"])["backward_loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    return count * BATCH / (time.perf_counter() - began)


def together(model, data, workers: int) -> float:
    """Images a second of the trainer's second epoch."""
    with tempfile.TemporaryDirectory() as root:
        trainer = Trainer("run", root, epochs=2, batch_size=BATCH, workers=workers)
        return trainer.fit(model, data, view=SilentView())["images_per_second"].iloc[-1]


def atto() -> MyConvNeXt:
    """A small model with fresh weights."""
    return MyConvNeXt("convnext_atto", pretrained=False)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("images", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=("auto", "cpu"), default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    pairs = pair_by_name(given.images.iterdir(), given.masks.iterdir()).pairs
    data = PairDataset(pairs, size=given.size)
    print(f"{len(pairs)} images, fitted to {given.size}x{given.size}, ConvNeXt-atto, batch {BATCH}\n")
    print("| workers | data alone, images/s | model alone | together | / lower of the two | / shared best |")
    print("|---|---|---|---|---|---|")
    for workers in (0, 1, 2):
        rounds = []
        for _ in range(given.rounds):
            one, two = pipeline(data, workers), steps(atto(), data, 12)
            rounds.append((one, two, together(atto(), data, workers)))
        one, two, both = (statistics.median(column) for column in zip(*rounds, strict=True))
        lower = statistics.median(c / min(a, b) for a, b, c in rounds)
        shared = statistics.median(c * (1 / a + 1 / b) for a, b, c in rounds)
        print(f"| {workers} | {one:.0f} | {two:.1f} | {both:.1f} | {lower:.2f} | {shared:.2f} |")


if __name__ == "__main__":
    main()
