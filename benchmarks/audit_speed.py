"""How long does an audit of a dataset of CASIA v2's size take, against only reading the same files?

Makes a tree with CASIA v2's real names (from its published lists) and textured stand-ins of its usual size,
then times pairing, the header audit, the full audit and the search for shared images. Each pair of measures
alternates in one run; the table holds medians.

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
from workbook.curation import find_faults, find_pairs, find_shared


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
    for part in ("Tp", "Gt", "Au"):
        (root / part).mkdir(parents=True, exist_ok=True)

    def make(job):
        part, number, name = job
        size = ((384, 256), (256, 384))[number % 2]
        target = root / part / name
        if not target.exists():
            picture(number + (100_000 if part == "Au" else 0), size).save(target, quality=90)
        if part == "Tp":
            mask = np.zeros(size[::-1], np.uint8)
            mask[20 + number % 90 : 120 + number % 120, 30:150] = 255
            Image.fromarray(mask).save(root / "Gt" / f"{Path(name).stem}_gt.png")

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
    """How long a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def compare(ours, bare, rounds):
    """Medians of two alternating measures, and of their ratios."""
    rows = [(seconds(bare), seconds(ours)) for _ in range(rounds)]
    return (*map(statistics.median, zip(*rows, strict=True)), statistics.median(o / b for b, o in rows))


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


def bar_errors(root):
    """At each tenth of a full audit: the bar's forecast of the whole time, over the real one."""
    marks = []

    class Spy(faults_module.tqdm):
        def update(self, n=1):
            shown = super().update(n)
            marks.append((self.n / self.total, self.format_dict["elapsed"]))
            return shown

    original, faults_module.tqdm = faults_module.tqdm, Spy
    try:
        find_faults(root)
    finally:
        faults_module.tqdm = original
    whole = marks[-1][1]
    return [next(t / done for done, t in marks if done >= share) / whole for share in (0.1, 0.25, 0.5, 0.75)]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lists", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    root = make_tree(args.lists, args.work / "casia2")
    tampered, masks, authentic = (sorted((root / part).iterdir()) for part in ("Tp", "Gt", "Au"))
    print("| measure | bare (s) | ours (s) | ratio | target |\n|---|---|---|---|---|")
    pairing = statistics.median(seconds(lambda: find_pairs(root)) for _ in range(args.rounds))
    count = len(tampered) + len(authentic)
    print(f"| pair {count} images and {len(masks)} masks | | {pairing:.2f} | | 1 s |")
    folders = (root / "Tp", root / "Gt")
    bare, ours, ratio = compare(
        lambda: find_faults(*folders, pixels=False, progress=False),
        lambda: read_headers([*tampered, *masks]),
        args.rounds,
    )
    print(f"| headers of {len(tampered) + len(masks)} files | {bare:.2f} | {ours:.2f} | {ratio:.2f} | 1.5 |")
    for title, files, audit in (
        (f"all pixels, {len(tampered)} images and their masks", [*tampered, *masks], (*folders,)),
        ("all pixels, with authentic hosts", [*tampered, *masks, *authentic], (root,)),
    ):
        bare, ours, ratio = compare(
            lambda audit=audit: find_faults(*audit, workers=args.workers, progress=False),
            lambda files=files: decode_all(files, args.workers),
            args.rounds,
        )
        print(f"| {title} | {bare:.1f} | {ours:.1f} | {ratio:.2f} | 1.3 |")
    test = authentic[:1721]
    shared = seconds(lambda: find_shared([*tampered, *authentic], test, workers=args.workers, progress=False))
    print(f"| shared images, {count} against {len(test)} | | {shared:.1f} | | seconds a thousand |")
    small, large = peak_of(root, 500), peak_of(root, 5000)
    print(
        f"| peak memory, 500 and 5,000 pairs (MiB) | {small:.0f} | {large:.0f} | {large / small:.2f} | flat |"
    )
    errors = ", ".join(f"{error:.2f}" for error in bar_errors(root))
    print(f"| the bar's forecast at 10, 25, 50, 75 %, over the truth | | | {errors} | 1 |")


if __name__ == "__main__":
    main()
