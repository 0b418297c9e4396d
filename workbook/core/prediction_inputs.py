"""What one may ask a prediction of, as one list: datasets, pairs, files, folders, arrays, Pillow images."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from workbook.core.batch import denormalize
from workbook.core.datasets import JsonDataset, PairDataset, list_images
from workbook.core.errors import DataError, WorkbookError
from workbook.core.images import read_image, read_mask
from workbook.core.pairs import Pair


@dataclass(frozen=True)
class Loaded:
    """One input, read.

    Attributes:
        sample: the fields for the model; `image` (3, h, w), uint8 or normalised floats.
        image: uint8 (3, H, W) at the original size.
        mask: float32 (1, H, W), where there is a truth.
    """

    sample: dict[str, Any]
    image: Tensor
    mask: Tensor | None = None


@dataclass(frozen=True)
class Input:
    """One input, not read yet.

    Attributes:
        name: for messages, tables and file names.
        load: reads it, or raises a DataError.
        pair: the image and its truth on disk; None where no truth is known.
        path: the image on disk, where there is one.
    """

    name: str
    load: Callable[[], Loaded]
    pair: Pair | None = None
    path: Path | None = None


def prediction_inputs(inputs: Any) -> list[Input]:
    """List what a prediction is asked of; nothing is decoded yet.

    Args:
        inputs: one or many of: a path of an image, a folder of images, a JSON file of pairs, a `Pair`, a
            Pillow image, an array (H, W, 3) or (H, W), a tensor (3, H, W): uint8 levels, an array of floats
            in [0, 1], or a tensor of normalised floats. Also a batch of arrays or tensors, or a dataset.

    Raises:
        DataError: an empty folder, or something that is no image.
        WorkbookError: a dataset that augments its images, so that a map could not be brought back.

    >>> [one.name for one in prediction_inputs([Path("a.jpg"), np.zeros((4, 6), np.uint8)])]
    ['a.jpg', 'image 1']
    """
    if isinstance(inputs, PairDataset):
        return _of_pair_dataset(inputs)
    if isinstance(inputs, str | os.PathLike):
        return _of_path(Path(inputs))
    if isinstance(inputs, Pair | Image.Image):
        return [_of_one(0, inputs)]
    if isinstance(inputs, np.ndarray | Tensor):
        return [_of_one(i, one) for i, one in enumerate(inputs if inputs.ndim == 4 else [inputs])]
    if isinstance(inputs, torch.utils.data.Dataset):
        return _of_dataset(inputs)
    if isinstance(inputs, Iterable):
        found: list[Input] = []
        for one in inputs:
            many = isinstance(one, str | os.PathLike) and Path(one).is_dir()
            found += _of_path(Path(one)) if many else [_of_one(len(found), one)]
        return found
    raise DataError(f"a {type(inputs).__name__} is no image; give paths, arrays, Pillow images or a dataset")


def _of_path(path: Path) -> list[Input]:
    if path.suffix.lower() == ".json":
        return _of_pair_dataset(JsonDataset(path))
    if not path.is_dir():
        return [_of_one(0, path)]
    images = list_images(path)
    if not images:
        raise DataError(f"{path}: holds no image; give a folder of images, or the images themselves")
    return [_of_one(i, image) for i, image in enumerate(images)]


def _of_one(number: int, one: Any) -> Input:
    if isinstance(one, Input):
        return one
    if isinstance(one, str | os.PathLike):
        one = Path(one)
        return Input(one.name, lambda: _loaded(read_image(one)), None, one)
    if isinstance(one, Pair):
        return Input(one.name, lambda: _load_pair(one), one, one.image)
    name = f"image {number}"
    if isinstance(one, Image.Image):
        name = Path(getattr(one, "filename", "") or name).name
        return Input(name, lambda: _loaded(_from_array(np.array(one.convert("RGB")), name)))
    if isinstance(one, np.ndarray):
        return Input(name, lambda: _loaded(_from_array(one, name)))
    if isinstance(one, Tensor):
        return Input(name, lambda: _from_tensor(one, name))
    raise DataError(f"{name}: a {type(one).__name__} is no image; give a path, an array or a Pillow image")


def _loaded(image: Tensor, mask: Tensor | None = None) -> Loaded:
    return Loaded({"image": image}, image, mask)


def _load_pair(pair: Pair) -> Loaded:
    image = read_image(pair.image)
    mask = torch.zeros(1, *image.shape[-2:]) if pair.mask is None else (read_mask(pair.mask) > 127).float()
    if mask.shape[-2:] != image.shape[-2:]:
        raise DataError(
            f"{pair.image}: is {tuple(image.shape[-2:])} (height, width), its mask {tuple(mask.shape[-2:])}; "
            "audit the dataset and apply the corrections first, or predict on the images alone"
        )
    return _loaded(image, mask)


def _from_array(array: np.ndarray, name: str) -> Tensor:
    """An array (H, W), (H, W, 1) or (H, W, 3) as uint8 (3, H, W)."""
    grey = array[..., None] if array.ndim == 2 else array
    if grey.ndim != 3 or grey.shape[2] not in (1, 3):
        raise DataError(f"{name}: an array of shape {array.shape} is no image; give (H, W, 3) or (H, W)")
    if np.issubdtype(grey.dtype, np.floating):
        if not (grey.min() >= 0 and grey.max() <= 1):  # so written, NaN is caught too
            raise DataError(f"{name}: floats must lie in [0, 1]; divide by the largest level")
        grey = np.rint(grey * 255)
    elif grey.dtype != np.uint8:
        raise DataError(f"{name}: is {grey.dtype}; give uint8 levels, or floats in [0, 1]")
    levels = np.ascontiguousarray(grey.astype(np.uint8))
    return torch.from_numpy(levels).permute(2, 0, 1).expand(3, -1, -1).contiguous()


def _from_tensor(tensor: Tensor, name: str) -> Loaded:
    if tensor.ndim != 3 or tensor.shape[0] != 3:
        raise DataError(f"{name}: a tensor of shape {tuple(tensor.shape)} is no image; give (3, H, W)")
    image = tensor.detach().cpu()
    if image.dtype == torch.uint8:
        return _loaded(image)
    if not image.is_floating_point():
        raise DataError(f"{name}: is {image.dtype}; give uint8 levels, or normalised floats")
    return Loaded({"image": image}, (denormalize(image) * 255).round().to(torch.uint8))


def _of_pair_dataset(dataset: PairDataset) -> list[Input]:
    if dataset.transforms is not None:
        raise WorkbookError(
            f"{type(dataset).__name__} has transforms, after which a map fits no image; "
            "predict on its pairs: predict(model, dataset.pairs)"
        )

    def load(index: int) -> Loaded:
        sample = dataset[index]
        fitted = dataset.size is not None
        image, mask = dataset._load(index) if fitted else (sample["image"], sample["mask"])
        return Loaded(sample, image, mask)

    return [Input(pair.name, _bound(load, i), pair, pair.image) for i, pair in enumerate(dataset.pairs)]


def _of_dataset(dataset: Any) -> list[Input]:
    """Any map-style dataset of samples: what they carry is the original."""
    if not isinstance(dataset, Sized):
        raise DataError(
            f"{type(dataset).__name__}: has no length; give a dataset with __len__ and __getitem__"
        )

    def load(index: int) -> Loaded:
        found: Any = dataset[index]  # type: ignore[index]
        sample = dict(found) if isinstance(found, dict) else {"image": found[0], "mask": found[1]}
        loaded = _from_tensor(sample["image"], f"sample {index}")
        return Loaded({**sample, "image": loaded.sample["image"]}, loaded.image, sample.get("mask"))

    return [Input(f"sample {i}", _bound(load, i)) for i in range(len(dataset))]


def _bound(load: Callable[[int], Loaded], index: int) -> Callable[[], Loaded]:
    return lambda: load(index)
