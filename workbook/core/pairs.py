"""One item on disk: an image and its mask. Pairing goes by name; a listing is never zipped with another."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workbook.core.errors import DataError

NEGATIVE = "Negative"  # how IMDL-BenCo's JSON writes "this image is authentic"
MASK_SUFFIXES = ("_gt", "_mask", "_edge")  # CASIA, many others, IMDL-BenCo's edge masks

Rule = Callable[[Path], str]


@dataclass(frozen=True)
class Pair:
    """An image and its mask; `mask is None` means that the image is authentic.

    >>> Pair(Path("Au_ani_0001.jpg")).authentic
    True
    """

    image: Path
    mask: Path | None = None

    @property
    def authentic(self) -> bool:
        """Whether the image is untouched, so that its mask is empty and its label 0."""
        return self.mask is None

    @property
    def name(self) -> str:
        """The image's file name."""
        return self.image.name


@dataclass
class Pairing:
    """What pairing by name found. Every image and every mask given is in exactly one of the four lists.

    Attributes:
        pairs: images with their mask.
        images_without_mask: images that no mask's name extends.
        masks_without_image: masks that extend no image's name.
        ambiguous: groups `(images, masks)` that share one name, so that none of them can be paired.
    """

    pairs: list[Pair] = field(default_factory=list)
    images_without_mask: list[Path] = field(default_factory=list)
    masks_without_image: list[Path] = field(default_factory=list)
    ambiguous: list[tuple[tuple[Path, ...], tuple[Path, ...]]] = field(default_factory=list)


def pair_by_name(
    images: Iterable[Path],
    masks: Iterable[Path],
    *,
    image_root: Path | None = None,
    mask_root: Path | None = None,
    rule: Rule | None = None,
) -> Pairing:
    """Give each image the mask whose name extends the image's stem.

    Where the roots are given, the same sub-folder below both is tried first (`Tp/Sp/a.jpg` with
    `Gt/Sp/a_gt.png`), then the stem alone. Nothing is guessed: a name that two files claim is ambiguous.

    Args:
        images: paths of the images.
        masks: paths of the masks.
        image_root: the folder that the images' sub-folders are counted from; None: sub-folders do not matter.
        mask_root: the same for the masks.
        rule: from a mask's path to the stem of its image, in place of the known suffixes
            (`_gt`, `_mask`, `_edge`, or none).

    Returns:
        The pairs in the order of the images' paths, and what could not be paired.

    >>> found = pair_by_name([Path("a.jpg"), Path("b.jpg")], [Path("b_gt.png"), Path("c_gt.png")])
    >>> [(p.image.name, p.mask.name) for p in found.pairs]
    [('b.jpg', 'b_gt.png')]
    >>> [p.name for p in found.images_without_mask + found.masks_without_image]
    ['a.jpg', 'c_gt.png']
    """
    result = Pairing()
    left_images, left_masks = sorted(set(images), key=_parts), sorted(set(masks), key=_parts)
    if image_root is not None and mask_root is not None:
        left_images, left_masks = _match(left_images, left_masks, image_root, mask_root, rule, result)
    result.images_without_mask, result.masks_without_image = _match(
        left_images, left_masks, None, None, rule, result
    )
    result.pairs.sort(key=lambda pair: pair.image.parts)
    return result


def _parts(path: Path) -> tuple[str, ...]:
    """What paths are compared by: as a key it is made once a path, not at each comparison."""
    return path.parts


def _match(
    images: Sequence[Path],
    masks: Sequence[Path],
    image_root: Path | None,
    mask_root: Path | None,
    rule: Rule | None,
    result: Pairing,
) -> tuple[list[Path], list[Path]]:
    """Pair what can be paired into `result` and return the images and masks that are left over."""
    folder_of_image, folder_of_mask = _folders(images, image_root), _folders(masks, mask_root)
    images_of: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for image in images:
        images_of[folder_of_image[os.path.dirname(image)], image.stem].append(image)
    masks_of: dict[tuple[str, str], list[Path]] = defaultdict(list)
    lonely = []
    for mask in masks:
        folder = folder_of_mask[os.path.dirname(mask)]
        stems = [rule(mask)] if rule else _image_stems(mask)
        key = next(((folder, stem) for stem in stems if (folder, stem) in images_of), None)
        if key is None:
            lonely.append(mask)
        else:
            masks_of[key].append(mask)
    without = []
    for key, group in images_of.items():
        claimed = masks_of.get(key, [])
        if not claimed:
            without.extend(group)
        elif len(group) == len(claimed) == 1:
            result.pairs.append(Pair(group[0], claimed[0]))
        else:
            result.ambiguous.append((tuple(group), tuple(claimed)))
    return sorted(without, key=_parts), lonely


