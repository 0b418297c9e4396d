"""What does notebook 3's recipe reach on photographs that it was not tuned on?

Leaves two of the eight training photographs out in turn, makes a dataset of the other six, trains by the
recipe cell of notebook 3, and scores the two. The test photographs of casia-mini are in none of the folds, so
a choice made by these numbers leaves notebook 4's honest.

    python benchmarks/recipe_folds.py [--seeds 0 1] [--folds 0 1 2 3]
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np

from workbook.core import PixelF1, load_checkpoint, predict
from workbook.curation import find_pairs, kind_of, split_pairs
from workbook.curation.sample import TRAIN_PHOTOGRAPHS, Part, make_part

FOLDS = (
    ("coffee", "hubble_deep_field"),
    ("astronaut", "gravel"),
    ("stereo_motorcycle", "retina"),
    ("brick", "camera"),
)
NOTEBOOK = Path(__file__).parents[1] / "notebooks/03_train.ipynb"


def main():
    """Print a row a fold and seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--folds", type=int, nargs="+", default=range(len(FOLDS)))
    args = parser.parse_args()
    print("| left out | seed | pixel F1, spliced | pixel F1, copy-moved | authentic marked | training |")
    print("|---|---:|---:|---:|---:|---:|")
    for fold in args.folds:
        for seed in args.seeds:
            with tempfile.TemporaryDirectory() as folder:
                scores, seconds = run_fold(Path(folder), FOLDS[fold], seed)
            cells = [f"{scores[kind]:.2f}" for kind in ("splice", "copy-move")]
            marked = f"{scores['authentic']:.2%}"
            print(f"| {', '.join(FOLDS[fold])} | {seed} | {' | '.join(cells)} | {marked} | {seconds:.0f} s |")


def run_fold(folder, left_out, seed):
    """The mean score of each kind of image on the photographs left out, and the seconds of training."""
    inside = {name: kind for name, kind in TRAIN_PHOTOGRAPHS.items() if name not in left_out}
    outside = {name: TRAIN_PHOTOGRAPHS[name] for name in left_out}
    rng = np.random.default_rng(seed)
    make_part(folder / "train", Part("train", inside, 42, 54, 26, first_id=1, faults=False), rng)
    make_part(folder / "test", Part("test", outside, 14, 16, 10, first_id=501, faults=False), rng)
    recipe = recipe_of(seed)
    os.chdir(folder)  # the recipe keeps its run in ./runs
    train, valid = split_pairs(find_pairs(folder / "train").pairs, (0.88, 0.12), 0)
    started = time.perf_counter()
    trainer, _ = recipe["train"]({"train": train, "valid": valid})
    seconds = time.perf_counter() - started
    model = recipe["make_model"]()
    load_checkpoint(trainer.folder, model)
    scores = {"splice": [], "copy-move": [], "authentic": []}
    for found in predict(model, find_pairs(folder / "test").pairs):
        scores[kind_of(found.pair)].append(score(found))
    return {kind: float(np.mean(values)) for kind, values in scores.items()}, seconds


def score(found):
    """Pixel F1 of a tampered image, the part that is marked of an authentic one."""
    if found.pair.authentic:
        return float((found.pred_mask > 0.5).float().mean())
    metric = PixelF1()
    metric.update(found.pred_mask[None], found.mask[None])
    return float(metric.compute())


def recipe_of(seed):
    """What notebook 3's imports and its recipe cell define, with another seed."""
    names = {}
    code = [cell for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "code"]
    for cell in (code[0], next(c for c in code if "recipe" in c.metadata.get("tags", ()))):
        exec(cell.source, names)
    names["RECIPE"]["seed"] = seed
    return names


if __name__ == "__main__":
    main()
