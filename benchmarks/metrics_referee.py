"""How far our pixel scores lie from scikit-learn's, and what four implementations say where it is delicate.

    python benchmarks/metrics_referee.py --peer .benchmark-env/bin/python

First table: the largest difference over random cases of each kind, half of them with padding. Second table:
single images on which implementations differ. Without --peer, or where imdlbenco is not installed there, its
column says so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import warnings

import torch

SIZE, CASES = 64, 200
OURS = ("PixelF1", "PixelIoU", "PixelAccuracy", "PixelAUC")


def kinds() -> dict:
    """From logits (1,1,H,W) to a prediction of each kind."""
    return {
        "uniform": lambda x: torch.rand(x.shape),
        "model-like": torch.sigmoid,
        "model-like, saturated": lambda x: torch.sigmoid(20 * x - 40),
        "model-like, as bfloat16": lambda x: torch.sigmoid(2 * x).bfloat16().float(),
        "untrained: all near a half": lambda x: 0.5 + 1e-3 * x.tanh(),
        "8-bit": lambda x: (torch.sigmoid(x) * 255).round() / 255,
        "constant": lambda x: torch.full_like(x, 0.3),
        "all 0": torch.zeros_like,
        "all 1": torch.ones_like,
    }


def differences(make, cases: int) -> dict[str, float]:
    """The largest difference of each score from scikit-learn's over random cases."""
    from sklearn.metrics import accuracy_score, f1_score, jaccard_score, roc_auc_score

    from workbook import core

    worst = dict.fromkeys(OURS, 0.0)
    for case in range(cases):
        share = torch.rand(()) ** 2
        mask = (torch.rand(1, 1, SIZE, SIZE) < share).float()
        mask[..., 0, 0], mask[..., 0, 1] = 0, 1  # both kinds, so that every score is defined
        pred = make(torch.randn(mask.shape) + 2 * mask - 1)
        real = None if case % 2 else (torch.rand(mask.shape) < 0.8).float()
        if real is not None:
            real[..., 0, :2] = 1
        keep = (torch.ones_like(mask) if real is None else real).flatten().bool()
        truth, score = mask.flatten()[keep].numpy(), pred.flatten()[keep].numpy()
        found = score > 0.5
        referee = {
            "PixelF1": f1_score(truth, found, zero_division=0),
            "PixelIoU": jaccard_score(truth, found, zero_division=0),
            "PixelAccuracy": accuracy_score(truth, found),
            "PixelAUC": roc_auc_score(truth, score),
        }
        for name, expected in referee.items():
            metric = getattr(core, name)()
            metric.update(pred, mask, real)
            worst[name] = max(worst[name], abs(metric.compute().item() - expected))
    return worst


def delicate() -> dict[str, tuple[str, torch.Tensor, torch.Tensor]]:
    """Name -> the score in question, prediction, mask."""
    empty, top, bottom = (torch.zeros(1, 1, 16, 16) for _ in range(3))
    top[..., :4, :] = 1
    bottom[..., 12:, :] = 1
    flat = torch.full_like(empty, 0.3)
    return {
        "AUC of a constant, mask at the top": ("PixelAUC", flat, top),
        "AUC of a constant, mask at the bottom": ("PixelAUC", flat, bottom),
        "AUC of an authentic image": ("PixelAUC", flat, empty),
        "AUC of an image tampered all over": ("PixelAUC", flat, empty + 1),
        "F1 of an authentic image, nothing marked": ("PixelF1", empty, empty),
        "F1 of an authentic image, all marked": ("PixelF1", empty + 1, empty),
        "F1, all right, mask of 0 and 255": ("PixelF1", top, 255 * top),
        "F1, a prediction with NaN": ("PixelF1", flat * float("nan"), top),
        "F1, logits for probabilities": ("PixelF1", 4 * top - 2, top),
    }


def said(function, *inputs: torch.Tensor) -> str:
    """A number, or the kind of error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return f"{float(function(*inputs)):.2f}"
    except Exception as error:  # noqa: BLE001 - whatever a peer does is the answer here
        return f"{type(error).__name__}"


def ours_say(score: str, pred: torch.Tensor, mask: torch.Tensor) -> str:
    """Our metric with its defaults."""
    from workbook import core

    return said(getattr(core, score)(), pred, mask)


def torchmetrics_says(score: str, pred: torch.Tensor, mask: torch.Tensor) -> str:
    """The binary metric of torchmetrics with its defaults."""
    from torchmetrics.classification import BinaryAUROC, BinaryF1Score

    return said({"PixelAUC": BinaryAUROC, "PixelF1": BinaryF1Score}[score](), pred, mask.long())


def scikit_says(score: str, pred: torch.Tensor, mask: torch.Tensor) -> str:
    """scikit-learn with its defaults."""
    from sklearn.metrics import f1_score, roc_auc_score

    if score == "PixelAUC":
        return said(lambda: roc_auc_score(mask.flatten(), pred.flatten()))
    return said(lambda: f1_score(mask.flatten(), (pred > 0.5).flatten()))


def serve() -> None:
    """The peer's side: IMDL-BenCo's answers as JSON."""
    from IMDLBenCo.evaluation import PixelAUC, PixelF1

    evaluators = {"PixelAUC": PixelAUC(), "PixelF1": PixelF1()}
    found = {
        name: said(evaluators[score].batch_update, pred, mask)
        for name, (score, pred, mask) in delicate().items()
    }
    print("answers " + json.dumps(found))


def ask(peer: str | None) -> dict[str, str]:
    """IMDL-BenCo's answers, or none."""
    if peer is None:
        return {}
    answer = subprocess.run([peer, __file__, "--serve"], capture_output=True, text=True, check=False).stdout
    lines = [line for line in answer.splitlines() if line.startswith("answers ")]
    return json.loads(lines[0].removeprefix("answers ")) if lines else {}


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="the Python of the environment that has imdlbenco")
    parser.add_argument("--cases", type=int, default=CASES, help="random cases of each kind")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return
    torch.manual_seed(0)
    torch.set_num_threads(1)
    print("| predictions | cases | " + " | ".join(OURS) + " |\n|---|---:|" + "---:|" * len(OURS))
    for kind, make in kinds().items():
        worst = differences(make, arguments.cases)
        print(f"| {kind} | {arguments.cases} | " + " | ".join(f"{worst[name]:.0e}" for name in OURS) + " |")
    peer = ask(arguments.peer)
    print("\n| image | ours | scikit-learn | torchmetrics | IMDL-BenCo |\n|---|---|---|---|---|")
    for name, (score, pred, mask) in delicate().items():
        row = [
            ours_say(score, pred, mask),
            scikit_says(score, pred, mask),
            torchmetrics_says(score, pred, mask),
        ]
        print(f"| {name} | " + " | ".join([*row, peer.get(name, "not installed")]) + " |")


if __name__ == "__main__":
    main()
