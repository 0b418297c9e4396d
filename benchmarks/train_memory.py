"""Does memory stay flat over the epochs, and for how long does a checkpoint hold the training up?

    python benchmarks/train_memory.py

Memory: MyConvNeXt (convnext_atto) at 64x64 for ten epochs with tests, TensorBoard and moving average; the
memory of the process after each epoch. Checkpoint: MyConvNeXt (convnext_tiny), with AdamW's two moments;
`Run.save` is what the training waits for (its copies of all tensors; its first waits for nothing else), the
writing goes on beside it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time

import torch

from workbook.core import PixelF1, SilentView, Trainer
from workbook.core.memory import process_memory
from workbook.core.run import Run
from workbook.models import MyConvNeXt


def data(count: int, size: int) -> list[dict]:
    """Samples of noise."""
    return [
        {
            "image": torch.randint(0, 256, (3, size, size), dtype=torch.uint8),
            "mask": (torch.rand(1, size, size) > 0.5).float(),
            "label": torch.tensor(1.0),
            "name": f"{i}.png",
        }
        for i in range(count)
    ]


class Memory(SilentView):
    """Notes the process's memory after each epoch."""

    def __init__(self) -> None:
        self.mib: list[float] = []

    def epoch(self, row, pictures) -> None:
        """Note it."""
        self.mib.append(process_memory())


def main() -> None:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    with tempfile.TemporaryDirectory() as root:
        view = Memory()
        trainer = Trainer("memory", root, epochs=10, batch_size=8, ema=0.99, average=2)
        trainer.fit(
            MyConvNeXt("convnext_atto", pretrained=False), data(80, 64), data(16, 64), [PixelF1()], view=view
        )
        print("| epoch | " + " | ".join(str(i + 1) for i in range(10)) + " |\n|---" + "|---" * 10 + "|")
        print("| MiB of the process | " + " | ".join(f"{m:.0f}" for m in view.mib) + " |\n")

        print(
            f"Growth from the second epoch to the last: {view.mib[-1] - view.mib[1]:+.1f} MiB\n", flush=True
        )

        waits, writes, work, all_work, save = [], [], [], [], Run.save

        def timed(self, best=None, keep=False):
            began, processor = time.perf_counter(), time.process_time()
            save(self, best, keep)
            waits.append(time.perf_counter() - began)
            work.append(time.process_time() - processor)
            self.folder.wait()
            writes.append(time.perf_counter() - began)
            all_work.append(time.process_time() - processor)

        Run.save = timed
        model = MyConvNeXt("convnext_tiny", pretrained=False)
        trainer = Trainer("checkpoint", root, epochs=1, batch_size=2, save_every=1, tensorboard=False)
        trainer.fit(model, data(12, 64), view=SilentView())
        millions = sum(p.numel() for p in model.parameters()) / 1e6
        print(f"Load {os.getloadavg()[0]:.1f}.\n")
        columns = ("training waits, s", "of it processor, s", "written after, s", "processor in all, s")
        print(f"| checkpoint of | {' | '.join(columns)} |")
        print("|---|---|---|---|---|")
        cells = [f"{statistics.median(times):.2f}" for times in (waits, work, writes, all_work)]
        print(f"| {millions:.1f} M parameters | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
