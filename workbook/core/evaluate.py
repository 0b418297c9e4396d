"""Scores of a model: on one loader, as a trainer asks for them, and on many sets and checkpoints."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from workbook.core.batch import prepare_batch
from workbook.core.errors import DataError
from workbook.core.fit import Fit
from workbook.core.model import Signature, read_signature, run_model
from workbook.core.signature import without_truth

if TYPE_CHECKING:
    from torchmetrics import Metric

    from workbook.core.evaluation import Evaluation
    from workbook.core.metrics import Metrics
    from workbook.core.protocols import Protocol
    from workbook.core.scored_set import Kind

OnBatch = Callable[[int, dict[str, Any], dict[str, Any]], None]


@torch.no_grad()
def validate(
    model: nn.Module,
    loader: Iterable[Any],
    metrics: Metrics,
    *,
    accelerator: Any = None,
    device: torch.device | str | None = None,
    signature: Signature | None = None,
    on_batch: OnBatch | None = None,
    loss: bool = True,
) -> dict[str, float]:
    """Run a model over a loader once and return its mean loss and every metric.

    The model is left in the mode it was in. Under several processes each brings its own share of the data;
    the loss and the metrics are then those of the whole.

    Args:
        model: a model of `workbook.core.model`.
        loader: batches for `prepare_batch`.
        metrics: torchmetrics, in a list, a `MetricCollection` or both; they are reset first.
        accelerator: of the trainer, whose device is used.
        device: where the model is; its own device when None.
        signature: from `read_signature(model)`.
        on_batch: called with each batch's number, the prepared batch and the outputs.
        loss: show the model the truth, so that it returns its loss; else it need not have one.

    Returns:
        `{"valid_loss": mean over the images, "<metric>": value}`; the loss only where there are masks.

    Raises:
        WorkbookError: two metrics have one name, or one gives several numbers.
        DataError: the loader gave no batch, to any process.
    """
    from workbook.core.metrics import listed_metrics, metric_values, named_metrics, update_metric

    device = accelerator.device if accelerator is not None else device or next(model.parameters()).device
    signature = signature or read_signature(model)
    metrics = listed_metrics(metrics)
    named_metrics(metrics)  # refuses two of one name before the model runs
    for metric in metrics:
        metric.to(device)
        metric.reset()
    losses, counts = [], []  # read once at the end: reading each would make a GPU wait
    seen = 0
    training = model.training
    model.eval()
    try:
        for number, raw in enumerate(loader):
            batch = prepare_batch(raw, device)
            seen += len(batch["image"])
            outputs = run_model(model, batch if loss else without_truth(batch), signature)
            for metric in metrics:
                update_metric(metric, outputs, batch)
            if "backward_loss" in outputs:
                losses.append(outputs["backward_loss"].float())
                counts.append(len(batch["image"]))
            if on_batch is not None:
                on_batch(number, batch, outputs)
    finally:
        model.train(training)
    means = torch.stack(losses).tolist() if losses else []
    total = [sum(mean * count for mean, count in zip(means, counts, strict=True)), float(sum(counts)), seen]
    if accelerator is not None and accelerator.num_processes > 1:
        total = accelerator.reduce(torch.tensor(total, device=device), "sum").tolist()
    if loss and not total[2]:  # without, this may be an empty share of a set that others have images of
        raise DataError("the loader gave no batch to score; check what its dataset and sampler hold")
    scores = {"valid_loss": total[0] / total[1]} if total[1] else {}
    return scores | metric_values(metrics)


def evaluate(
    model: nn.Module,
    datasets: Any,
    metrics: Sequence[Metric] | None = None,
    *,
    checkpoints: Any = None,
    protocol: str | Protocol | Iterable[str | Protocol] | None = None,
    kind: Kind = None,
    size: int | tuple[int, int] | None = None,
    fit: Fit = "resize",
    batch_size: int = 8,
    workers: int | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    tensorboard: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Evaluation:
    """Score a model, or several checkpoints of it, on several datasets; each image's scores are kept.

    The model is not shown the truth, and is left as it was, its weights included. Images of one size share a
    batch and none is padded, so that scores depend neither on the order of files nor on batches. Launched
    as several processes (`torch.distributed` or Accelerate), each takes a share of the images, and all return
    the same.

    Args:
        model: a model of `workbook.core.model`, on any device.
        datasets: a dataset, pairs, a folder, a JSON file, IMDL-BenCo's `test_datasets.json`, or a dictionary
            of such; see `named_sets`.
        metrics: torchmetrics; None: pixel F1, pixel IoU and the false alarm rate, or only the protocols where
            there are any. A metric that is not of this library gets no interval and no value for each image.
        checkpoints: a path, a list of paths or a dictionary of them (see `load_checkpoint`); None: as it is.
        protocol: score pixel F1 as others do, too: names of `PROTOCOLS`, protocols of one's own, or "all".
        kind: what an image is: a function of its `Pair` (`workbook.curation.names.kind_of` tells splices from
            copy-moves by CASIA's names), or a field of the samples; None: tampered or authentic.
        size: what images of folders and lists are fitted to; None: their own size. A dataset has its own.
        fit: how, see `PairDataset`.
        batch_size: images at once; on a CPU, large ones go alone.
        workers: threads that read ahead; None: some beside a GPU, none on a CPU.
        confidence: of the bootstrap intervals; see `interval`.
        resamples: of the intervals.
        seed: of the intervals.
        tensorboard: a folder for curves over the checkpoints.
        progress: show a bar; None: for more than 100 images, unless the environment has `CI`.

    Returns:
        The table, the images' scores, and what could not be read; see `Evaluation`.

    Raises:
        CheckpointError: no such checkpoint, or one of another model (the first keys that differ are named).
        DataError: no such dataset, or none of its images can be read.
        WorkbookError: two metrics of one name, no protocol of a name, settings that cannot be.

    >>> from workbook.models import MyModel
    >>> square = {"image": torch.zeros(3, 8, 8, dtype=torch.uint8), "mask": torch.ones(1, 8, 8), "name": "a"}
    >>> evaluate(MyModel(), [square, square], resamples=10).images[["name", "kind"]].iloc[0].tolist()
    ['a', 'tampered']
    """
    import copy

    import pandas as pd

    # Here, since `score_set` itself uses `validate`, and the trainer, which does so too, needs none of it.
    from workbook.core.checkpoint import load_checkpoint
    from workbook.core.evaluation import Evaluation, write_curves
    from workbook.core.metrics import named_metrics
    from workbook.core.named_sets import named_checkpoints, named_sets
    from workbook.core.progress import image_bar
    from workbook.core.score_rows import all_metrics, image_rows, summary_rows
    from workbook.core.scored_set import score_set, share
    from workbook.core.signature import unwrap

    scored, options = (
        all_metrics(metrics, protocol),
        dict(confidence=confidence, resamples=resamples, seed=seed),
    )
    named_metrics(scored)
    sets, points = named_sets(datasets, size, fit), named_checkpoints(checkpoints)
    net = unwrap(model)
    before = copy.deepcopy(net.state_dict()) if any(points.values()) else None
    table, images = [], []
    unreadable: dict[tuple[str, str], str] = {}
    with image_bar(
        len(points) * sum(len(data) for data in sets.values()) // share()[1], "evaluate", progress
    ) as bar:
        try:
            for point, file in points.items():
                if file is not None:
                    load_checkpoint(file, net)
                for name, data in sets.items():
                    found = score_set(
                        model,
                        data,
                        scored,
                        kind=kind,
                        batch_size=batch_size,
                        workers=workers,
                        on_image=bar.update,
                    )
                    where = {"checkpoint": point, "dataset": name}
                    table += [where | row for row in summary_rows(found, scored, **options)]
                    images += [where | row for row in image_rows(found, scored)]
                    unreadable |= {(name, image): why for image, why in found.unreadable.items()}
        finally:
            if before is not None:
                net.load_state_dict(before)
    result = Evaluation(pd.DataFrame(table), pd.DataFrame(images), unreadable)
    if tensorboard is not None and share()[0] == 0:
        write_curves(tensorboard, result.table)
    return result
