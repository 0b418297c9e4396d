"""Training on a GPU: the trainer, a plain fp32 loop, a loop in IMDL-BenCo's style, and data that is there.

    python benchmarks/gpu_train.py                   # convnext_tiny, 512x512, batch 32, bf16
    python benchmarks/gpu_train.py --batch 2 --size 64 --steps 2 --workers 0 --device cpu   # a dry run

Needs this package and no data: samples are made in memory, as uint8, and go through the trainer's own
loader and workers. Runs on torch 2.11 with Python 3.12 too. Each side has fresh weights; all take turns, a
round each; shown are medians, and ratios taken within a round. Peak memory is the allocator's.

The loop in IMDL-BenCo's style: autocast, loss scaling, `.item()` of each loss and two device
synchronisations a step, with cuDNN off, as it ships, and on.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import contextmanager

import torch

from workbook.core import SilentView, Trainer, prepare_batch
from workbook.core.loading import make_loader, read_batches
from workbook.models import MyConvNeXt

WARMUP = 10


class Synthetic(torch.utils.data.Dataset):
    """As many uint8 samples as wanted, made of a few."""

    def __init__(self, length: int, size: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.length = length
        self.images = torch.randint(0, 256, (64, 3, size, size), dtype=torch.uint8, generator=generator)
        self.masks = (torch.rand(64, 1, size, size, generator=generator) > 0.5).float()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict:
        chosen = index % 64
        sample = {"image": self.images[chosen], "mask": self.masks[chosen], "name": f"{chosen}.png"}
        return sample | {"label": torch.tensor(float(chosen % 2))}


class Bench:
    """The four ways to train, each returning images a second over the steps after the warm-up."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given, self.device = given, torch.device(given.device)
        self.data = Synthetic(given.batch * (given.steps + WARMUP), given.size)
        self.bf16 = self.device.type == "cpu" or torch.cuda.is_bf16_supported(including_emulation=False)

    def model(self) -> torch.nn.Module:
        """Fresh weights on the device."""
        torch.manual_seed(0)
        return MyConvNeXt(self.given.backbone, pretrained=False).to(self.device).train()

    def sync(self) -> float:
        """Now, once the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def loop(self, step, batches) -> float:
        """Time a hand-written loop."""
        for number, batch in enumerate(batches):
            if number == WARMUP:
                began = self.sync()
            step(batch)
        return self.given.batch * self.given.steps / (self.sync() - began)

    def loader(self):
        """The same loader for every side."""
        cuda = self.device.type == "cuda"
        loader = make_loader(
            self.data, batch_size=self.given.batch, train=True, workers=self.given.workers, pin=cuda
        )
        return read_batches(loader)

    def plain(self) -> float:
        """A plain loop in fp32."""
        model = self.model()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

        def step(raw) -> None:
            batch = prepare_batch(raw, self.device)
            loss = model(image=batch["image"], mask=batch["mask"], label=batch["label"])["backward_loss"]
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

        return self.loop(step, self.loader())

    def benco(self) -> float:
        """A loop in the style of IMDL-BenCo: autocast, scaler, synchronisations, an `.item()` a loss."""
        model = self.model()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
        scaler = torch.amp.GradScaler(self.device.type, enabled=self.device.type == "cuda")

        def step(raw) -> None:
            batch = prepare_batch(raw, self.device)
            self.sync()
            with torch.autocast(self.device.type, dtype=torch.bfloat16 if self.bf16 else torch.float16):
                output = model(image=batch["image"], mask=batch["mask"], label=batch["label"])
            values = [value.item() for value in output["visual_loss"].values()]
            values.append(output["backward_loss"].item())
            scaler.scale(output["backward_loss"]).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            self.sync()

        return self.loop(step, self.loader())

    def benco_without_cudnn(self) -> float:
        """The same as it ships."""
        with cudnn(False):
            return self.benco()

    def on_device(self) -> float:
        """The trainer's arithmetic on one batch that is on the device already: the roof."""
        model = self.model().to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
        raw = next(iter(self.loader()))
        batch = prepare_batch(raw, self.device)
        batch["image"] = batch["image"].contiguous(memory_format=torch.channels_last)

        def step(batch) -> None:
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16):
                output = model(image=batch["image"], mask=batch["mask"], label=batch["label"])
            output["backward_loss"].backward()
            optimizer.step()
            optimizer.zero_grad()

        return self.loop(step, [batch] * (WARMUP + self.given.steps))

    def trainer(self) -> float:
        """The trainer as it is, TensorBoard on."""
        began, real, finish, ended = [], Trainer.train_step, Trainer._finish_epoch, []

        def timed(trainer, run, group, shares):
            if run.progress.step == WARMUP:
                began.append(self.sync())
            return real(trainer, run, group, shares)

        def finished(trainer, run):
            ended.append(self.sync())
            return finish(trainer, run)

        Trainer.train_step, Trainer._finish_epoch = timed, finished
        try:
            with tempfile.TemporaryDirectory() as root:
                trainer = Trainer(
                    "run", root, epochs=1, lr=1e-4, batch_size=self.given.batch, workers=self.given.workers,
                    precision="bf16" if self.bf16 else "fp16",
                    device="cpu" if self.given.device == "cpu" else "auto",
                )  # fmt: skip
                trainer.fit(self.model(), self.data, view=SilentView())
        finally:
            Trainer.train_step, Trainer._finish_epoch = real, finish
        return self.given.batch * self.given.steps / (ended[0] - began[0])

    def flops(self) -> float:
        """Floating point operations of a training step, an image."""
        from torch.utils.flop_counter import FlopCounterMode

        batch = prepare_batch(next(iter(self.loader())), self.device)
        with FlopCounterMode(display=False) as counter:
            output = self.model()(image=batch["image"], mask=batch["mask"], label=batch["label"])
            output["backward_loss"].backward()
        return counter.get_total_flops() / self.given.batch


