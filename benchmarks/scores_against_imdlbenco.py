"""Do the scores of a run here agree with IMDL-BenCo's own evaluators on the same predictions?

    python benchmarks/scores_against_imdlbenco.py --peer .benchmark-env/bin/python

Trains a small model on the embedded dataset, without augmentation and from a fixed seed, predicts on the test
half (resized, and padded as IMDL-BenCo pads), and hands the same tensors to both. Each row is one score; the
largest difference is that of an image where a score is one of an image.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

SIZE, EPOCHS, SEED = 128, 6, 42
PADDED = 400  # what holds all images of the embedded dataset
Values = dict[str, list[float]]


def predictions(root: Path) -> dict[str, dict[str, torch.Tensor]]:
    """Train, and predict twice: the fields that evaluators take, all images in one tensor."""
    from workbook.core import ManiDataset, PairDataset, SilentView, Trainer, collate, prepare_batch, run_model
    from workbook.curation import correct, sample
    from workbook.models import UNet

    folder = sample("casia-mini", root)
    correct(folder / "train", root / "clean", progress=False)
    torch.manual_seed(SEED)
    model = UNet(features=8, depth=3, noise=True)
    train = ManiDataset(root / "clean", size=SIZE)
    Trainer("run", root, epochs=EPOCHS, lr=4e-3, seed=SEED, tensorboard=False).fit(
        model, train, view=SilentView()
    )
    test = ManiDataset(folder / "test").pairs
    found = {}
    for name, data in {
        "resized": PairDataset(test, size=SIZE),
        "padded": PairDataset(test, size=PADDED, fit="pad"),
    }.items():
        parts = []
        with torch.no_grad():
            for start in range(0, len(data), 4):
                batch = prepare_batch(collate([data[i] for i in range(start, min(start + 4, len(data)))]))
                output = run_model(model.eval(), batch)
                fields = {key: batch[key] for key in ("mask", "label", "shape_mask") if key in batch}
                parts.append({**fields, "pred_mask": output["pred_mask"], "pred_label": output["pred_label"]})
        found[name] = {key: torch.cat([part[key] for part in parts]).contiguous() for key in parts[0]}
    return found


def theirs(given: dict[str, torch.Tensor]) -> Values:
    """IMDL-BenCo's scores; of pixel scores one an image, in batches of four as its test loop has them."""
    from IMDLBenCo.evaluation import (
        ImageAccuracy,
        ImageAUC,
        ImageF1,
        PixelAccuracy,
        PixelAUC,
        PixelF1,
        PixelIOU,
    )

    pixel = {
        "pixel F1": PixelF1(),
        "pixel F1, double": PixelF1(mode="double"),
        "pixel IoU": PixelIOU(),
        "pixel accuracy": PixelAccuracy(),
        "pixel AUC": PixelAUC(),
        "pixel AUC, default": PixelAUC(),
    }
    found: Values = {name: [] for name in pixel}
    for start in range(0, len(given["mask"]), 4):
        part = {key: value[start : start + 4] for key, value in given.items()}
        for name, evaluator in pixel.items():
            values = evaluator.batch_update(
                predict=part["pred_mask"], mask=part["mask"], shape_mask=part.get("shape_mask")
            )
            found[name] += values.tolist()
    for name, evaluator in {
        "image F1": ImageF1(),
        "image accuracy": ImageAccuracy(),
        "image AUC": ImageAUC(),
    }.items():
        evaluator.remain_update(predict_label=given["pred_label"], label=given["label"])  # one process
        found[name] = [float(evaluator.epoch_update())]
    return found