def _folders(paths: Iterable[Path], root: Path | None) -> dict[str, str]:
    """From the folders of the paths to their places below the root, each worked out once."""
    return {
        folder: "" if root is None else Path(folder).relative_to(root).as_posix()
        for folder in {os.path.dirname(path) for path in paths}
    }


def _image_stems(mask: Path) -> list[str]:
    """The stems that an image of this mask may have; the mask's own comes first."""
    own = mask.stem
    return [own, *(own.removesuffix(suffix) for suffix in MASK_SUFFIXES if own.endswith(suffix))]


def read_pairs(file: str | os.PathLike[str], *, allow_outside: bool = False) -> list[Pair]:
    """Read a JSON list of `[image, mask]` or `[image, "Negative"]`, the form that IMDL-BenCo writes.

    Args:
        file: the JSON file. Relative paths in it are counted from its folder; absolute ones are kept.
        allow_outside: accept relative paths that leave the file's folder (`../x.jpg`).

    Raises:
        DataError: no such file, not JSON, not a list of pairs, or a relative path that leaves the folder.
    """
    file = Path(file)
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"{file}: cannot be read ({error.strerror}); give the path of a JSON file of pairs"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: is not JSON ({error}); write it with write_pairs(pairs, file)") from error
    if not isinstance(entries, list):
        raise DataError(f"{file}: holds a {type(entries).__name__}, not a list of [image, mask] pairs")
    return [_read_entry(file, number, entry, allow_outside) for number, entry in enumerate(entries)]


def _read_entry(file: Path, number: int, entry: object, allow_outside: bool) -> Pair:
    if not (
        isinstance(entry, list)
        and len(entry) == 2
        and all(isinstance(part, str) and part and "\0" not in part for part in entry)
    ):
        raise DataError(f'{file}: entry {number} is {entry!r}; write [image, mask] or [image, "{NEGATIVE}"]')
    image, mask = entry
    return Pair(
        _inside(file, number, image, allow_outside),
        None if mask == NEGATIVE else _inside(file, number, mask, allow_outside),
    )


def _inside(file: Path, number: int, text: str, allow_outside: bool) -> Path:
    path = file.parent / text
    if not allow_outside and not Path(text).is_absolute():
        folder = os.path.abspath(file.parent)
        if os.path.commonpath([folder, os.path.abspath(path)]) != folder:
            raise DataError(
                f"{file}: entry {number} leaves the file's folder ({text}); pass allow_outside=True to accept"
            )
    return path


def write_pairs(pairs: Iterable[Pair], file: str | os.PathLike[str], *, relative: bool = False) -> Path:
    """Write pairs as JSON that `read_pairs` and IMDL-BenCo's `JsonDataset` read; returns the file's path.

    Args:
        pairs: what to write, in this order.
        file: where to; replaced as a whole or not at all.
        relative: write paths relative to the file's folder, so that the folder can be moved
            (IMDL-BenCo reads absolute paths only).

    Raises:
        DataError: `relative` is asked for and a path lies outside the file's folder.
    """
    file = Path(file)
    entries = [
        [
            _written(pair.image, file, relative),
            NEGATIVE if pair.mask is None else _written(pair.mask, file, relative),
        ]
        for pair in pairs
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    whole = file.with_name(file.name + ".part")
    whole.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    whole.replace(file)
    return file


def _written(path: Path, file: Path, relative: bool) -> str:
    absolute = Path(os.path.abspath(path))
    if not relative:
        return str(absolute)
    try:
        return absolute.relative_to(os.path.abspath(file.parent)).as_posix()
    except ValueError:
        raise DataError(f"{path}: lies outside {file.parent}; write the pairs with relative=False") from None
