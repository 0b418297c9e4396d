"""How many samples a second reach the model, ours beside IMDL-BenCo's, fields and augmentations alike.

    python benchmarks/datasets_throughput.py --peer .benchmark-env/bin/python

Both read the same 48 photographs (384x256 JPEG, quality 90, masks as RGB PNG, as CASIA v1 has them) in one
process and one thread each, as in a DataLoader's worker, and count up to the normalised float32 batch of 8 at
512x512. The two processes take turns, a round each, and each clocks its own processor time, so that what else
the machine does changes little; a ratio is taken per round, and its median is shown. A batch lies in memory
as each side's own trainer hands it to a model: ours channels last, IMDL-BenCo's colour by colour.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZE, BATCH, PHOTOGRAPHS = 512, 8, 48
CASES = {
    "image, mask, label, shapes": {},
    "+ edge mask of width 7": {"edge_width": 7},
    "+ edge mask and the training augmentation": {"edge_width": 7, "augment": True},
}


def write_photographs(folder: Path) -> None:
    """Cut 384x256 windows out of scikit-image's photographs; every mask is an ellipse."""
    import numpy as np
    from PIL import Image, ImageDraw
    from skimage import data

    rng = np.random.default_rng(0)
    photographs = [Image.fromarray(getattr(data, name)()) for name in ("astronaut", "coffee", "chelsea")]
    for part in ("Tp", "Gt"):
        (folder / part).mkdir()
    for number in range(PHOTOGRAPHS):
        photograph = photographs[number % len(photographs)]
        width, height = (384, 256) if number % 3 else (256, 384)
        scale = max(width / photograph.width, height / photograph.height, 1)
        photograph = photograph.resize((round(photograph.width * scale), round(photograph.height * scale)))
        left = int(rng.integers(photograph.width - width + 1))
        top = int(rng.integers(photograph.height - height + 1))
        photograph.crop((left, top, left + width, top + height)).save(
            folder / "Tp" / f"{number:03}.jpg", quality=90
        )
        mask = Image.new("RGB", (width, height))
        x, y = rng.integers(0, [width - 100, height - 100])
        ImageDraw.Draw(mask).ellipse((int(x), int(y), int(x) + 90, int(y) + 70), fill="white")
        mask.save(folder / "Gt" / f"{number:03}_gt.png")


def ours(folder: str, edge_width=None, augment=False, workers=0, pad=False):
    """Our pipeline as an iterable over the batches that a model sees."""
    import functools

    import torch
    from torch.utils.data import DataLoader

    from workbook.core.batch import collate, prepare_batch
    from workbook.core.datasets import ManiDataset
    from workbook.core.transforms import train_transforms

    data = ManiDataset(
        folder,
        size=SIZE,
        fit="pad" if pad else "resize",
        edge_width=edge_width,
        transforms=train_transforms() if augment else None,
    )
    loader = DataLoader(data, BATCH, collate_fn=collate, num_workers=workers, persistent_workers=workers > 0)
    return Batches(loader, functools.partial(prepare_batch, memory_format=torch.channels_last))


def peer(folder: str, edge_width=None, augment=False, workers=0, pad=False):
    """IMDL-BenCo's pipeline as an iterable over the batches that a model sees."""
    from IMDLBenCo.datasets import ManiDataset
    from IMDLBenCo.transforms import get_albu_transforms
    from torch.utils.data import DataLoader

    data = ManiDataset(
        folder,
        is_resizing=not pad,
        is_padding=pad,
        output_size=(SIZE, SIZE),
        edge_width=edge_width,
        common_transforms=get_albu_transforms("train") if augment else None,
    )
    loader = DataLoader(data, BATCH, num_workers=workers, persistent_workers=workers > 0)
    return Batches(loader, lambda batch: batch)


class Batches:
    """A loader whose batches are brought to the model's form, as often as one likes."""

    def __init__(self, loader, prepare) -> None:
        self.loader, self.prepare = loader, prepare

    def __iter__(self):
        return map(self.prepare, self.loader)


def dump(kind: str, folder: str, file: str) -> None:
    """Save the fields of the padded, unaugmented data."""
    import torch

    names = ("image", "mask", "edge_mask", "shape_mask")
    batches = list({"ours": ours, "peer": peer}[kind](folder, edge_width=7, pad=True))
    torch.save({name: torch.cat([batch[name] for batch in batches]) for name in names}, file)


