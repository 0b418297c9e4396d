"""The embedded datasets: small, made from scikit-image's photographs, the same bytes every time, no network.

`casia-mini` has CASIA's layout and names. A splice puts a region of a noisy camera's picture into a clean
camera's; a copy-move stays within one picture. The faults of `planted.py` are in it on purpose.
`portraits-mini` is made in `portraits.py`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from workbook.core.errors import DataError
from workbook.curation.camera import SUBSAMPLING, crop, photograph, save_jpeg
from workbook.curation.planted import plant_faults
from workbook.curation.portraits import make_portraits_mini

# CASIA's category of each photograph (all public domain or CC0, shipped inside scikit-image).
TRAIN_PHOTOGRAPHS = {
    "astronaut": "cha",
    "coffee": "art",
    "hubble_deep_field": "nat",
    "retina": "txt",
    "stereo_motorcycle": "sec",
    "brick": "arc",
    "gravel": "nat",
    "camera": "cha",
}
TEST_PHOTOGRAPHS = {"chelsea": "ani", "rocket": "sec", "immunohistochemistry": "txt", "grass": "pla"}
SIZES = ((256, 384), (384, 256))  # (height, width), as in CASIA v1
HOST_NOISE = (0.0, 1.5)  # standard deviation of the sensor noise in grey levels
DONOR_NOISE = (6.0, 11.0)
DONOR_QUALITY = (85, 96)  # JPEG quality of the history that a donor brings along
REGION_AREA = (0.04, 0.25)  # of the image
SEED = 20130708
VERSION = "2"  # of what is written: raise it with any change of bytes or names
VERSION_FILE = ".version"


@dataclass(frozen=True)
class Part:
    """How much of what one half of the dataset holds, and where its photograph ids start."""

    name: str
    photographs: dict[str, str]
    authentic: int
    spliced: int
    copy_moved: int
    first_id: int
    faults: bool


PARTS = (
    Part("train", TRAIN_PHOTOGRAPHS, authentic=42, spliced=54, copy_moved=26, first_id=1, faults=True),
    Part("test", TEST_PHOTOGRAPHS, authentic=14, spliced=16, copy_moved=10, first_id=501, faults=False),
)


def sample(name: str = "casia-mini", root: str | os.PathLike[str] = "data") -> Path:
    """Write the embedded dataset below `root` unless it is there already; return its folder.

    The folder appears whole or not at all, so two processes may ask for it at once. One that another
    version of this library wrote is kept, with a warning.

    `casia-mini` holds `train/{Tp,Gt,Au}` and `test/{Tp,Gt,Au}`: JPEG images and PNG masks of 384x256 or
    256x384 pixels. `portraits-mini` holds `train/{clip_img,matting}` and `test/{clip_img,matting}` as
    AISegment has them: JPEG images of 144x192 pixels, soft mattes in the alpha channel of PNG files. No
    photograph of `test` occurs in `train`. `truth.json` lists the faults planted in `train`; the library
    never reads it.

    Args:
        name: `"casia-mini"` or `"portraits-mini"`.
        root: the folder to write into; made when missing.

    Raises:
        DataError: an unknown name, or `root` is a file or cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:  # doctest: +SKIP
    ...     sorted(path.name for path in sample("casia-mini", root).iterdir())
    ['.version', 'test', 'train', 'truth.json']
    """
    if name not in MAKERS:
        raise DataError(f"no embedded dataset is called {name!r}; choose from {', '.join(MAKERS)}")
    folder = Path(root) / name
    if folder.is_dir():
        _warn_if_old(folder)
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
    except OSError as error:
        raise _unwritable(root, error) from error
    try:
        MAKERS[name](building)
        (building / VERSION_FILE).write_text(VERSION + "\n", encoding="utf-8")
        building.chmod(0o755)
        building.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # else another process was first, with the same bytes
            raise _unwritable(root, error) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return folder


def _warn_if_old(folder: Path) -> None:
    file = folder / VERSION_FILE
    if not file.is_file() or file.read_text(encoding="utf-8").strip() != VERSION:
        warnings.warn(
            f"{folder}: was written by another version of the workbook, so numbers may differ; move it away "
            "to have it made anew",
            stacklevel=3,
        )


def _unwritable(root: str | os.PathLike[str], error: OSError) -> DataError:
    reason = error.strerror or error
    return DataError(f"{root}: cannot write the embedded dataset there ({reason}); choose another folder")


def make_casia_mini(folder: Path) -> None:
    """Write both parts of casia-mini into an empty folder."""
    rng = np.random.default_rng(SEED)
    for part in PARTS:
        make_part(folder / part.name, part, rng)
    photograph.cache_clear()  # some 20 MB
    plant_faults(folder, [part.name for part in PARTS if part.faults], rng)


def make_part(folder: Path, part: Part, rng: np.random.Generator) -> None:
    """Write one half of a dataset, without faults, into `Tp`, `Gt` and `Au` of a new folder."""
    for kind in ("Tp", "Gt", "Au"):
        (folder / kind).mkdir(parents=True)
    names = list(part.photographs)
    hosts = []
    for number in range(part.authentic):
        photograph = names[number % len(names)]
        host = _add_noise(crop(photograph, SIZES[number % 2], rng), HOST_NOISE, rng)
        identity = f"{part.photographs[photograph]}{part.first_id + number:04d}"
        hosts.append((photograph, identity, host))
        save_jpeg(host, folder / "Au" / f"Au_{identity[:3]}_{identity[3:]}.jpg", rng)
    next_donor = part.first_id + part.authentic
    for number in range(part.spliced + part.copy_moved):
        photograph, identity, host = hosts[number % len(hosts)]
        if number < part.spliced:
            others = [other for other in names if other != photograph]
            donor = others[int(rng.integers(len(others)))]
            donor_identity = f"{part.photographs[donor]}{next_donor + number:04d}"
            tampered, mask = _splice(host, donor, rng)
            stem = f"Sp_D_NNN_A_{identity}_{donor_identity}_{part.first_id + number:04d}"
        else:
            tampered, mask = _copy_move(host, rng)
            stem = f"Sp_S_NNN_A_{identity}_{identity}_{part.first_id + number:04d}"
        save_jpeg(tampered, folder / "Tp" / f"{stem}.jpg", rng)
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "Gt" / f"{stem}_gt.png")


def _add_noise(image: np.ndarray, sigmas: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """The image as a camera with a sensor noise drawn from `sigmas` would have taken it."""
    noisy = image + rng.normal(0.0, rng.uniform(*sigmas), image.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _splice(host: np.ndarray, donor: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The host with a region of the donor's photograph, taken by a noisier camera with a JPEG history."""
    height, width = host.shape[:2]
    other = crop(donor, (height, width), rng)
    if other.shape != host.shape:
        other = np.ascontiguousarray(np.rot90(other))
    other = _recompress(_add_noise(other, DONOR_NOISE, rng), int(rng.integers(*DONOR_QUALITY)))
    mask = _region(other, rng)
    return _paste(host, other, mask), mask


