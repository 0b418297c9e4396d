"""Scores of a model on a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from workbook.core.batch import prepare_batch
from workbook.core.errors import DataError
from workbook.core.metrics import Metrics, listed_metrics, metric_values, named_metrics, update_metric
from workbook.core.model import Signature, read_signature, run_model

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

    Returns:
        `{"valid_loss": mean over the images, "<metric>": value}`; the loss only where there are masks.

    Raises:
        WorkbookError: two metrics have one name, or one gives several numbers.
        DataError: the loader gave no batch, to any process.
    """
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
            outputs = run_model(model, batch, signature)
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
    if not total[2]:
        raise DataError("the loader gave no batch to score; check what its dataset and sampler hold")
    scores = {"valid_loss": total[0] / total[1]} if total[1] else {}
    return scores | metric_values(metrics)