def agreement(python: str, folder: str) -> str:
    """The largest difference between the two, field by field, where no resampling comes between."""
    import torch

    fields = {}
    for kind, program in (("ours", sys.executable), ("peer", python)):
        file = str(Path(folder) / f"{kind}.pt")
        command = [program, "-W", "ignore", __file__, "--dump", kind, folder, file]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        fields[kind] = torch.load(file, weights_only=True)
    return ", ".join(
        f"{name} {(mine.double() - fields['peer'][name].double()).abs().max():.1e}"
        for name, mine in fields["ours"].items()
    )


def serve(kind: str, folder: str, settings: dict, threads: int, wall: bool) -> None:
    """Run a round, and print its seconds, for every line that comes in."""
    clock = time.perf_counter if wall else time.process_time
    import random
    import warnings

    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    random.seed(0)
    batches = {"ours": ours, "peer": peer}[kind](folder, **settings)
    sum(len(batch["image"]) for batch in batches)  # files into the page cache, code into the caches
    print("ready", flush=True)
    for _ in sys.stdin:
        start = clock()
        sum(len(batch["image"]) for batch in batches)
        print(clock() - start, flush=True)


def start(python: str, kind: str, folder: str, settings: dict, threads: int, wall: bool) -> subprocess.Popen:
    """Start a process that serves rounds."""
    command = [python, __file__, "--threads", str(threads), *(["--wall"] if wall else [])]
    command += ["--serve", kind, folder, json.dumps(settings)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    while (line := process.stdout.readline().strip()) != "ready":
        if not line and process.poll() is not None:
            raise SystemExit(f"{kind}: the process ended before its first round; run {' '.join(command)}")
    return process


def round_of(process: subprocess.Popen) -> float:
    """Seconds of one round."""
    process.stdin.write("go\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def compare(
    sides: list[tuple[str, str]], folder: str, settings: list[dict], args: argparse.Namespace, wall: bool
) -> list[list[float]]:
    """Seconds of each round, per side; the sides take turns."""
    processes = [
        start(*side, folder, kw, args.threads, wall) for side, kw in zip(sides, settings, strict=True)
    ]
    times = [[round_of(process) for process in processes] for _ in range(args.rounds)]
    for process in processes:
        process.stdin.close()
        process.wait()
    return [list(column) for column in zip(*times, strict=True)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peer", default=".benchmark-env/bin/python", help="python that has imdlbenco")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--dump", nargs=3, metavar=("KIND", "FOLDER", "FILE"), help=argparse.SUPPRESS)
    parser.add_argument("--serve", nargs=3, metavar=("KIND", "FOLDER", "SETTINGS"), help=argparse.SUPPRESS)
    parser.add_argument("--wall", action="store_true", help="clock the wall, not the processor")
    parser.add_argument("--threads", type=int, default=1, help="torch's threads a process (default 1)")
    args = parser.parse_args()
    if args.dump:
        return dump(*args.dump)
    if args.serve:
        return serve(args.serve[0], args.serve[1], json.loads(args.serve[2]), args.threads, args.wall)
    has_peer = Path(args.peer).exists()
    mine = (sys.executable, "ours")
    sides = [mine, (args.peer, "peer")] if has_peer else [mine]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(Path(folder))
        if has_peer:
            print(f"Largest differences, padded: {agreement(args.peer, folder)}\n")
        else:
            print(f"IMDL-BenCo is left out: there is no {args.peer}\n")
        for case, settings in CASES.items():
            rows.append((case, *compare(sides, folder, [settings] * len(sides), args, args.wall)))
        one, two = compare([mine, mine], folder, [settings, {**settings, "workers": 2}], args, True)
    print("| fields | ours, samples/s | IMDL-BenCo, samples/s | ratio |\n|---|---:|---:|---:|")
    for case, ours_, *theirs in rows:
        print(f"| {case} | {rate(ours_):.0f} |", end="")
        print(f" {rate(theirs[0]):.0f} | {ratio(theirs[0], ours_):.2f} |" if theirs else " - | - |")
    print(f"\nTwo worker processes against none, all fields: {ratio(one, two):.2f} times.")


def rate(seconds: list[float]) -> float:
    """Samples a second, by the median round."""
    return PHOTOGRAPHS / statistics.median(seconds)


def ratio(slow: list[float], fast: list[float]) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


if __name__ == "__main__":
    main()
