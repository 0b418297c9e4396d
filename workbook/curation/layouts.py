"""Where a dataset keeps its images, masks and authentic images, and the pairs in it."""

from __future__ import annotations

import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from workbook.core.errors import DataError
from workbook.core.pairs import MASK_SUFFIXES, Pair, Pairing, Rule, pair_by_name, read_pairs
from workbook.curation.inside import relative_to

IMAGE_EXTENSIONS = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".tif", ".tiff"),
    *(".gif", ".webp", ".jp2", ".pbm", ".pgm", ".ppm", ".tga"),
)
# Folder names as they are met, in small letters without digits, spaces and punctuation.
TAMPERED_FOLDERS = ("tp", "tampered", "fake", "images", "image", "imgs", "img")
MASK_FOLDERS = ("gt", "groundtruth", "casiagroundtruth", "masks", "mask", "matting", "annotations", "labels")
AUTHENTIC_FOLDERS = ("au", "authentic", "original", "originals", "pristine", "real")

_CLIP_FOLDER = re.compile(r"(clip|matting)_(?=[0-9])")

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Layout:
    """Where a dataset keeps what.

    Attributes:
        name: `"mani"` (Tp/Gt[/Au]), `"casia-v1"`, `"casia-v2"`, `"aisegment"`, `"flat"` (images and masks in
            one folder, told apart by `_gt`, `_mask`), `"folders"` (any others) or `"json"`.
        root: the folder that holds all of it; paths in reports and plans are relative to it.
        images: the folder of the images (the JSON file for `"json"`).
        masks: the folder of the masks.
        authentic: the folder of the authentic images, if there is one.
    """

    name: str
    root: Path
    images: Path
    masks: Path
    authentic: Path | None = None


def find_layout(folder: PathLike) -> Layout:
    """Recognise how a folder is laid out, by the names in it.

    Known: `Tp/Gt[/Au]`; CASIA v1 as downloaded (`Tp/{CM,Sp}`, `CASIA 1.0 groundtruth/{CM,Sp}`, `Au`);
    CASIA v2 (`Tp`, `CASIA 2 Groundtruth` or `Gt`, `Au`); AISegment (`clip_img`, `matting`); `images`, `masks`
    under their usual names; and one folder of images and masks told apart by `_gt` or `_mask`.

    Raises:
        DataError: no such folder, not a folder, empty, or nothing that is known.
    """
    root = _folder(folder)
    named = {_plain(entry.name): entry for entry in _subfolders(root)}
    clips, mattings = named.get("clipimg"), named.get("matting")
    if clips and mattings:
        return Layout("aisegment", root, clips, mattings)
    images = next((named[name] for name in TAMPERED_FOLDERS if name in named), None)
    masks = next((named[name] for name in MASK_FOLDERS if name in named), None)
    authentic = next((named[name] for name in AUTHENTIC_FOLDERS if name in named), None)
    if images and masks:
        return Layout(_layout_name(images), root, images, masks, authentic)
    if images:
        raise DataError(
            f"{root}: has images in {images.name}/ but no folder of masks; put them into Gt/, "
            "or give both folders: find_pairs(images, masks)"
        )
    if any(path.stem.endswith(MASK_SUFFIXES) and _is_image(path.name) for path in root.iterdir()):
        return Layout("flat", root, root, root, authentic)
    raise DataError(f"{root}: {_why_unknown(root, named)}")


def find_pairs(
    images: PathLike,
    masks: PathLike | None = None,
    authentic: PathLike | None = None,
    rule: Rule | None = None,
) -> Pairing:
    """Pair the images of a dataset with their masks, by name; authentic images come as `Pair(image, None)`.

    Args:
        images: a folder in a known layout, or a JSON file of pairs; with `masks`, the folder of the images.
        masks: the folder of the masks (one level or nested like the images).
        authentic: a folder of authentic images, which have no masks.
        rule: from a mask's path to the stem of its image, in place of the known suffixes.

    Returns:
        The pairs in the order of the images' paths, and what could not be paired.

    Raises:
        DataError: no such folder, not a folder, empty, without masks, or of unknown layout.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for name in ("Tp/a.jpg", "Gt/a_gt.png", "Au/b.jpg"):
    ...         path = Path(root, name)
    ...         path.parent.mkdir()
    ...         path.touch()
    ...     [(pair.name, pair.authentic) for pair in find_pairs(root).pairs]
    [('b.jpg', True), ('a.jpg', False)]
    """
    return pair_layout(resolve_layout(images, masks, authentic), rule)


