"""The model's maps of a dataset, each at its image's own size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workbook.core.batch import collate, prepare_batch
from workbook.core.datasets import PairDataset
from workbook.core.model import run_model
from workbook.core.pairs import Pair
from workbook.core.signature import read_signature


@dataclass(frozen=True)
class Prediction:
    """What a model says of one image.

    Attributes:
        pair: the image and its mask on disk.
        image: uint8 (3, H, W).
        mask: float32 (1, H, W), the truth.
        pred_mask: float32 (1, H, W) in [0, 1].
        pred_label: the probability that the image is tampered; None where the model gives none.
    """

    pair: Pair
    image: Tensor
    mask: Tensor
    pred_mask: Tensor
    pred_label: float | None


@torch.no_grad()
def predict(model: nn.Module, pairs: Iterable[Pair]) -> list[Prediction]:
    """Run a model over pairs, one image at a time at its own size; all results are on the CPU.

    The truth is read for the result and never shown to the model, which is left in the mode it was in.

    Args:
        model: a model of `workbook.core.model`, on any device.
        pairs: what to read.

    Raises:
        DataError: no pairs, or a file that cannot be read.
        ModelError: the model does not keep its contract.

    >>> predict(nn.Identity(), [])
    Traceback (most recent call last):
    ...
    workbook.core.errors.DataError: there are no pairs to make a dataset of; check what was listed or filtered
    """
    dataset = PairDataset(pairs)
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    signature = read_signature(model)
    training = model.training
    model.eval()
    found = []
    try:
        for number, pair in enumerate(dataset.pairs):
            sample = dataset[number]
            batch = prepare_batch(collate([{"image": sample["image"], "name": sample["name"]}]), device)
            outputs = run_model(model, batch, signature, values=number == 0)
            label = outputs.get("pred_label")
            found.append(
                Prediction(
                    pair,
                    sample["image"],
                    sample["mask"],
                    outputs["pred_mask"][0].float().cpu(),
                    None if label is None else float(label[0]),
                )
            )
    finally:
        model.train(training)
    return found