def _copy_move(host: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The host with one of its own regions a second time, as far away as twenty tries get."""
    source = _region(host, rng)
    rows, columns = np.nonzero(source)
    height, width = host.shape[:2]
    best = (0, 0)
    for _ in range(20):
        down = int(rng.integers(-rows.min(), height - rows.max()))
        right = int(rng.integers(-columns.min(), width - columns.max()))
        if abs(down) + abs(right) > abs(best[0]) + abs(best[1]):
            best = (down, right)
    moved, mask = np.roll(host, best, axis=(0, 1)), np.roll(source, best, axis=(0, 1))
    return _paste(host, moved, mask), mask


def _region(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A connected union of superpixels that follows the image's own edges, as bool (H, W)."""
    from skimage.measure import label
    from skimage.segmentation import slic

    segments = slic(image, n_segments=60, compactness=12, sigma=1, start_label=0)
    sizes = np.bincount(segments.ravel())
    grid = np.indices(segments.shape).reshape(2, -1)
    centres = np.stack([np.bincount(segments.ravel(), axis) for axis in grid], axis=1) / sizes[:, None]
    start = centres[int(rng.integers(len(centres)))]
    area = rng.uniform(*REGION_AREA) * segments.size
    mask = np.zeros(segments.shape, dtype=bool)
    for number in np.argsort(((centres - start) ** 2).sum(axis=1)):
        grown = mask | (segments == number)
        if mask.any() and grown.sum() > area:
            break
        mask = grown
    parts = label(mask)
    return parts == np.argmax(np.bincount(parts.ravel())[1:]) + 1


def _paste(host: np.ndarray, other: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The other's pixels where the mask is, feathered over about a pixel, as an editor's brush would."""
    from scipy.ndimage import gaussian_filter

    alpha = gaussian_filter(mask.astype(np.float32), 0.7)[..., None]
    return np.rint(alpha * other + (1 - alpha) * host).astype(np.uint8)


def _recompress(image: np.ndarray, quality: int) -> np.ndarray:
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=SUBSAMPLING)
    return np.asarray(Image.open(buffer))


MAKERS: dict[str, Callable[[Path], None]] = {
    "casia-mini": make_casia_mini,
    "portraits-mini": make_portraits_mini,
}
