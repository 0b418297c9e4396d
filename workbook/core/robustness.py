"""How a model's scores fall when its images were recompressed, blurred, or changed in any other way."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torchmetrics import Metric

from workbook.core.batch import collate, prepare_batch
from workbook.core.errors import DataError
from workbook.core.metrics import PixelF1, named_metrics, update_metric
from workbook.core.model import run_model
from workbook.core.named_sets import named_sets
from workbook.core.perturbations import Perturbation, find_perturbations, image_seed
from workbook.core.post_funcs import SampleFunction, add_fields
from workbook.core.progress import image_bar
from workbook.core.scored_set import read_samples, share
from workbook.core.signature import read_signature, without_truth
from workbook.core.size_batches import WAITING, at_once, batches_of_one_size

if TYPE_CHECKING:
    import pandas as pd

CLEAN = "clean"


@torch.no_grad()
def robustness(
    model: nn.Module,
    dataset: Any,
    perturbations: Any = None,
    metrics: Sequence[Metric] | None = None,
    *,
    size: int | tuple[int, int] | None = None,
    seed: int = 0,
    batch_size: int = 8,
    workers: int | None = None,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Score a model on a dataset, clean and under each perturbation at each strength.

    Each image is read once. Perturbations see it as the model would, after resizing; they run on the model's
    device and keep its size, so that its mask still fits; a dataset's `post_func` is called anew on what they
    make. What they draw depends on `seed` and on the image's place in the dataset alone. Launched as several
    processes, each takes a share, and all return the same.

    Args:
        model: a model of `workbook.core.model`, on any device; it is left as it was.
        dataset: what `evaluate` takes, one of it; its images must be uint8.
        perturbations: see `find_perturbations`; None: JPEG, blur, noise and resizing.
        metrics: torchmetrics; None: pixel F1.
        size: what images of a folder or list are fitted to.
        seed: of the draws.
        batch_size: images at once.
        workers: threads that read ahead.
        progress: show a bar; None: for more than 100 images, unless the environment has `CI`.

    Returns:
        A row for the clean images (`perturbation` "clean", `strength` NaN) and for each perturbation and
        strength; columns `perturbation`, `strength`, `unit`, and one a score.

    Raises:
        DataError: no image can be read, or images that are no levels.
        WorkbookError: a perturbation changes an image's size or type, or there is none of that name.

    >>> from workbook.models import MyModel
    >>> square = {"image": torch.zeros(3, 32, 32, dtype=torch.uint8), "mask": torch.ones(1, 32, 32)}
    >>> robustness(MyModel(), [square], {"jpeg": [90, 50]})["perturbation"].tolist()
    ['clean', 'jpeg', 'jpeg']
    """
    import pandas as pd

    sets = named_sets(dataset, size)
    if len(sets) != 1:
        raise DataError(f"there are {len(sets)} datasets ({', '.join(sets)}); give robustness one of them")
    data = next(iter(sets.values()))
    asked = [PixelF1()] if metrics is None else list(metrics)
    names = list(named_metrics(asked))
    cells = [(one, strength) for one in find_perturbations(perturbations) for strength in one.strengths]
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    scored = [[_fresh(metric, device) for metric in asked] for _ in range(1 + len(cells))]
    rank, processes = share()
    indices = range(rank, len(data), processes)
    read = 0
    with image_bar(len(indices), "robustness", progress) as bar, _evaluating(model):
        samples = read_samples(data, indices, workers, device, {})
        for group in batches_of_one_size(
            samples,
            lambda s: (tuple(s[1]["image"].shape), frozenset(s[1])),
            lambda s: at_once(batch_size, s[1]["image"][0].numel(), device),
            WAITING * batch_size,
        ):
            raw = collate([sample for _, sample in group])
            seeds = [image_seed(seed, index) for index, _ in group]
            adding = getattr(data, "post_funcs", ())
            _score_cells(model, raw, seeds, cells, scored, device, adding, first=read == 0)
            read += len(group)
            bar.update(len(group))
    if not read and processes == 1:
        raise DataError("no image of the dataset can be read")
    table = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"The ``compute`` method", category=UserWarning)
        for cell, of_cell in zip([None, *cells], scored, strict=True):
            values = dict(zip(names, (float(metric.compute()) for metric in of_cell), strict=True))
            where = (CLEAN, float("nan"), "") if cell is None else (cell[0].name, cell[1], cell[0].unit)
            table.append(dict(zip(("perturbation", "strength", "unit"), where, strict=True)) | values)
    return pd.DataFrame(table)


def _score_cells(
    model: nn.Module,
    raw: dict[str, Any],
    seeds: list[int],
    cells: list[tuple[Perturbation, float]],
    scored: list[list[Metric]],
    device: torch.device,
    post_funcs: Sequence[SampleFunction],
    first: bool,
) -> None:
    """Score one batch clean and under each perturbation at each strength."""
    images, signature = raw["image"].to(device), read_signature(model)
    if images.dtype != torch.uint8:
        raise DataError(f"images are {images.dtype}; perturbations need uint8 levels")
    for cell, metrics in zip([None, *cells], scored, strict=True):
        changed = images
        if cell is not None:
            one, strength = cell
            changed = torch.stack([one(im, strength, s) for im, s in zip(images, seeds, strict=True)])
        batch = prepare_batch(_with_fields({**raw, "image": changed}, post_funcs), device)
        outputs = run_model(model, without_truth(batch), signature, values=first)
        for metric in metrics:
            update_metric(metric, outputs, batch)


def _with_fields(raw: dict[str, Any], post_funcs: Sequence[SampleFunction]) -> dict[str, Any]:
    """The batch with the fields that a dataset's functions make of the images as they are now."""
    if not post_funcs:
        return raw
    raw = {**raw, "image": raw["image"].cpu()}
    samples = [{key: value[i] for key, value in raw.items()} for i in range(len(raw["image"]))]
    return collate([add_fields(sample, post_funcs) for sample in samples])


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; afterwards in the mode it was in."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def _fresh(metric: Metric, device: torch.device) -> Metric:
    clone = copy.deepcopy(metric).to(device)
    clone.reset()
    return clone
