"""The end of an epoch: every set's scores, pictures of fixed images, and whether this epoch is the best."""

from __future__ import annotations

from typing import Any

import torch

from workbook.core.batch import denormalize, prepare_batch
from workbook.core.errors import DataError
from workbook.core.evaluate import validate
from workbook.core.loading import read_batches
from workbook.core.metrics import update_metric
from workbook.core.model import run_model
from workbook.core.progress import Row
from workbook.core.run import Run
from workbook.core.run_folder import Progress
from workbook.core.sampling import seed_all

PICTURES = 4  # images of the strip that is shown after each test
Pictures = dict[str, torch.Tensor]


class Stopped(Exception):
    """A test was interrupted; it is done anew when the run goes on."""


def score_sets(run: Run) -> tuple[dict[str, float], Pictures]:
    """Score the model on every named set.

    Returns:
        Of one set its scores under their own names; of several each set's under `set/score`, and the mean
        of the sets under `score`. And pictures of the first images of the first set, float (N, 1 or 3, H,
        W) in [0, 1]: the image, its mask, the prediction, and the model's `visual_image`.

    Raises:
        Stopped: an interrupt came.
    """
    pictures: Pictures = {}

    def take(number: int, batch: dict[str, Any], outputs: dict[str, Any]) -> None:
        if run.stop() and run.accelerator.num_processes == 1:  # several cannot stop but together
            raise Stopped
        if number or pictures or not run.accelerator.is_main_process:
            return
        shown = {"image": denormalize(batch["image"])} | {k: batch[k] for k in ("mask",) if k in batch}
        shown |= {k: outputs[k] for k in ("pred_mask",) if k in outputs} | outputs["visual_image"]
        pictures.update({k: v[:PICTURES].detach().float().clamp(0, 1).cpu() for k, v in shown.items()})

    named: dict[str, float] = {}
    of_all: dict[str, list[float]] = {}
    for name, loader in run.tests.items():
        seed_all(run.settings.seed, run.progress.epoch, 2)
        scores = validate(
            run.net,
            read_batches(loader),
            run.metrics,
            accelerator=run.accelerator,
            signature=run.signature,
            on_batch=take,
        )
        for score, value in scores.items():
            of_all.setdefault(score, []).append(value)
            if name:
                named[f"{name}/{score}"] = value
    return {score: sum(values) / len(values) for score, values in of_all.items()} | named, pictures


def check_sets(run: Run) -> None:
    """Try the model and the metrics on one batch of every set, so that a test stumbles now or never.

    Raises:
        WorkbookError: the model or the data lack what a metric needs, or what is watched.
    """
    seed_all(run.settings.seed, 3)
    for name, loader in run.tests.items():
        keys = next(iter(loader.batch_sampler), None)  # type: ignore[arg-type]
        if keys is None:
            continue  # a set with fewer images than there are processes
        batch = prepare_batch(
            loader.collate_fn([loader.dataset[key] for key in keys]), run.accelerator.device
        )
        run.net.eval()
        with torch.no_grad():
            outputs = run_model(run.net, batch, run.signature, values=True)
        for metric in run.metrics:
            metric.to(run.accelerator.device).reset()
            update_metric(metric, outputs, batch)
            metric.reset()
        if run.watch in ("valid_loss", f"{name}/valid_loss") and "backward_loss" not in outputs:
            raise DataError(
                f"{name or 'valid_data'}: has no masks, so no valid_loss to watch; watch 'loss', say"
            )


def rank(progress: Progress, row: Row, watch: str, *, higher: bool, keep: int) -> tuple[bool, bool]:
    """Note an epoch's watched score.

    Args:
        progress: of the run; its `best`, `waited` and `top` are brought up to date.
        row: of the epoch.
        watch: its column that counts. NaN, a score undefined on the data, is no better than anything.
        higher: whether more of it is better.
        keep: how many of the best there are in `top`.

    Returns:
        Whether the epoch is the best so far, and whether it is in `top`.

    >>> progress = Progress()
    >>> [rank(progress, {"epoch": e, "f1": f}, "f1", higher=True, keep=1) for e, f in ((1, 0.5), (2, 0.4))]
    [(True, True), (False, False)]
    """
    score = row[watch]
    if score != score:
        progress.waited += 1
        return False, False
    sign = 1 if higher else -1
    best = progress.best is None or sign * score > sign * progress.best
    if best:
        progress.best, progress.best_epoch, progress.waited = score, row["epoch"], 0
    else:
        progress.waited += 1
    entry = [score, row["epoch"]]
    progress.top = sorted([*progress.top, entry], key=lambda t: (-sign * t[0], t[1]))[:keep]
    return best, entry in progress.top
