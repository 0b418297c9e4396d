"""How many 512x512 images a second each pixel score takes in, ours and that of three peers.

    python benchmarks/metrics_speed.py --peer .benchmark-env/bin/python

One thread, the same tensors for all, batches of 4. Seconds are of processor time, and all take turns, a round
each, so that what else the machine does hits them alike; a ratio is taken per round, and its median is shown.
Predictions are model-like:
a smooth field of logits that is higher inside an ellipse, through a sigmoid. Without --peer, or where
imdlbenco is not installed there, its rows are left out with a note.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

BATCH, BATCHES, SIZE = 4, 4, 512
LEAST = 0.25  # seconds of processor time that a row is measured for in a round


def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Predictions and masks, (BATCH, 1, SIZE, SIZE) float32 each."""
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.linspace(-1, 1, SIZE), torch.linspace(-1, 1, SIZE), indexing="ij")
    made = []
    for _ in range(BATCHES):
        centre = torch.rand(BATCH, 2, 1, 1, 1, generator=generator) - 0.5
        mask = ((y - centre[:, 0]) ** 2 + 2 * (x - centre[:, 1]) ** 2 < 0.15).float()
        noise = torch.randn(BATCH, 1, SIZE // 16, SIZE // 16, generator=generator)
        logits = 3 * F.interpolate(noise, (SIZE, SIZE), mode="bicubic") + 5 * mask - 5
        made.append((torch.sigmoid(logits + 0.1 * torch.randn(logits.shape, generator=generator)), mask))
    return made


def bare(pred: torch.Tensor, mask: torch.Tensor) -> None:
    """What any counts-based score has to do at the least: three boolean sums an image."""
    for p, m in zip(pred, mask):  # noqa: B905 - also runs where zip has no strict
        marked, tampered = p > 0.5, m > 0.5
        (marked & tampered).sum(), (marked & ~tampered).sum(), (~marked & tampered).sum()


def whole(make: Callable[[], list], each_image: bool = False) -> Callable[[list], None]:
    """Update and compute metrics on all batches; `each_image` where a metric has no per-image average."""
    metrics = make()

    def run(data: list) -> None:
        for pred, mask in data:
            for p, m in zip(pred.split(1), mask.split(1)) if each_image else [(pred, mask)]:  # noqa: B905
                for metric in metrics:
                    metric.update(p, m)
                    if each_image:
                        metric.compute()
                        metric.reset()
        if not each_image:
            for metric in metrics:
                metric.compute()
                metric.reset()

    return run


def cases() -> dict[str, Callable[[list], None]]:
    """Each row of the table and what it runs."""
    from sklearn.metrics import roc_auc_score
    from torchmetrics.classification import BinaryAUROC, BinaryF1Score

    from workbook.core import BestPixelF1, PixelAUC, PixelF1, PixelIoU

    class IntegerF1(BinaryF1Score):
        def update(self, preds: torch.Tensor, target: torch.Tensor) -> None:
            super().update(preds, target.long())

    class IntegerAUROC(BinaryAUROC):
        def update(self, preds: torch.Tensor, target: torch.Tensor) -> None:
            super().update(preds, target.long())

    def scikit(data: list) -> None:
        for pred, mask in data:
            for p, m in zip(pred.numpy(), mask.numpy()):  # noqa: B905
                roc_auc_score(m.ravel(), p.ravel())

    return {
        "three bare boolean sums": lambda data: [bare(*batch) for batch in data],
        "ours: PixelF1 and PixelIoU": whole(lambda: [PixelF1(), PixelIoU()]),
        "ours: PixelF1": whole(lambda: [PixelF1()]),
        "torchmetrics: BinaryF1Score": whole(lambda: [IntegerF1()]),
        "ours: BestPixelF1": whole(lambda: [BestPixelF1()]),
        "ours: PixelAUC": whole(lambda: [PixelAUC()]),
        "ours: PixelAUC, pooled": whole(lambda: [PixelAUC("pooled")]),
        "torchmetrics: BinaryAUROC, exact, each image": whole(lambda: [IntegerAUROC()], each_image=True),
        "torchmetrics: BinaryAUROC, 1,000 bins, each image": whole(
            lambda: [IntegerAUROC(thresholds=1000)], True
        ),
        "scikit-learn: roc_auc_score, each image": scikit,
    }


def peer_cases() -> dict[str, Callable[[list], None]]:
    """IMDL-BenCo's evaluators, run in its own environment."""
    from IMDLBenCo.evaluation import PixelAUC, PixelF1

    return {
        f"IMDL-BenCo: {type(evaluator).__name__}": lambda data, evaluator=evaluator: [
            evaluator.batch_update(pred, mask) for pred, mask in data
        ]
        for evaluator in (PixelF1(), PixelAUC())
    }


def timed(run: Callable[[list], None], data: list) -> float:
    """Images a second of processor time, which waiting for other programs does not lengthen.

    Run again and again for a quarter of a second, as an evaluation goes on: after another row's large arrays
    have gone back to the system, the first call of each row would pay for getting new ones.
    """
    start, images = time.process_time(), 0
    while images == 0 or time.process_time() - start < LEAST:
        run(data)
        images += BATCH * BATCHES
    return images / (time.process_time() - start)


def serve() -> None:
    """The peer's side: a line in, a round measured, a line out."""
    torch.set_num_threads(1)
    data, found = batches(), peer_cases()
    for run in found.values():
        run(data)
    for _ in sys.stdin:
        print("rates " + json.dumps({name: timed(run, data) for name, run in found.items()}), flush=True)


def ask(peer: subprocess.Popen) -> dict[str, float]:
    """One round of the peer; nothing where it has ended."""
    try:
        peer.stdin.write("go\n")
        peer.stdin.flush()
    except BrokenPipeError:
        return {}
    for line in peer.stdout:
        if line.startswith("rates "):
            return json.loads(line.removeprefix("rates "))
    return {}


def table(rounds: list[dict[str, float]]) -> str:
    """Medians, with the ratios of each round's rates to the rows that matter."""
    against = ["three bare boolean sums", "torchmetrics: BinaryF1Score", "IMDL-BenCo: PixelAUC"]
    against = [name for name in against if name in rounds[0]]
    lines = ["| score | images/s | " + " | ".join(f"times {name}" for name in against) + " |"]
    lines.append("|---|---:|" + "---:|" * len(against))
    for name in rounds[0]:
        ratios = [statistics.median(r[name] / r[other] for r in rounds) for other in against]
        rate = statistics.median(r[name] for r in rounds)
        lines.append(f"| {name} | {rate:,.0f} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="the Python of the environment that has imdlbenco")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve()
    torch.set_num_threads(1)
    data, ours = batches(), cases()
    for run in ours.values():
        run(data)
    command = [arguments.peer or sys.executable, __file__, "--serve"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as peer:
        rounds = []
        for number in range(arguments.rounds + 1):
            measured = {name: timed(run, data) for name, run in ours.items()} | ask(peer)
            rounds += [measured] if number else []  # the first round waits for the peer to start
        peer.stdin.close()
    print(table(rounds))
    if not any(name.startswith("IMDL-BenCo") for name in rounds[0]):
        print(
            "\nIMDL-BenCo is left out: give --peer the Python of an environment with `pip install imdlbenco`."
        )
    return None


if __name__ == "__main__":
    main()
