"""What the trainer costs beside a bare PyTorch loop on the same data in memory.

    python benchmarks/train_overhead.py

Two models: ConvNeXt-atto with its decoder at 128x128, where only a ratio counts, and a 1x1 convolution at
8x8, which takes no time and so shows the fixed cost of a step. The trainer runs with everything on:
TensorBoard, text bar and live figure. All take turns, a round each; ratios are taken within a round, their
median is shown. Both sides use the same collate, `prepare_batch`, fused AdamW and memory format; the first
steps of each are not counted.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from contextlib import redirect_stderr
from types import SimpleNamespace

import IPython.display
import torch
from torch import nn

from workbook.core import TextView, Trainer, collate, prepare_batch
from workbook.core.progress import RunInfo, StepReport
from workbook.models import MyConvNeXt
from workbook.show import LiveView, live

BATCH, WARMUP = 8, 15  # past the first reading and the first drawing


class Null(nn.Module):
    """One 1x1 convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 1)

    def forward(self, image, mask=None):
        """Takes as little time as can be."""
        pred = self.conv(image).sigmoid()
        result = {"pred_mask": pred}
        if mask is not None:
            loss = nn.functional.binary_cross_entropy(pred, mask)
            result |= {"backward_loss": loss, "visual_loss": {"bce": loss.detach()}}
        return result


class InMemory(torch.utils.data.Dataset):
    """As many samples as wanted, made of a few."""

    def __init__(self, length: int, size: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.length = length
        self.samples = [
            {
                "image": torch.randint(0, 256, (3, size, size), dtype=torch.uint8, generator=generator),
                "mask": (torch.rand(1, size, size, generator=generator) > 0.5).float(),
                "label": torch.tensor(1.0),
                "name": f"{i}.png",
            }
            for i in range(64)
        ]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int):
        return self.samples[index % 64]


class Everything(TextView):
    """The text bar and the live figure at once, and the time of the steps after the first few."""

    def __init__(self) -> None:
        super().__init__(quiet=False)
        self.live = LiveView()

    def start(self, run: RunInfo) -> None:
        """Both begin."""
        super().start(run)
        self.live.start(run)

    def step(self, report: StepReport) -> None:
        """Both go on."""
        super().step(report)
        self.live.step(report)

    def epoch(self, row, pictures) -> None:
        """Both show the epoch."""
        super().epoch(row, pictures)
        self.live.epoch(row, pictures)


def bare(model: nn.Module, steps: int, size: int) -> float:
    """Seconds a step of a loop as one writes it by hand."""
    model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    data = InMemory(BATCH * (steps + WARMUP), size)
    loader = torch.utils.data.DataLoader(data, BATCH, shuffle=True, collate_fn=collate)
    for number, raw in enumerate(loader):
        if number == WARMUP:
            began = time.perf_counter()
        batch = prepare_batch(raw)
        image = batch["image"].contiguous(memory_format=torch.channels_last)
        loss = model(image=image, mask=batch["mask"])["backward_loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return (time.perf_counter() - began) / steps


def ours(model: nn.Module, steps: int, size: int) -> float:
    """Seconds a step of the trainer with everything on; the first steps are an epoch of their own length."""
    view, began, ended = Everything(), [], []
    steps_of = Trainer.train_step

    def timed(self, run, group, shares):
        if run.progress.step == WARMUP:
            began.append(time.perf_counter())
        return steps_of(self, run, group, shares)

    finish = Trainer._finish_epoch

    def finished(self, run):
        ended.append(time.perf_counter())
        finish(self, run)

    Trainer.train_step, Trainer._finish_epoch = timed, finished
    try:
        with tempfile.TemporaryDirectory() as root, redirect_stderr(io.StringIO()):
            trainer = Trainer("run", root, epochs=1, batch_size=BATCH)
            trainer.fit(model, InMemory(BATCH * (steps + WARMUP), size), view=view)
    finally:
        Trainer.train_step, Trainer._finish_epoch = steps_of, finish
    return (ended[0] - began[0]) / steps


def atto() -> MyConvNeXt:
    """A small model with fresh weights."""
    return MyConvNeXt("convnext_atto", pretrained=False)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=float, default=1.0, help="times the usual number of steps")
    parser.add_argument("--only", choices=("ConvNeXt", "1x1"), default="")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    live.in_notebook = lambda: True
    IPython.display.display = lambda picture, display_id: SimpleNamespace(update=lambda picture: None)

    print(
        "| model | bare loop, ms a step | trainer, ms a step | added, ms | trainer / bare, steps a second |"
    )
    print("|---|---|---|---|---|")
    for name, make, size, steps in (
        ("ConvNeXt-atto, 128x128", atto, 128, 40),
        ("1x1 convolution, 8x8", Null, 8, 1500),
    ):
        if not name.startswith(given.only):
            continue
        steps = round(steps * given.steps)
        bare(make(), 5, size), ours(make(), 5, size)  # first use of everything
        pairs = []
        for turn in range(given.rounds):
            sides = {}
            for side in (bare, ours) if turn % 2 else (ours, bare):
                sides[side] = side(make(), steps, size)
            pairs.append((sides[bare], sides[ours]))
        one, other = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
        added = statistics.median(o - b for b, o in pairs) * 1000
        ratios = sorted(b / o for b, o in pairs)
        spread = f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"
        print(f"| {name} | {one:.3f} | {other:.3f} | {added:.3f} | {spread} |")


if __name__ == "__main__":
    main()