@contextmanager
def cudnn(enabled: bool):
    """With cuDNN on or off."""
    before, torch.backends.cudnn.enabled = torch.backends.cudnn.enabled, enabled
    try:
        yield
    finally:
        torch.backends.cudnn.enabled = before


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """The rate of a large matrix product, FLOP/s: what the card gives, not what its sheet says."""
    n = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
    times = []
    for _ in range(8):
        if device.type == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        a @ b
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return 2 * n**3 / statistics.median(times[2:])


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--backbone", default="convnext_tiny")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    bench = Bench(given)
    sides = {
        "trainer": bench.trainer,
        "plain loop, fp32": bench.plain,
        "IMDL-BenCo style, cuDNN on": bench.benco,
        "IMDL-BenCo style, cuDNN off": bench.benco_without_cudnn,
        "data on the device already": bench.on_device,
    }
    rates, peaks = {name: [] for name in sides}, dict.fromkeys(sides, 0.0)
    for turn in range(given.rounds):
        for name in list(sides) if turn % 2 else reversed(list(sides)):
            if bench.device.type == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            rates[name].append(sides[name]())
            if bench.device.type == "cuda":
                peaks[name] = max(peaks[name], torch.cuda.max_memory_allocated() / 2**30)
    setting = f"{given.backbone}, {given.size}x{given.size}, batch {given.batch}"
    card = torch.cuda.get_device_name() if bench.device.type == "cuda" else "CPU"
    print(f"{card}, torch {torch.__version__}, {setting}\n")
    print("| loop | images/s | trainer / this | peak memory, GiB |\n|---|---|---|---|")
    for name, values in rates.items():
        ratio = statistics.median(a / b for a, b in zip(rates["trainer"], values, strict=True))
        print(f"| {name} | {statistics.median(values):.1f} | {ratio:.2f} | {peaks[name]:.2f} |")
    dtype = torch.bfloat16 if bench.bf16 else torch.float16
    used, rate = bench.flops() * statistics.median(rates["trainer"]), matrix_rate(bench.device, dtype)
    print(f"\nUsed: {used / 1e12:.2f} of a matrix product's {rate / 1e12:.1f} TFLOP/s, {used / rate:.0%}.")


if __name__ == "__main__":
    main()
