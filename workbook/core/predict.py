"""The model's maps of any images, each at its image's own size."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workbook.core.batch import collate, prepare_batch
from workbook.core.devices import loader_workers
from workbook.core.errors import DataError, ModelError, WorkbookError
from workbook.core.fit import Fit, fit_sample, read_size
from workbook.core.memory import out_of_memory
from workbook.core.model import run_model
from workbook.core.pairs import Pair
from workbook.core.post_funcs import SampleFunction, add_fields
from workbook.core.prediction import Prediction, Predictions
from workbook.core.prediction_inputs import Input, Loaded, prediction_inputs
from workbook.core.progress import image_bar
from workbook.core.saved_maps import output_stems, save_maps
from workbook.core.score_inputs import check_threshold
from workbook.core.signature import read_signature, without_truth
from workbook.core.size_batches import WAITING, at_once, batches_of_one_size, read_ahead
from workbook.core.tiles import predict_tiles


class _Job(NamedTuple):
    number: int
    loaded: Loaded
    fields: dict[str, Any]  # what the model gets


def predict(model: nn.Module, inputs: Any, **options: Any) -> Predictions:
    """Run a model over images and bring its maps back to their original sizes; all results are on the CPU.

    The model stays on its device and is left in the mode it was in; a truth is never shown to it. An image
    that cannot be read is left out, warned of, and noted in `unreadable`.

    Args:
        model: a model of `workbook.core.model`, on any device.
        inputs: one or many images (a path, a folder, a JSON of pairs, a `Pair`, an array, a Pillow image), or
            a dataset; see `prediction_inputs`.
        **options: those of `iter_predict`: `size`, `fit`, `tile`, `overlap`, `batch_size`, `threshold`,
            `save`, `workers`, `progress`, `post_funcs`.

    Raises:
        DataError: no image, or none that can be read.
        ModelError: the model does not keep its contract, or marks no pixels.
        WorkbookError: options that contradict each other.

    >>> from workbook.models import MyModel
    >>> found = predict(MyModel(), torch.zeros(3, 40, 60, dtype=torch.uint8), size=32)
    >>> found[0].pred_mask.shape, found[0].marked.dtype
    (torch.Size([1, 40, 60]), torch.bool)
    """
    unreadable: dict[str, str] = {}
    found = Predictions(iter_predict(model, inputs, unreadable=unreadable, **options))
    found.unreadable = unreadable
    if unreadable and not found:
        raise DataError(f"no image can be read; the first: {next(iter(unreadable.values()))}")
    return found


@torch.no_grad()
def iter_predict(
    model: nn.Module,
    inputs: Any,
    *,
    size: int | tuple[int, int] | None = None,
    fit: Fit = "resize",
    tile: int | None = None,
    overlap: int | None = None,
    batch_size: int = 8,
    threshold: float = 0.5,
    save: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: bool | None = None,
    post_funcs: Sequence[SampleFunction] = (),
    unreadable: dict[str, str] | None = None,
) -> Iterator[Prediction]:
    """`predict`, one image after the other: for more photographs than memory holds.

    Args:
        model: see `predict`.
        inputs: see `predict`.
        size: what images are fitted to for the model; None: their own size.
        fit: "resize", or "pad" (at the bottom and right; for images up to that size).
        tile: predict in overlapping tiles of this side, blended, for photographs that are too large at once.
        overlap: of the tiles, in pixels; a quarter of a tile when None.
        batch_size: images (or tiles) at once. Only images of one size share a batch, so that none is padded;
            on a CPU, large ones go alone.
        threshold: a pixel is marked where its probability is above it.
        save: a folder that gets `<image>_prob.png` and `<image>_pred.png` (see `save_maps`). It must not hold
            the images themselves.
        workers: threads that read ahead; None: some beside a GPU, none on a CPU.
        progress: show a bar; None: for more than 100 images, unless the environment has `CI`.
        post_funcs: what adds fields that the model takes, as a dataset's `post_func` does; not to tiles.
        unreadable: gets why an image is missing, by its name.
    """
    check_threshold(threshold)
    items = prediction_inputs(inputs)
    if not items:
        raise DataError("there are no images to predict; check what was listed or filtered")
    fitted = _check_fit(inputs, read_size(size), tile)
    stems = output_stems([one.path for one in items], [one.name for one in items])
    if save is not None:
        _check_folder(Path(save), items)
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    runner = _Runner(model, device, tile, overlap, batch_size)
    failed = unreadable if unreadable is not None else {}
    done: dict[int, Prediction | None] = {}
    turn = 0
    with image_bar(len(items), "predict", progress) as bar:
        jobs = _jobs(items, fitted, fit, post_funcs, done, failed, loader_workers(workers, device))
        for batch in batches_of_one_size(jobs, runner.alike, runner.most, WAITING * batch_size):
            for job, (pred_mask, label) in zip(batch, runner.maps(batch, items), strict=True):
                item, loaded = items[job.number], job.loaded
                whole = _at_original_size(pred_mask, loaded, job.fields, fit)
                stem = stems[job.number]
                done[job.number] = Prediction(
                    item.pair, loaded.image, loaded.mask, whole, label, item.name, item.path, threshold, stem
                )
            while turn in done:
                bar.update()
                if (prediction := done.pop(turn)) is not None:
                    if save is not None:
                        save_maps(save, prediction.stem, prediction.pred_mask, prediction.marked)
                    yield prediction
                turn += 1


class _Runner:
    """Calls the model, in evaluation mode only while it computes."""

    def __init__(
        self, model: nn.Module, device: torch.device, tile: int | None, overlap: int | None, batch_size: int
    ) -> None:
        self.model, self.device, self.tile, self.overlap = model, device, tile, overlap
        self.batch_size = batch_size
        self.signature = read_signature(model)
        self.checked = False  # the first batch's values are looked at

    def alike(self, job: _Job) -> Any:
        return tuple(job.fields["image"].shape), job.fields["image"].dtype, frozenset(job.fields)

    def most(self, job: _Job) -> int:
        pixels = job.fields["image"][0].numel()
        return 1 if self.tile is not None else at_once(self.batch_size, pixels, self.device)

    def maps(self, batch: list[_Job], items: list[Input]) -> list[tuple[Tensor, float | None]]:
        """Each job's map (1, h, w) on the CPU and its image score."""
        training = self.model.training
        self.model.eval()
        try:
            if self.tile is not None:
                most = at_once(self.batch_size, self.tile**2, self.device)
                image = batch[0].fields["image"]
                return [predict_tiles(self._run_tiles, image, self.tile, self.overlap, most)]
            outputs = self._run(collate([job.fields for job in batch]))
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            job = batch[0]
            height, width = job.fields["image"].shape[-2:]
            raise WorkbookError(
                f"{items[job.number].name}: memory ran out at {height}x{width}; give tile=512, or a smaller "
                "batch_size"
            ) from error
        finally:
            self.model.train(training)
        labels = outputs["pred_label"].tolist() if "pred_label" in outputs else [None] * len(batch)
        return list(zip(outputs["pred_mask"].float().cpu(), labels, strict=True))

    def _run_tiles(self, tiles: Tensor) -> Mapping[str, Any]:
        return self._run({"image": tiles})

    def _run(self, raw: dict[str, Any]) -> Mapping[str, Any]:
        batch = prepare_batch(raw, self.device)
        outputs = run_model(self.model, batch, self.signature, values=not self.checked)
        self.checked = True
        if "pred_mask" not in outputs:
            raise ModelError(f"{self.signature.model}: returns no pred_mask, so there is no map to predict")
        return outputs


