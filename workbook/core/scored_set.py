"""One dataset through one model: what each image scored, gathered from all processes, in one order."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from workbook.core.batch import collate
from workbook.core.curve_metrics import PixelAUC
from workbook.core.devices import loader_workers
from workbook.core.errors import DataError, WorkbookError
from workbook.core.evaluate import validate
from workbook.core.metrics import named_metrics, update_metric
from workbook.core.pairs import Pair
from workbook.core.pixel_metrics import PixelScore
from workbook.core.score_metric import Score
from workbook.core.size_batches import WAITING, at_once, batches_of_one_size, read_ahead

Kind = Callable[[Pair], str] | str | None
Record = dict[str, Any]  # what is known of one image


@dataclass
class ScoredSet:
    """The images of a set and what each metric keeps of them.

    Attributes:
        images: a record an image, `name`, `kind`, `label`, `pred_label`, in the order of their paths (or
            places), so that the order in which they were listed does not matter.
        rows: of each metric that keeps rows, (N, columns) int64, in the same order.
        whole: the value of each metric that keeps none, by kind; of all images under "all".
        unreadable: why an image is missing, by its name.
    """

    images: list[Record]
    rows: dict[str, Tensor]
    whole: dict[tuple[str, str], float]
    unreadable: dict[str, str]

    def kinds(self) -> list[str]:
        """First "all"; then, where there are several, each kind."""
        kinds = sorted({image["kind"] for image in self.images})
        return ["all", *(kinds if len(kinds) > 1 else [])]

    def rows_of(self, name: str, kind: str) -> Tensor:
        """A metric's rows of the images of a kind."""
        if kind == "all":
            return self.rows[name]
        return self.rows[name][torch.tensor([image["kind"] == kind for image in self.images])]


def keeps_rows(metric: Metric) -> bool:
    """Whether a score can be had of any of the images from what the metric keeps of each."""
    return isinstance(metric, Score) and not (isinstance(metric, PixelAUC) and metric.average == "pooled")


def score_set(
    model: nn.Module,
    dataset: Any,
    metrics: Sequence[Metric],
    *,
    kind: Kind = None,
    batch_size: int = 8,
    workers: int | None = None,
    on_image: Callable[[], object] = lambda: None,
) -> ScoredSet:
    """Run a model over a dataset; under several processes each takes every n-th image, and all get the whole.

    Args:
        model: see `evaluate`.
        dataset: of samples.
        metrics: with names of their own.
        kind: see `evaluate`.
        batch_size: images of one size at once.
        workers: threads that read ahead.
        on_image: called after each image of this process.

    Raises:
        DataError: no image can be read.
    """
    rank, processes = share()
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    shown: list[tuple[int, Record]] = []  # the images in the order in which the metrics see them
    unreadable: dict[str, str] = {}
    named = named_metrics(metrics)
    others = {name: metric for name, metric in named.items() if not keeps_rows(metric)}
    leaders: dict[Hashable, Metric] = {}  # metrics that keep the same of an image: one of them sees it
    led = {name: leaders.setdefault(_kept(metric), metric) for name, metric in named.items()}
    of_kind: dict[tuple[str, str], Metric] = {}
    seen = 0

    def batches() -> Iterator[dict[str, Any]]:
        samples = read_samples(dataset, range(rank, len(dataset), processes), workers, device, unreadable)
        for group in batches_of_one_size(samples, _alike, lambda s: at_once(batch_size, _pixels(s), device),
                                         WAITING * batch_size):  # fmt: skip
            shown.extend((i, describe(dataset, i, sample, kind)) for i, sample in group)
            yield collate([sample for _, sample in group])

    def on_batch(_: int, batch: dict[str, Any], outputs: dict[str, Any]) -> None:
        nonlocal seen
        new = [record for _, record in shown[seen:]]
        labels = outputs["pred_label"].tolist() if "pred_label" in outputs else [math.nan] * len(new)
        for record, label in zip(new, labels, strict=True):
            record["pred_label"] = label
            on_image()
        for name, metric in others.items():
            for which in {record["kind"] for record in new}:
                place = [i for i, record in enumerate(new) if record["kind"] == which]
                clone = of_kind.setdefault((name, which), _fresh(metric, device))
                update_metric(clone, chosen(outputs, place, len(new)), chosen(batch, place, len(new)))
        seen = len(shown)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"The ``compute`` method", category=UserWarning)
        warnings.filterwarnings("ignore", message=r".* is undefined \(NaN\)", category=UserWarning)
        scores = validate(
            model, batches(), list(leaders.values()), device=device, on_batch=on_batch, loss=False
        )
        whole = {(name, "all"): scores[name] for name in others}
        for name in others:
            for which in _all_kinds([record["kind"] for _, record in shown]):
                clone = of_kind.get((name, which)) or _fresh(others[name], device)
                whole[name, which] = float(clone.compute())
    rows = {
        name: led[name]._all_rows()  # type: ignore[operator]
        for name, metric in named.items()
        if keeps_rows(metric)
    }
    return _gathered(shown, rows, whole, unreadable)