def resolve_layout(
    images: PathLike | Layout, masks: PathLike | None = None, authentic: PathLike | None = None
) -> Layout:
    """The layout of what `find_pairs` takes: one folder, a JSON file, or two or three folders."""
    if isinstance(images, Layout):
        return images
    if masks is None:
        path = Path(images)
        if path.suffix.lower() == ".json" and path.is_file():
            return Layout("json", _root_of_list(path), path, path)
        layout = find_layout(path)
        if authentic is None:
            return layout
        images, masks = layout.images, layout.masks
    folders = [_folder(images), _folder(masks)] + ([_folder(authentic)] if authentic is not None else [])
    root = Path(os.path.commonpath([os.path.abspath(path) for path in folders]))
    if not folders[0].is_absolute() and (relative := Path(os.path.relpath(root))).parts[:1] != ("..",):
        root = relative
    name = "flat" if os.path.samefile(folders[0], folders[1]) else "folders"
    return Layout(name, root, folders[0], folders[1], folders[2] if authentic is not None else None)


def _pair_list(file: Path) -> Pairing:
    """The pairs of a JSON file, each once; an image with two masks, or with one and none, is ambiguous."""
    masks_of: dict[Path, dict[Path | None, None]] = defaultdict(dict)
    for pair in read_pairs(file):
        masks_of[pair.image][pair.mask] = None
    if not masks_of:
        raise DataError(f"{file}: holds no pairs; write them with write_pairs(pairs, file)")
    pairing = Pairing()
    sure = {mask for masks in masks_of.values() if len(masks) == 1 for mask in masks}
    for image, masks in masks_of.items():
        if len(masks) == 1:
            pairing.pairs.append(Pair(image, next(iter(masks))))
        else:
            pairing.ambiguous.append(((image,), tuple(mask for mask in masks if mask and mask not in sure)))
    return pairing


def _root_of_list(file: Path) -> Path:
    """The folder that holds all files of a JSON of pairs: the JSON's own where they are below it."""
    folder = os.path.abspath(file.parent)
    files = [os.path.abspath(path) for pair in read_pairs(file) for path in (pair.image, pair.mask) if path]
    above = os.path.commonpath([os.path.dirname(path) for path in files] or [folder])
    return Path(folder if os.path.commonpath([folder, above]) == folder else above)


def pair_layout(layout: Layout, rule: Rule | None = None) -> Pairing:
    """Pair what a layout holds; see `find_pairs`."""
    if layout.name == "json":
        return _pair_list(layout.images)
    images, masks = list_images(layout.images), list_images(layout.masks)
    if layout.name == "flat":
        masks = [path for path in images if path.stem.endswith(MASK_SUFFIXES)]
        images = [path for path in images if not path.stem.endswith(MASK_SUFFIXES)]
    authentic = list_images(layout.authentic) if layout.authentic else []
    inside = set(authentic) | set(masks if layout.name != "flat" else ())  # `images` may be the folder above
    images = [path for path in images if path not in inside]
    if not images:
        raise DataError(f"{layout.images}: holds no images; give the folder that they are in")
    if not masks:
        raise DataError(f"{layout.masks}: holds no masks; give the folder that they are in")
    if layout.name == "aisegment":
        pairing = _pair_clips(layout, images, masks, rule)
    else:
        pairing = pair_by_name(images, masks, image_root=layout.images, mask_root=layout.masks, rule=rule)
    pairing.pairs = sorted([*pairing.pairs, *map(Pair, authentic)], key=lambda pair: pair.image.parts)
    return pairing