def _jobs(
    items: list[Input],
    size: tuple[int, int] | None,
    fit: Fit,
    post_funcs: Sequence[SampleFunction],
    done: dict[int, Prediction | None],
    failed: dict[str, str],
    threads: int,
) -> Iterator[_Job]:
    """Read and fit each input; of one that cannot be read, note why."""

    def read(numbered: tuple[int, Input]) -> _Job | DataError:
        number, item = numbered
        try:
            loaded = item.load()
        except DataError as error:
            return error
        fields = without_truth(loaded.sample) | {"name": item.name}
        if size is not None:
            fields = _fit(fields, size, fit, item.name)
        return _Job(number, loaded, add_fields(fields, post_funcs))

    for number, job in enumerate(read_ahead(read, enumerate(items), threads)):
        if isinstance(job, DataError):
            done[number], failed[items[number].name] = None, str(job)
            warnings.warn(f"left out: {job}", stacklevel=2)
        else:
            yield job


def _fit(fields: dict[str, Any], size: tuple[int, int], fit: Fit, name: str) -> dict[str, Any]:
    height, width = fields["image"].shape[-2:]
    if fit == "pad" and (height > size[0] or width > size[1]):
        raise WorkbookError(
            f'{name}: is {height}x{width}, larger than {size[0]}x{size[1]}, and fit="pad" cuts nothing; '
            f"give tile={min(size)}, or a larger size"
        )
    blank = torch.zeros(1, height, width)
    fitted = fit_sample({**fields, "mask": blank}, size, fit)
    del fitted["mask"]
    return fitted | {"original_shape": torch.tensor([height, width])}


def _at_original_size(pred_mask: Tensor, loaded: Loaded, fields: Mapping[str, Any], fit: Fit) -> Tensor:
    """The map (1, h, w) cut to the image's own pixels and resized to the original (1, H, W)."""
    height, width = (int(side) for side in fields.get("shape", pred_mask.shape[-2:]))
    own, original = pred_mask[:, :height, :width], tuple(loaded.image.shape[-2:])
    if tuple(own.shape[-2:]) == original:
        return own
    return F.interpolate(own[None], original, mode="bilinear", antialias=True)[0].clamp_(0, 1)


def _check_fit(inputs: Any, size: tuple[int, int] | None, tile: int | None) -> tuple[int, int] | None:
    if size is not None and tile is not None:
        raise WorkbookError("size and tile: give one of them; tiles are taken from the image at its own size")
    own = getattr(inputs, "size", None) if hasattr(inputs, "pairs") else None
    if own is not None and (size is not None or tile is not None):
        raise WorkbookError("the dataset fits its images to a size; give size or tile to one of the two only")
    if own is not None and inputs.fit == "pad":
        large = [p.name for p in inputs.pairs if _larger(p, own)]
        if large:
            raise WorkbookError(f'{large[0]}: is larger than the dataset\'s size {own}, which fit="pad" cuts')
    return size


def _larger(pair: Pair, size: tuple[int, int]) -> bool:
    from PIL import Image

    try:
        with Image.open(pair.image) as image:
            width, height = image.size
            turned = image.getexif().get(0x0112, 1) >= 5  # EXIF orientations that swap the sides
    except (OSError, ValueError, SyntaxError):
        return False  # it will be reported when it is read
    height, width = (width, height) if turned else (height, width)
    return height > size[0] or width > size[1]


def _check_folder(folder: Path, items: list[Input]) -> None:
    own = folder.resolve()
    for item in items:
        files = [file for file in (item.path, item.pair.mask if item.pair else None) if file is not None]
        if own in (file.resolve().parent for file in files):
            raise WorkbookError(
                f"{folder}: holds the images or masks themselves; save to a folder of its own"
            )