def _kept(metric: Metric) -> Hashable:
    """What a metric keeps of an image; counts of pixels at a threshold serve several scores."""
    counts = isinstance(metric, PixelScore) and type(metric)._measure is PixelScore._measure
    return metric.threshold if counts else id(metric)


def share() -> tuple[int, int]:
    """This process's number, and how many there are."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def read_samples(
    dataset: Any, indices: range, workers: int | None, device: torch.device, unreadable: dict[str, str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Samples with their places; one that cannot be read is warned of, and why is noted by its name."""

    def read(index: int) -> Any:
        try:
            return dataset[index]
        except DataError as error:
            return error

    for index, sample in zip(
        indices, read_ahead(read, indices, loader_workers(workers, device)), strict=True
    ):
        if isinstance(sample, DataError):
            pairs = getattr(dataset, "pairs", None)
            unreadable[pairs[index].name if pairs is not None else f"sample {index}"] = str(sample)
            warnings.warn(f"left out: {sample}", stacklevel=2)
            continue
        fields = dict(sample) if isinstance(sample, Mapping) else {"image": sample[0], "mask": sample[1]}
        if "label" not in fields and "mask" in fields:
            fields["label"] = (fields["mask"] > 0.5).any().float()
        yield index, fields


def describe(dataset: Any, index: int, sample: Mapping[str, Any], kind: Kind = None) -> Record:
    """What is known of an image before it is scored: `key` (for the order), `name`, `kind`, `label`."""
    pairs = getattr(dataset, "pairs", None)
    pair = pairs[index] if pairs is not None else None
    label = float(sample["label"]) if "label" in sample else math.nan
    if isinstance(kind, str):
        if kind not in sample:
            raise WorkbookError(f"kind={kind!r}: the samples have no such field, only {', '.join(sample)}")
        which = str(sample[kind])
    elif kind is not None and pair is not None:
        which = str(kind(pair))
    elif kind is not None:
        raise WorkbookError(
            "kind is a function of a pair, but the dataset has no pairs; name a field of its samples"
        )
    else:
        which = "tampered" if label > 0 else "authentic" if label == 0 else "unknown"
    name = pair.name if pair is not None else str(sample.get("name", f"sample {index}"))
    return {
        "key": (str(pair.image) if pair is not None else "", index),
        "name": name,
        "kind": which,
        "label": label,
    }


def chosen(fields: Mapping[str, Any], place: list[int], number: int) -> dict[str, Any]:
    """The images of a batch at some places."""
    result: dict[str, Any] = {}
    for key, value in fields.items():
        if isinstance(value, Tensor) and value.ndim and len(value) == number:
            result[key] = value[place]
        elif isinstance(value, list) and len(value) == number:
            result[key] = [value[i] for i in place]
        else:
            result[key] = value
    return result


def _fresh(metric: Metric, device: torch.device) -> Metric:
    clone = copy.deepcopy(metric).to(device)
    clone.reset()
    return clone


def _alike(item: tuple[int, dict[str, Any]]) -> Any:
    image = item[1]["image"]
    return tuple(image.shape), image.dtype, frozenset(item[1])


def _pixels(item: tuple[int, dict[str, Any]]) -> int:
    return int(item[1]["image"][0].numel())


def _all_kinds(mine: list[str]) -> list[str]:
    """The kinds that any process saw, in one order for all, since scores are exchanged kind by kind."""
    return sorted({kind for kinds in _exchange(mine) for kind in kinds})


def _gathered(
    shown: list[tuple[int, Record]],
    rows: dict[str, Tensor],
    whole: dict[tuple[str, str], float],
    unreadable: dict[str, str],
) -> ScoredSet:
    parts = _exchange(([record for _, record in shown], rows, unreadable))
    records = [record for part in parts for record in part[0]]
    missing = {name: why for part in parts for name, why in part[2].items()}
    if not records:
        why = next(iter(missing.values()), "it is empty")
        raise DataError(f"no image of the dataset can be read; the first: {why}")
    order = sorted(range(len(records)), key=lambda i: records[i]["key"])
    together = {name: torch.cat([part[1][name] for part in parts])[order] for name in rows}
    return ScoredSet([records[i] for i in order], together, whole, missing)


def _exchange(mine: Any) -> list[Any]:
    """The same from every process, in their order."""
    processes = share()[1]
    if processes == 1:
        return [mine]
    parts: list[Any] = [None] * processes
    torch.distributed.all_gather_object(parts, mine)
    return parts
