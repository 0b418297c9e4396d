"""What the trainer costs beside a bare PyTorch loop on the same data in memory.

    python benchmarks/train_overhead.py

Two models: ConvNeXt-atto with its decoder at 128x128, where only a ratio counts, and a 1x1 convolution at
8x8, which takes no time and so shows the fixed cost of a step. The trainer runs with everything on:
TensorBoard, text bar and live figure. Beside it a bare loop that writes its loss to TensorBoard and moves a
tqdm bar at each step, as people do by hand. All take turns, a round each; differences and ratios are taken
within a round, their median is shown. All use the same collate, `prepare_batch`, fused AdamW and memory
format; the first steps of each are not counted, and so neither is the first drawing of the live figure, whose
cost is printed below: it is drawn so rarely that drawing takes at most a hundredth of the time.

Times are by the clock and of the processor (all threads of the process): on a machine that is shared only the
second says something.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import tempfile
import time
from contextlib import redirect_stderr
from types import SimpleNamespace

import IPython.display
import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

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


Times = tuple[float, float]  # by the clock and of the processor, seconds a step


def now() -> Times:
    """The clock and the processor time of all threads."""
    return time.perf_counter(), time.process_time()


def between(began: Times, ended: Times, steps: int) -> Times:
    """Seconds a step."""
    return (ended[0] - began[0]) / steps, (ended[1] - began[1]) / steps


def watched(model: nn.Module, steps: int, size: int) -> Times:
    """The bare loop with TensorBoard and a bar at each step."""
    with tempfile.TemporaryDirectory() as root, tqdm(file=io.StringIO()) as bar:
        writer = SummaryWriter(root)

        def report(number: int, loss: torch.Tensor) -> None:
            writer.add_scalar("loss", loss.item(), number)
            bar.update()

        times = bare(model, steps, size, report)
        writer.close()
    return times


def bare(model: nn.Module, steps: int, size: int, report=lambda number, loss: None) -> Times:
    """A loop as one writes it by hand."""
    model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    data = InMemory(BATCH * (steps + WARMUP), size)
    loader = torch.utils.data.DataLoader(data, BATCH, shuffle=True, collate_fn=collate)
    for number, raw in enumerate(loader):
        if number == WARMUP:
            began = now()
        batch = prepare_batch(raw)
        image = batch["image"].contiguous(memory_format=torch.channels_last)
        loss = model(image=image, mask=batch["mask"])["backward_loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        report(number, loss)
    return between(began, now(), steps)


def ours(model: nn.Module, steps: int, size: int) -> Times:
    """The trainer with everything on."""
    view, began, ended = Everything(), [], []
    steps_of = Trainer.train_step

    def timed(self, run, group, shares):
        if run.progress.step == WARMUP:
            began.append(now())
        return steps_of(self, run, group, shares)

    finish = Trainer._finish_epoch

    def finished(self, run):
        ended.append(now())
        return finish(self, run)

    Trainer.train_step, Trainer._finish_epoch = timed, finished
    try:
        with tempfile.TemporaryDirectory() as root, redirect_stderr(io.StringIO()):
            trainer = Trainer("run", root, epochs=1, batch_size=BATCH)
            trainer.fit(model, InMemory(BATCH * (steps + WARMUP), size), view=view)
    finally:
        Trainer.train_step, Trainer._finish_epoch = steps_of, finish
    return between(began[0], ended[0], steps)


def atto() -> MyConvNeXt:
    """A small model with fresh weights."""
    return MyConvNeXt("convnext_atto", pretrained=False)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=float, default=1.0, help="times the usual number of steps")
    parser.add_argument("--only", choices=("ConvNeXt", "1x1"), default="")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    live.in_notebook = lambda: True
    handle = SimpleNamespace(update=lambda shown, raw=False: None)
    IPython.display.display = lambda shown, display_id, raw=False: handle

    print(f"torch {torch.__version__}, {given.threads} threads, load {os.getloadavg()[0]:.1f} at the start\n")
    print(
        "| model | loop | ms a step, clock | added | ms a step, processor | added | bare / this, processor |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, make, size, steps in (
        ("1x1 convolution, 8x8", Null, 8, 1000),
        ("ConvNeXt-atto, 128x128", atto, 128, 16),
    ):
        if not name.startswith(given.only):
            continue
        steps = round(steps * given.steps)
        for side in SIDES.values():
            side(make(), 5, size)  # first use of everything
        rounds = []
        for turn in range(given.rounds):
            order = list(SIDES) if turn % 2 else list(SIDES)[::-1]
            rounds.append({side: SIDES[side](make(), steps, size) for side in order})
        for side in SIDES:
            print(row(name, side, rounds))
    print(f"\nLoad {os.getloadavg()[0]:.1f} at the end. {drawing()}")


SIDES = {"bare": bare, "bare + TensorBoard + tqdm at each step": watched, "trainer": ours}


def row(model: str, side: str, rounds: list[dict[str, Times]]) -> str:
    """A line of the table."""
    cells = [model, side]
    for clock in (0, 1):
        cells.append(f"{statistics.median(r[side][clock] for r in rounds) * 1000:.3f}")
        cells.append(f"{statistics.median(r[side][clock] - r['bare'][clock] for r in rounds) * 1000:.3f}")
    ratios = sorted(r["bare"][1] / r[side][1] for r in rounds)
    cells.append(f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")
    return f"| {' | '.join(cells)} |"


def drawing() -> str:
    """What one drawing of the live figure takes."""
    view, times = LiveView(), []
    view.start(RunInfo("run", 10, 100, "f1", True))
    rows = {"loss": 0.5, "lr": 1e-4, "f1": 0.5, "images_per_second": 9.0, "seconds": 9.0, "peak_memory": 9.0}
    for number in range(5):
        began = time.process_time()
        view.epoch({"epoch": number + 1, **rows}, {"image": torch.rand(4, 3, 128, 128)})
        times.append(time.process_time() - began)
        view._ready = 0.0
    return f"Drawing the live figure once: {statistics.median(times) * 1000:.0f} ms of the processor."


if __name__ == "__main__":
    main()
