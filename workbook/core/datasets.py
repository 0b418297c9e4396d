"""Datasets of image and mask, from pairs, a folder or a JSON file; `PairDataset` does the work for all.

A sample is a dictionary of the fields of the model interface. Images stay uint8, so that worker processes
pass a quarter of the bytes; `prepare_batch` scales and normalises them on the device.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors

from workbook.core.edge import check_edge_width, edge_band
from workbook.core.errors import DataError, WorkbookError
from workbook.core.fit import Fit, fit_sample, read_size
from workbook.core.images import read_image, read_mask
from workbook.core.pairs import Pair, Pairing, pair_by_name, read_pairs
from workbook.core.post_funcs import SampleFunction, add_fields

Sample = dict[str, Any]

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})


class PairDataset(Dataset[Sample]):
    """Pairs of image and mask as samples for training and testing.

    `dataset[i]` is a dictionary:

    - image: uint8 RGB (3, H, W), EXIF orientation applied
    - mask: float32 (1, H, W), 1 = tampered; {0, 1}, or [0, 1] when soft. All 0 for an authentic image
    - label: float32 (), 1 = tampered. It follows the mask when the transforms add or remove the last
      tampered pixel, and is the pair's own otherwise
    - name: the image's file name
    - shape, original_shape: int64 (2,), (height, width) of the image's pixels after and before transforms
      and fitting
    - edge_mask: float32 {0, 1} (1, H, W), only with `edge_width`; drawn before fitting, as IMDL-BenCo does
    - shape_mask: float32 {0, 1} (1, H, W), only with `fit="pad"`
    - whatever `post_func` adds

    Args:
        pairs: what to read; `Pair(image, None)` is an authentic image.
        size: what the samples are fitted to, a number of pixels or (height, width); None keeps each image's
            own size (`collate` then pads a batch).
        fit: "resize" or "pad" (see `fit_sample`); None never changes the size.
        edge_width: width of the boundary band in pixels, odd; None: no `edge_mask`.
        transforms: called with `{"image": tv_tensors.Image, "mask": tv_tensors.Mask}`, gives the same back: a
            transform of torchvision.transforms.v2, one of `workbook.core.transforms`, or a function.
        post_func: called last with the sample; adds fields by changing it or by returning a dictionary.
            A list of functions is called in order.
        soft: keep grey levels (and alpha levels) of the masks in place of cutting them at half.
        cache: keep the decoded files in memory (each worker process has its own).

    Raises:
        DataError: no pairs; when reading: an unreadable file, or a mask of another size than its image.

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = Path(tempfile.mkdtemp())
    >>> Image.new("RGB", (30, 20)).save(folder / "a.png")
    >>> sample = PairDataset([Pair(folder / "a.png")], size=16)[0]
    >>> sample["image"].shape, sample["mask"].shape, sample["label"].item(), sample["original_shape"].tolist()
    (torch.Size([3, 16, 16]), torch.Size([1, 16, 16]), 0.0, [20, 30])
    """

    def __init__(
        self,
        pairs: Iterable[Pair],
        size: int | tuple[int, int] | None = None,
        fit: Fit | None = "resize",
        edge_width: int | None = None,
        transforms: SampleFunction | None = None,
        post_func: SampleFunction | Sequence[SampleFunction] | None = None,
        soft: bool = False,
        cache: bool = False,
    ) -> None:
        self.pairs = list(pairs)
        if not self.pairs:
            raise DataError("there are no pairs to make a dataset of; check what was listed or filtered")
        if fit not in ("resize", "pad", None):
            raise WorkbookError(f'fit is {fit!r}; give "resize", "pad" or None')
        if edge_width is not None:
            check_edge_width(edge_width)
        self.size, self.fit, self.edge_width, self.soft = read_size(size), fit, edge_width, soft
        self.transforms = transforms
        self.post_funcs = [] if post_func is None else [post_func] if callable(post_func) else list(post_func)
        self._cache: dict[int, tuple[Tensor, Tensor | None]] | None = {} if cache else None

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        authentic = sum(pair.authentic for pair in self.pairs)
        return f"{type(self).__name__}: {len(self)} pairs, {authentic} of them authentic"

    def __getitem__(self, index: int) -> Sample:
        pair = self.pairs[index]
        image, mask = self._load(index)
        original_shape = torch.tensor(image.shape[-2:])
        sample: Sample = {"image": image, "mask": mask}
        label = float(not pair.authentic)
        if self.transforms is not None:
            sample, label = self._transform(sample, label)
        sample["label"] = torch.tensor(label)
        sample["name"] = pair.name
        sample["shape"] = torch.tensor(sample["image"].shape[-2:])
        sample["original_shape"] = original_shape
        if self.edge_width is not None:
            sample["edge_mask"] = edge_band(sample["mask"], self.edge_width)
        if self.fit is not None and (self.size is not None or self.fit == "pad"):
            # Padded to its own size when none is given, a sample has the same fields in every batch.
            size = self.size or cast("tuple[int, int]", tuple(sample["image"].shape[-2:]))
            sample = fit_sample(sample, size, self.fit, self.soft)
        return add_fields(sample, self.post_funcs)

    def _load(self, index: int) -> tuple[Tensor, Tensor]:
        """The image uint8 (3, H, W) and its mask float32 (1, H, W), both free to be changed."""
        image, levels = self._read(index)
        if levels is None:
            return image, torch.zeros(1, *image.shape[-2:])
        if self.soft:
            return image, levels.float().div_(255)
        return image, torch.from_numpy((levels.numpy() > 127).astype(np.float32))  # a fifth of torch's time

    def _read(self, index: int) -> tuple[Tensor, Tensor | None]:
        index %= len(self.pairs)
        if self._cache is not None and index in self._cache:
            image, levels = self._cache[index]
            return image.clone(), levels
        pair = self.pairs[index]
        image = read_image(pair.image)
        levels = None if pair.mask is None else read_mask(pair.mask)  # (1, H, W)
        if levels is not None and levels.shape[-2:] != image.shape[-2:]:
            raise DataError(
                f"{pair.image}: is {_by(image)} (height x width) but its mask {pair.mask} is {_by(levels)}; "
                "audit the dataset and apply the corrections first"
            )
        if self._cache is not None:
            self._cache[index] = (image.clone(), levels)
        return image, levels

    def _transform(self, sample: Sample, label: float) -> tuple[Sample, float]:
        assert self.transforms is not None
        before = _any_tampered(sample["mask"])
        changed = self.transforms(
            {"image": tv_tensors.Image(sample["image"]), "mask": tv_tensors.Mask(sample["mask"])}
        )
        if not isinstance(changed, dict) or not {"image", "mask"} <= changed.keys():
            raise WorkbookError(
                "transforms must give back the dictionary with image and mask that they were given"
            )
        # Plain tensors from here on: the subclass would cost a dispatch at each step.
        sample = {key: value.as_subclass(Tensor) if isinstance(value, Tensor) else value
                  for key, value in changed.items()}  # fmt: skip
        if sample["image"].shape[-2:] != sample["mask"].shape[-2:]:
            raise WorkbookError(
                f"transforms made the image {_by(sample['image'])} and the mask {_by(sample['mask'])}; "
                "change both alike"
            )
        after = _any_tampered(sample["mask"])
        return sample, float(after) if after != before else label


class ManiDataset(PairDataset):
    """A folder with tampered images in `Tp`, their masks in `Gt`, and maybe authentic images in `Au`.

    Masks are paired with images by name, within mirrored sub-folders where there are any. What could not be
    paired is left out, with a warning, and kept in `pairing`.

    Args:
        folder: the folder that holds `Tp` and `Gt`.
        **options: those of `PairDataset`.

    Raises:
        DataError: `Tp` or `Gt` is missing, or no pair was found.
    """

    def __init__(self, folder: str | os.PathLike[str], **options: Any) -> None:
        self.folder = Path(folder)
        roots = {name: self.folder / name for name in ("Tp", "Gt", "Au")}
        for name in ("Tp", "Gt"):
            if not roots[name].is_dir():
                raise DataError(
                    f"{self.folder}: has no folder {name}; ManiDataset needs Tp and Gt (and maybe Au)"
                )
        tampered, masks = list_images(roots["Tp"]), list_images(roots["Gt"])
        self.pairing = pair_by_name(tampered, masks, image_root=roots["Tp"], mask_root=roots["Gt"])
        _warn_of_leftovers(self.folder, self.pairing)
        authentic = list_images(roots["Au"]) if roots["Au"].is_dir() else []
        pairs = [*self.pairing.pairs, *(Pair(image) for image in authentic)]
        if not pairs:
            raise DataError(
                f"{self.folder}: no image in Tp has a mask of the same name in Gt; audit the dataset"
            )
        super().__init__(pairs, **options)


class JsonDataset(PairDataset):
    """A JSON list of `[image, mask]` or `[image, "Negative"]`, as IMDL-BenCo writes it (see `read_pairs`).

    Args:
        file: the JSON file.
        allow_outside: accept relative paths that leave the file's folder.
        **options: those of `PairDataset`.

    Raises:
        DataError: the file cannot be read, is not such a list, or is empty.
    """

    def __init__(self, file: str | os.PathLike[str], *, allow_outside: bool = False, **options: Any) -> None:
        self.file = Path(file)
        pairs = read_pairs(self.file, allow_outside=allow_outside)
        if not pairs:
            raise DataError(f"{self.file}: the list is empty; write it with write_pairs(pairs, file)")
        super().__init__(pairs, **options)


def list_images(folder: Path) -> list[Path]:
    """The image files below a folder, sorted; hidden files (such as `._a.jpg`) are passed over."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def _warn_of_leftovers(folder: Path, pairing: Pairing) -> None:
    counts = {
        "without a mask": len(pairing.images_without_mask),
        "masks without an image": len(pairing.masks_without_image),
        "names claimed twice": len(pairing.ambiguous),
    }
    if any(counts.values()):
        said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        warnings.warn(f"{folder}: left out: {said}; see `pairing`, or audit the dataset", stacklevel=3)


def _any_tampered(mask: Tensor) -> bool:
    return mask.numel() > 0 and bool(mask.amax() > 0.5)


def _by(field: Tensor) -> str:
    return f"{field.shape[-2]}x{field.shape[-1]}"
