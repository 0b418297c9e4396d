"""How long `check_model` takes, and whether models from elsewhere pass it.

    python benchmarks/check_model.py                     the library's own models
    python benchmarks/check_model.py --zoo               IMDL-BenCo's zoo, in an environment that has it

Prints a markdown table; seconds are medians.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import statistics
import sys
import time
import warnings
from datetime import date
from pathlib import Path

import torch

from workbook.core import ModelError, check_model, complexity
from workbook.models import MyConvNeXt, MyModel, UNet

OURS = {
    "MyModel": lambda: MyModel(),
    "MyModel, noise": lambda: MyModel(noise=True),
    "MyConvNeXt": lambda: MyConvNeXt(pretrained=False),
    "MyConvNeXt, noise": lambda: MyConvNeXt(pretrained=False, noise=True),
    "UNet": lambda: UNet(),
    "UNet, noise": lambda: UNet(noise=True),
    "UNet, noise, scale 2": lambda: UNet(noise=True, scale=2),
    "UNet, features 16, depth 3, noise": lambda: UNet(features=16, depth=3, noise=True),
}
# The zoo's models that build without a weight file, with the size that each insists on.
ZOO = {
    "MantraNet": ({}, 64),
    "ObjectFormer": ({}, 224),
    "IML_ViT": ({"input_size": 256}, 256),
    "SparseViT": ({}, 512),
    "Mesorch": ({}, 512),
}
UNBUILT = "MVSSNet, SPAN, Trufor, PSCC_Net, Cat_Net, MSCDI_Net"


def ours(size: int, repeats: int) -> list[str]:
    """The table of the library's own models."""
    lines = [
        f"| model, {size}x{size} | `check_model`, s | CPU s | parameters | GFLOPs | kept, MB | images/s |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, build in OURS.items():
        seconds, busy = [], []
        for _ in range(repeats):
            model = build()
            start, busy_start = time.perf_counter(), time.process_time()
            check_model(model, size)
            seconds.append(time.perf_counter() - start)
            busy.append(time.process_time() - busy_start)  # what it would take on an idle machine, one thread
        row = complexity(model, size, repeats=3)
        lines.append(
            f"| {name} | {statistics.median(seconds):.2f} | {statistics.median(busy):.2f} "
            f"| {row['parameters']:,} | {row['flops'] / 1e9:.3g} "
            f"| {row['activation_bytes'] / 1e6:.3g} | {row['images_per_second']:.3g} |"
        )
    return lines


def zoo() -> list[str]:
    """The table of IMDL-BenCo's models, or why there is none."""
    try:
        import IMDLBenCo.model_zoo  # noqa: F401 (registers its models)
        from IMDLBenCo.registry import MODELS
    except ImportError:
        return ["IMDL-BenCo is not installed in this environment: its zoo was skipped."]
    lines = ["| IMDL-BenCo's model, unchanged | size | verdict |", "|---|---|---|"]
    for name, (options, size) in ZOO.items():
        with contextlib.redirect_stdout(io.StringIO()):
            model = MODELS.get(name)(**options)
        try:
            found = check_model(model, size)
            verdict = f"passes: {found['pred_mask']}"
        except ModelError as error:
            verdict = str(error)
        lines.append(f"| {name} | {size} | {verdict} |")
    return [*lines, "", f"Not tried, since they do not build without a weight file: {UNBUILT}."]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument(
        "--zoo", action="store_true", help="check IMDL-BenCo's models instead of the library's"
    )
    parser.add_argument("--out", type=Path, help="also write the section to this file")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(arguments.threads)
    lines = zoo() if arguments.zoo else ours(arguments.size, arguments.repeats)
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    place = f"{date.today()}, {versions}, {arguments.threads} threads"
    command = "python benchmarks/check_model.py " + " ".join(sys.argv[1:])
    section = "\n".join([f"`{command.strip()}` ({place})", "", *lines]) + "\n"
    print(section)
    if arguments.out is not None:
        arguments.out.write_text(section, encoding="utf-8")


if __name__ == "__main__":
    main()
