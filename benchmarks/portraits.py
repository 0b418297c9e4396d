"""What does notebook 5's recipe reach on real photographs of people that it was not trained on?

Audits, repairs, splits 80/10/10 and trains as the notebook does when `WORKBOOK_PORTRAITS` points at a folder:
its cells are run as they stand. The budget is ten minutes on two cores, counted as 1,200 s of processor time,
so that other work on the machine does not eat into it. The epoch is chosen on the validation images.

    OMP_NUM_THREADS=2 python benchmarks/portraits.py --data FOLDER [--out build/portraits] [--epochs N]
"""

import argparse
import os
import time
from pathlib import Path

import nbformat
import numpy as np
import torch

NOTEBOOK = Path(__file__).absolute().parents[1] / "notebooks/05_portraits.ipynb"
RESAMPLES = 2000


def main():
    """Print a table: IoU of the validation and of the test images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="AISegment, or a folder with images/ and masks/"
    )
    parser.add_argument("--out", type=Path, default=Path("build/portraits"), help="folder for copy and run")
    parser.add_argument("--epochs", type=int, help="in place of the notebook's")
    args = parser.parse_args()
    os.environ["WORKBOOK_PORTRAITS"] = str(args.data.absolute())
    args.out.mkdir(parents=True, exist_ok=True)
    os.chdir(args.out)
    names = run_cells()
    names["SETTINGS"] |= {"epochs": args.epochs} if args.epochs else {}
    history, model, spent = train(names)
    print(f"{len(names['train'])} training images, {len(history)} epochs, {spent:.0f} s of processor time")
    tested = history.dropna(subset="soft_iou")
    print(tested[["epoch", "loss", "valid_loss", "soft_iou"]].to_string(index=False))
    print("\n| images | number | IoU, all pixels | 95% | IoU, mean per image | worst | best |")
    print("|---|---:|---:|---|---:|---:|---:|")
    for part in ("valid", "test"):
        print(row(part, counts(names, model, names[part])))


def run_cells():
    """What the notebook's cells define, up to its settings; the pictures are left out."""
    names = {}
    for cell in nbformat.read(NOTEBOOK, 4).cells:
        if cell.cell_type == "code" and {"data", "recipe"} & set(cell.metadata.get("tags", ())):
            exec(compile(cell.source, cell.id, "exec"), names)
    return names


def train(names):
    """The history, the model with its best weights, and the seconds of processor time of the training."""
    from workbook.core import Trainer, load_checkpoint

    model = names["make_model"]()
    trainer = Trainer(names["NAME"], root="runs", existing="restart", **names["SETTINGS"])
    before = time.process_time()
    history = trainer.fit(
        model, names["train_data"], names["valid_data"], names["SoftIoU"](), watch="soft_iou"
    )
    spent = time.process_time() - before
    load_checkpoint(trainer.folder, model)
    return history, model, spent


def counts(names, model, pairs):
    """Intersection and union of each image at its own size: int (N, 2)."""
    from workbook.core import predict

    found = predict(model, pairs, size=names["SIZE"], fit="resize")
    masks = [(one.mask > 0.5, one.marked) for one in found]
    return np.array([[int((true & marked).sum()), int((true | marked).sum())] for true, marked in masks])


def row(part, table):
    """One row of the result, with a bootstrap interval over images."""
    rng = np.random.default_rng(0)
    drawn = table[rng.integers(len(table), size=(RESAMPLES, len(table)))].sum(1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975))
    pooled, each = table[:, 0].sum() / table[:, 1].sum(), table[:, 0] / table[:, 1]
    ends = f"{each.mean():.3f} | {each.min():.2f} | {each.max():.2f}"
    return f"| {part} | {len(table)} | {pooled:.3f} | {low:.3f} to {high:.3f} | {ends} |"


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