def ours(given: dict[str, torch.Tensor]) -> Values:
    """Our scores, where one is of an image each by itself; authentic images count 0, as IMDL-BenCo has it."""
    from workbook import core
    from workbook.core import PROTOCOLS, ProtocolF1

    pixel = {
        "pixel F1": lambda: core.PixelF1(empty="zero"),
        "pixel F1, double": lambda: ProtocolF1(PROTOCOLS["IMDL-BenCo, double"]),
        "pixel IoU": lambda: core.PixelIoU(empty="zero"),
        "pixel accuracy": core.PixelAccuracy,
        "pixel AUC": lambda: core.PixelAUC(empty="zero", exact=True),
        "pixel AUC, default": lambda: core.PixelAUC(empty="zero"),
    }
    found: Values = {}
    for name, make in pixel.items():
        found[name] = []
        for i in range(len(given["mask"])):
            metric, one = make(), {key: value[i : i + 1] for key, value in given.items()}
            metric.update(one["pred_mask"], one["mask"], one.get("shape_mask"))
            found[name].append(float(metric.compute()))
    for name, metric in {
        "image F1": core.ImageF1(),
        "image accuracy": core.ImageAccuracy(),
        "image AUC": core.ImageAUC(),
    }.items():
        metric.update(given["pred_label"], given["label"])
        found[name] = [float(metric.compute())]
    return found


def referee(given: dict[str, torch.Tensor]) -> Values:
    """scikit-learn's pixel AUC of each tampered image; 0 for an authentic one, where it has none."""
    from sklearn.metrics import roc_auc_score

    values = []
    for i in range(len(given["mask"])):
        keep = given["shape_mask"][i] > 0 if "shape_mask" in given else torch.ones_like(given["mask"][i]) > 0
        truth, score = given["mask"][i][keep], given["pred_mask"][i][keep].double()
        values.append(float(roc_auc_score(truth, score)) if truth.any() else 0.0)
    return {"pixel AUC": values, "pixel AUC, default": values}


def ask(peer: str, file: Path) -> Values | None:
    """The peer's scores of the tensors in a file."""
    words = [peer, __file__, "--serve", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("answers ")]
    if not lines:
        sys.stderr.write(done.stderr[-500:] + "\n")
    return json.loads(lines[0].removeprefix("answers ")) if lines else None


def main() -> None:
    """Print a table for each way of fitting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="the Python of the environment that has imdlbenco")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of what is undefined of a single authentic image
    if arguments.serve:
        print("answers " + json.dumps(theirs(load_file(arguments.serve))))
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, given in predictions(Path(folder)).items():
            file = Path(folder) / f"{name}.safetensors"
            save_file(given, file)
            peer = ask(arguments.peer, file) if arguments.peer else None
            authentic = given["label"] < 0.5
            print(f"\n{name}: {len(authentic)} images, {int(authentic.sum())} of them authentic\n")
            print_table(ours(given), peer or {}, referee(given), authentic)


def _far(one: torch.Tensor, other: torch.Tensor) -> str:
    """The largest difference, or nothing where there is none to tell."""
    worst = float((one - other)[one.isfinite()].abs().max())
    return "" if worst != worst else f"{worst:.0e}"


def print_table(here: Values, there: Values, right: Values, authentic: torch.Tensor) -> None:
    """The means of the tampered images, of all, and the largest difference of an image."""
    print("| score | ours | IMDL-BenCo | largest difference | of ours from scikit-learn | of theirs |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, values in here.items():
        mine = torch.tensor(values, dtype=torch.float64)
        peer = torch.tensor(there.get(name, [float("nan")] * len(values)), dtype=torch.float64)
        judge = torch.tensor(right.get(name, [float("nan")] * len(values)), dtype=torch.float64)
        far = [_far(a, b) for a, b in ((mine, peer), (mine, judge), (peer, judge))]
        print(f"| {name} | {mine.nanmean():.6f} | {peer.mean():.6f} | " + " | ".join(far) + " |")
        if len(values) > 1:
            means = [f"{float(v[~authentic].mean()):.6f}" for v in (mine, peer)]
            print(f"| {name}, tampered images | {means[0]} | {means[1]} | | | |")


if __name__ == "__main__":
    main()
