"""How long does an audit of a dataset of CASIA v2's size take, against only reading the same files?

Makes a tree with CASIA v2's real names (from its published lists) and textured stand-ins of its usual size:
a tampered image whose name tells a host is that host's picture with the mask's region from another. Then it
times pairing, the header audit, the full audit and the search for shared images. Each pair of measures
alternates in one run; the table holds medians, by the clock and in processor time, which other work on the
machine disturbs less.

    python benchmarks/audit_speed.py --lists FOLDER_WITH_tp_list.txt_AND_au_list.txt --work EMPTY_FOLDER
"""

import argparse
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from workbook.curation import faults as faults_module
from workbook.curation import find_faults, find_pairs, find_shared, photographs


def picture(number, size):
    """A texture of its own for each number: smooth colours under noise, as JPEG meets them."""
    rng = np.random.default_rng(number)
    smooth = Image.fromarray(rng.integers(0, 220, (8, 12, 3), dtype=np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    noise = rng.integers(0, 12, (size[1], size[0], 1), dtype=np.uint8)
    return Image.fromarray(np.minimum(np.asarray(smooth), 240) + noise)


def make_tree(lists, root):
    """Lay out the tree; tampered images of CASIA v2 are named after their donors and hosts."""
    names = {part: (lists / f"{part.lower()}_list.txt").read_text().split() for part in ("Tp", "Au")}
    hosts = {photographs(name)[0]: number for number, name in enumerate(names["Au"])}
    for part in ("Tp", "Gt", "Au"):
        (root / part).mkdir(parents=True, exist_ok=True)

    def authentic(number):
        return picture(number + 100_000, ((384, 256), (256, 384))[number % 2])

    def make(job):
        part, number, name = job
        target = root / part / name
        if target.exists():
            return
        if part == "Au":
            authentic(number).save(target, quality=90)
            return
        host = hosts.get(photographs(name)[0])
        whole = picture(number, ((384, 256), (256, 384))[number % 2]) if host is None else authentic(host)
        mask = Image.new("L", whole.size)
        mask.paste(255, (30, 20 + number % 90, 150, 120 + number % 120))
        Image.composite(picture(number + 200_000, whole.size), whole, mask).save(target, quality=90)
        mask.save(root / "Gt" / f"{Path(name).stem}_gt.png")

    jobs = [(part, number, name) for part in names for number, name in enumerate(names[part])]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(make, jobs))
    return root


def read_headers(paths):
    """The bare minimum: what Pillow needs to know the size."""
    for path in paths:
        with Image.open(path) as image:
            _ = image.size


def decode_all(paths, workers):
    """The bare minimum: every pixel decoded, nothing done with it."""

    def decode(chunk):
        for path in chunk:
            with Image.open(path) as image:
                image.load()

    chunks = [paths[first : first + 32] for first in range(0, len(paths), 32)]
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(decode, chunks))


def seconds(function):
    """How long a call takes, by the clock and of the processor's time."""
    start = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def compare(title, target, bare, ours, rounds):
    """Print a row: medians of two alternating measures, and of their ratios."""
    rows = [(*seconds(bare), *seconds(ours)) for _ in range(rounds)]
    clock_bare, cpu_bare, clock, cpu = (statistics.median(column) for column in zip(*rows, strict=True))
    by_clock = statistics.median(row[2] / row[0] for row in rows)
    by_cpu = statistics.median(row[3] / row[1] for row in rows)
    print(
        f"| {title} | {clock_bare:.2f} | {clock:.2f} | {by_clock:.2f} "
        f"| {cpu_bare:.2f} | {cpu:.2f} | {by_cpu:.2f} | {target} |",
        flush=True,
    )


def measure(title, target, call, rounds=1):
    """Print a row of ours alone."""
    clock, cpu = (
        statistics.median(times) for times in zip(*(seconds(call) for _ in range(rounds)), strict=True)
    )
    print(f"| {title} | | {clock:.2f} | | | {cpu:.2f} | | {target} |", flush=True)


def peak_of(root, first):
    """The peak memory in MiB of an audit of the first so many pairs, in a process of its own."""
    code = (
        "import sys, resource; from pathlib import Path; from workbook.curation import find_faults\n"
        "find_faults(Path(sys.argv[1]), Path(sys.argv[2]), progress=False)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    folder = root.parent / f"first{first}"
    for part in ("Tp", "Gt"):
        (folder / part).mkdir(parents=True, exist_ok=True)
        for path in sorted((root / part).iterdir())[:first]:
            if not (folder / part / path.name).exists():
                (folder / part / path.name).hardlink_to(path)
    arguments = [sys.executable, "-c", code, str(folder / "Tp"), str(folder / "Gt")]
    return int(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout) / 1024


def bar_errors(root, workers):
    """At 10, 25, 50 and 75 % of a full audit: the bar's forecast of the whole time, over the real one."""
    marks = []

    class Spy(faults_module.tqdm):
        def update(self, n=1):
            shown = super().update(n)
            marks.append((self.n / self.total, time.perf_counter(), time.process_time()))
            return shown

    original, faults_module.tqdm = faults_module.tqdm, Spy
    start = time.perf_counter(), time.process_time()
    try:
        find_faults(root, workers=workers)
    finally:
        faults_module.tqdm = original
    found = []
    for clock in (0, 1):
        whole = marks[-1][1 + clock] - start[clock]
        times = [next(mark for mark in marks if mark[0] >= share) for share in (0.1, 0.25, 0.5, 0.75)]
        found.append(", ".join(f"{(m[1 + clock] - start[clock]) / m[0] / whole:.2f}" for m in times))
    return found


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lists", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    root, workers, rounds = make_tree(args.lists, args.work / "casia2"), args.workers, args.rounds
    tampered, masks, authentic = (sorted((root / part).iterdir()) for part in ("Tp", "Gt", "Au"))
    print("| measure | bare (s) | ours (s) | ratio | bare (cpu s) | ours (cpu s) | ratio | target |")
    print("|---|---|---|---|---|---|---|---|")
    count = len(tampered) + len(authentic)
    measure(f"pair {count} images and {len(masks)} masks", "1 s", lambda: find_pairs(root), rounds)
    folders, pairs = (root / "Tp", root / "Gt"), [*tampered, *masks]
    compare(
        f"headers of {len(pairs)} files",
        1.5,
        lambda: read_headers(pairs),
        lambda: find_faults(*folders, pixels=False, progress=False),
        rounds,
    )
    for title, files, audit in (
        (f"all pixels, {len(tampered)} images and their masks", pairs, folders),
        (f"all pixels, with {len(authentic)} authentic images", [*pairs, *authentic], (root,)),
    ):
        compare(
            title,
            1.3,
            lambda files=files: decode_all(files, workers),
            lambda audit=audit: find_faults(*audit, workers=workers, progress=False),
            rounds,
        )
    everything, test = [*tampered, *authentic], authentic[:1721]
    measure(
        f"shared images, {count} against {len(test)}",
        "seconds a thousand",
        lambda: find_shared(everything, test, workers=workers, progress=False),
    )
    small, large = peak_of(root, 500), peak_of(root, 5000)
    print(f"\npeak memory of 500 and 5,000 pairs: {small:.0f} and {large:.0f} MiB, {large / small:.2f}")
    clock, cpu = bar_errors(root, workers)
    print(f"the bar's forecast at 10, 25, 50, 75 %, over the truth: {clock}; in processor time: {cpu}")


if __name__ == "__main__":
    main()
