"""From JPEGs on the disk: how near does training come to the slower of its two halves?

    python benchmarks/train_from_disk.py FOLDER_OF_IMAGES FOLDER_OF_MASKS

Data alone: the trainer's own loader with nothing behind it. Model alone: the steps on one batch in memory.
Together: the trainer. Where both halves share the same cores, and no more cores are there than both keep
busy, together cannot reach the lower of the two: then the best that can be is 1 / (1 / data + 1 / model),
shown beside it. The last column is of the processor's time, main process alone, so it means something without
workers only: what data and model take by themselves, over what they take together.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import torch

from workbook.core import PairDataset, SilentView, Trainer, collate, pair_by_name, prepare_batch
from workbook.core.loading import make_loader, read_batches
from workbook.models import MyConvNeXt

BATCH = 8


def pipeline(data, workers: int) -> tuple[float, float]:
    """Images a second of the loader alone in its second epoch, and processor seconds an image."""
    loader = make_loader(data, batch_size=BATCH, train=True, workers=workers)
    for epoch in range(2):
        loader.batch_sampler.set_epoch(epoch)
        began, processor = time.perf_counter(), time.process_time()
        for _ in read_batches(loader):
            pass
    return len(data) / (time.perf_counter() - began), (time.process_time() - processor) / len(data)


def steps(model, data, count: int) -> tuple[float, float]:
    """The same of the model alone."""
    model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    batch = prepare_batch(collate([data[i] for i in range(BATCH)]))
    image = batch["image"].contiguous(memory_format=torch.channels_last)
    for number in range(count + 3):
        if number == 3:
            began, processor = time.perf_counter(), time.process_time()
        model(image=image, mask=batch["mask"], label=batch["label"])["backward_loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    images = count * BATCH
    return images / (time.perf_counter() - began), (time.process_time() - processor) / images


def together(model, data, workers: int) -> tuple[float, float]:
    """The same of the trainer's second epoch."""
    marks, epoch = [], Trainer.train_one_epoch

    def timed(self, run) -> bool:
        began = time.process_time()
        ended = epoch(self, run)
        marks.append(time.process_time() - began)
        return ended

    Trainer.train_one_epoch = timed
    try:
        with tempfile.TemporaryDirectory() as root:
            trainer = Trainer("run", root, epochs=2, batch_size=BATCH, workers=workers)
            speed = trainer.fit(model, data, view=SilentView())["images_per_second"].iloc[-1]
    finally:
        Trainer.train_one_epoch = epoch
    return speed, marks[-1] / len(data)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("images", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=96, help="repeat or cut the pairs to this number")
    parser.add_argument("--backbone", default="convnext_atto", help="of MyConvNeXt, as timm names it")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    pairs = pair_by_name(given.images.iterdir(), given.masks.iterdir()).pairs
    data = PairDataset((pairs * (1 + given.count // len(pairs)))[: given.count], size=given.size)
    print(f"{len(pairs)} images, taken as {len(data)}, side {given.size}, {given.backbone}, batch {BATCH}")
    print(f"torch {torch.__version__}, {given.threads} threads, load {os.getloadavg()[0]:.1f}\n")

    def fresh() -> MyConvNeXt:
        return MyConvNeXt(given.backbone, pretrained=False)

    head = "workers | data alone, images/s | model alone | together | / lower of the two | / shared best"
    print(f"| {head} | processor: alone / together |\n|---|---|---|---|---|---|---|")
    for workers in given.workers:
        rounds = []
        for _ in range(given.rounds):
            one, two = pipeline(data, workers), steps(fresh(), data, 12)
            rounds.append((one, two, together(fresh(), data, workers)))
        speeds = [[speed for speed, _ in sides] for sides in rounds]
        one, two, both = (statistics.median(column) for column in zip(*speeds, strict=True))
        lower = statistics.median(c / min(a, b) for a, b, c in speeds)
        shared = statistics.median(c * (1 / a + 1 / b) for a, b, c in speeds)
        work = statistics.median((a[1] + b[1]) / c[1] for a, b, c in rounds)
        cells = f"{one:.0f} | {two:.1f} | {both:.1f} | {lower:.2f} | {shared:.2f}"
        print(f"| {workers} | {cells} | {work if workers == 0 else float('nan'):.2f} |")


if __name__ == "__main__":
    main()