def moved_layout(layout: Layout, root: Path) -> Layout:
    """The same layout below another root; authentic images are in `Au` where the source had none."""
    if layout.name == "json":
        return Layout("json", root, root / layout.images.name, root / layout.images.name)

    def moved(path: Path) -> Path:
        return root / relative_to(path, layout.root)

    authentic = moved(layout.authentic) if layout.authentic else root / "Au"
    return replace(
        layout,
        root=root,
        images=moved(layout.images),
        masks=moved(layout.masks),
        authentic=authentic if authentic.is_dir() else None,
    )


def _pair_clips(layout: Layout, images: list[Path], masks: list[Path], rule: Rule | None) -> Pairing:
    """AISegment: `<group>/clip_0/<id>` belongs to `<group>/matting_0/<id>`; groups may share ids."""
    places: dict[str, tuple[list[Path], list[Path]]] = defaultdict(lambda: ([], []))
    for side, (paths, root) in enumerate(((images, layout.images), (masks, layout.masks))):
        for path in paths:
            places[_CLIP_FOLDER.sub("", path.parent.relative_to(root).as_posix())][side].append(path)
    whole = Pairing()
    for clips, mattings in places.values():
        found = pair_by_name(clips, mattings, rule=rule)
        whole.pairs += found.pairs
        whole.images_without_mask += found.images_without_mask
        whole.masks_without_image += found.masks_without_image
        whole.ambiguous += found.ambiguous
    return whole


def list_images(folder: Path) -> list[Path]:
    """All image files below a folder by their extension, sorted; hidden files (`._x.png`) are none.

    Links to folders are followed, a loop of links once.

    Raises:
        DataError: a folder that cannot be read.
    """
    return list(_walk(folder, set()))


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                kind = _kind(entry)
                if kind == stat.S_IFDIR and not entry.name.startswith("."):
                    yield from _walk(folder / entry.name, seen)
                elif kind == stat.S_IFREG and _is_image(entry.name):
                    yield folder / entry.name
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}); check its permissions") from error


def _kind(entry: os.DirEntry[str]) -> int:
    """Folder, file or neither (a pipe). A link that leads nowhere counts as a file and so is reported."""
    if not entry.is_symlink():
        return stat.S_IFDIR if entry.is_dir() else stat.S_IFREG if entry.is_file() else 0
    try:
        return stat.S_IFMT(os.stat(entry.path).st_mode)
    except OSError:
        return stat.S_IFREG


def _is_image(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(IMAGE_EXTENSIONS)


def _folder(path: PathLike) -> Path:
    folder = Path(path)
    try:
        if folder.is_dir():
            return folder
        exists = folder.exists()
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}); check its permissions") from error
    if exists:
        raise DataError(f"{folder}: is a file; give the folder that holds the dataset")
    raise DataError(f"{folder}: no such folder; check the path")


def _subfolders(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{root}: cannot be read ({error.strerror}); check its permissions") from error


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _layout_name(images: Path) -> str:
    if _plain(images.name) != "tp":
        return "folders"
    if {path.name for path in _subfolders(images)} >= {"CM", "Sp"}:
        return "casia-v1"
    with os.scandir(images) as entries:
        return "casia-v2" if any(entry.name.startswith("Tp_") for entry in entries) else "mani"


def _why_unknown(root: Path, named: dict[str, Path]) -> str:
    datasets = [
        path.name for path in named.values() if {"tp", "gt"} <= {_plain(p.name) for p in _subfolders(path)}
    ]
    if datasets:
        return f"holds {len(datasets)} datasets ({', '.join(datasets)}); give one of them"
    if not any(root.iterdir()):
        return "is empty; give a folder with Tp/ and Gt/, or two folders: find_pairs(images, masks)"
    return "no masks found in it; give a folder with Tp/ and Gt/, or two folders: find_pairs(images, masks)"
