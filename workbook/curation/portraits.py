"""portraits-mini: people and their soft mattes in AISegment's layout, from two photographs of scikit-image.

The outlines were drawn by hand around the astronaut and the cameraman. A guided filter (He, Sun, Tang 2013,
Guided Image Filtering, its "feathering") lets the photograph's own edges soften them to a matte. Half of the
people stay where they were photographed, half are put before another photograph, by their matte.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from workbook.curation.camera import crop, photograph, save_jpeg
from workbook.curation.planted import plant_portrait_faults

SIZE = (192, 144)  # (height, width): AISegment's 800x600 in small
SEED = 34427
BAND = 4  # pixels from the outline within which the matte may be soft
EPSILON = 1e-3  # the variance of grey values, 0 to 1, from which the filter takes a step for an edge

Outline = tuple[tuple[int, int], ...]  # of (x, y) in a picture twice the photograph's size


@dataclass(frozen=True)
class Person:
    """One person: the outlines, holes in them, and where to crop.

    Attributes:
        outline: around the person and what the hands hold.
        holes: where the background shows between the arms.
        centre: (row, column) of the head, which every crop holds.
        bottom: the last row that the outline is right for.
    """

    outline: Outline
    holes: tuple[Outline, ...]
    centre: tuple[int, int]
    bottom: int


PEOPLE = {
    "astronaut": Person(
        outline=(
            *((40, 760), (50, 720), (62, 660), (70, 620), (90, 560), (118, 512), (150, 482), (182, 460)),
            *((206, 438), (236, 416), (230, 392), (230, 374), (246, 370), (262, 334), (288, 312), (320, 300)),
            *((346, 297), (370, 299), (364, 264), (340, 242), (318, 206), (307, 162), (308, 132), (322, 108)),
            *((346, 86), (380, 68), (400, 48), (430, 36), (466, 31), (500, 36), (532, 48), (560, 68)),
            *((586, 94), (598, 126), (603, 166), (595, 200), (576, 234), (556, 256), (550, 270), (536, 273)),
            *((528, 300), (518, 326), (513, 346), (542, 364), (570, 394), (594, 430), (607, 466), (640, 490)),
            *((666, 514), (686, 542), (700, 576), (712, 620), (720, 660), (726, 700), (726, 760)),
        ),
        holes=(),
        centre=(100, 228),
        bottom=344,
    ),
    "camera": Person(
        outline=(
            *((0, 700), (0, 512), (20, 482), (44, 458), (60, 432), (70, 402), (86, 374), (100, 346)),
            *((120, 312), (150, 283), (190, 259), (230, 248), (258, 250), (280, 226), (304, 212), (320, 214)),
            *((323, 194), (334, 176), (346, 160), (362, 147), (386, 134), (410, 130), (440, 134), (470, 148)),
            *((496, 166), (520, 188), (537, 212), (542, 232), (534, 256), (516, 264), (506, 280), (566, 280)),
            *((616, 279), (649, 280), (649, 306), (637, 310), (641, 340), (656, 338), (663, 362), (662, 394)),
            *((655, 422), (640, 446), (620, 462), (604, 470), (608, 520), (608, 550), (580, 576), (540, 602)),
            *((494, 625), (460, 615), (414, 590), (402, 612), (348, 692), (300, 750)),
        ),
        holes=(
            (
                *((513, 318), (520, 350), (534, 368), (548, 376), (548, 394), (564, 408), (530, 425)),
                *((524, 446), (530, 462), (497, 491), (488, 456), (486, 430), (484, 402), (483, 388)),
                *((490, 372), (494, 352), (505, 343), (510, 330)),
            ),
        ),
        centre=(110, 220),
        bottom=300,
    ),
}


@dataclass(frozen=True)
class Part:
    """How much of what one half of the dataset holds, and the number of its first group."""

    name: str
    person: str
    backgrounds: tuple[str, ...]
    images: int
    first_group: int
    faults: bool


GROUP = 12  # images in a group, one folder
PARTS = (
    Part("train", "astronaut", ("coffee", "brick", "gravel", "stereo_motorcycle"), 36, 1803151818, True),
    Part("test", "camera", ("chelsea", "grass", "rocket"), 12, 1803290444, False),
)


def make_portraits_mini(folder: Path) -> None:
    """Write both parts of portraits-mini into an empty folder; no person or background is in both."""
    rng = np.random.default_rng(SEED)
    for part in PARTS:
        _make_part(folder / part.name, part, rng)
    photograph.cache_clear()
    matte.cache_clear()
    plant_portrait_faults(folder, [part.name for part in PARTS if part.faults], rng)


def _make_part(folder: Path, part: Part, rng: np.random.Generator) -> None:
    for number in range(part.images):
        group = str(part.first_group + number // GROUP)
        stem = f"{group}-{number % GROUP:08d}"
        image, alpha = _portrait(part, number, rng)
        clip = folder / "clip_img" / group / "clip_00000000" / f"{stem}.jpg"
        matting = folder / "matting" / group / "matting_00000000" / f"{stem}.png"
        for path in (clip, matting):
            path.parent.mkdir(parents=True, exist_ok=True)
        save_jpeg(image, clip, rng)
        Image.fromarray(np.dstack([image, alpha])).save(matting)


def _portrait(part: Part, number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """An image, uint8 (H, W, 3) of `SIZE`, and its matte, uint8 (H, W); every second one is composed."""
    box = _box(PEOPLE[part.person], photograph(part.person).shape, rng)
    image, alpha = (
        np.asarray(Image.fromarray(whole).resize(SIZE[::-1], Image.Resampling.BICUBIC, box))
        for whole in (photograph(part.person), matte(part.person))
    )
    if number % 2:
        behind = crop(part.backgrounds[number // 2 % len(part.backgrounds)], SIZE, rng)
        behind = np.ascontiguousarray(np.rot90(behind)) if behind.shape != image.shape else behind
        weight = alpha[..., None] / 255
        image = np.rint(weight * image + (1 - weight) * behind).astype(np.uint8)
    if rng.random() < 0.5:
        image, alpha = image[:, ::-1], alpha[:, ::-1]
    light = rng.uniform(0.85, 1.15) * image + rng.normal(0, 1.5, image.shape)
    return np.clip(np.rint(light), 0, 255).astype(np.uint8), np.ascontiguousarray(alpha)


def _box(person: Person, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A crop (left, upper, right, lower) of the shape of `SIZE` that holds the head."""
    height = int(rng.integers(210, person.bottom - 10))
    width = height * SIZE[1] // SIZE[0]
    row, column = person.centre
    upper = int(rng.integers(0, max(0, min(row - 80, person.bottom - height)) + 1))
    left = column - width // 2 + int(rng.integers(-width // 8, width // 8 + 1))
    left = min(max(0, left), shape[1] - width)
    return left, upper, left + width, upper + height


@functools.cache
def matte(name: str) -> np.ndarray:
    """The soft matte of a person in a photograph: uint8 (H, W), 255 inside."""
    from scipy.ndimage import binary_dilation

    image = photograph(name)
    inside = _rasterised(PEOPLE[name], (image.shape[0], image.shape[1]))
    grey = np.asarray(Image.fromarray(image).convert("L")).astype(np.float64) / 255
    soft = guided_filter(grey, inside.astype(np.float64), BAND, EPSILON)
    soft = ((soft - 0.5) * 2 + 0.5).clip(0, 1)  # the filter leaves a veil far from edges
    edge = binary_dilation(inside, iterations=BAND) & binary_dilation(~inside, iterations=BAND)
    return np.rint(np.where(edge, soft, inside) * 255).astype(np.uint8)


def _rasterised(person: Person, size: tuple[int, int]) -> np.ndarray:
    """The outline without its holes: bool (H, W)."""
    picture = Image.new("1", (2 * size[1], 2 * size[0]))
    draw = ImageDraw.Draw(picture)
    draw.polygon(person.outline, fill=1)
    for hole in person.holes:
        draw.polygon(hole, fill=0)
    return np.asarray(picture)[::2, ::2]


def guided_filter(guide: np.ndarray, values: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """Smooth values but for the edges of a guide: in each window they become a linear function of the guide.

    Args:
        guide: float (H, W), 0 to 1.
        values: float (H, W).
        radius: of the square window, in pixels.
        epsilon: the variance of the guide below which a window counts as flat.

    >>> step = np.repeat([[0.0, 1.0]], 8, axis=0).repeat(8, axis=1)
    >>> bool(np.abs(guided_filter(step, step, 2, 1e-6) - step).max() < 1e-3)
    True
    """
    from scipy.ndimage import uniform_filter

    def mean(array: np.ndarray) -> np.ndarray:
        return uniform_filter(array, 2 * radius + 1)

    of_guide, of_values = mean(guide), mean(values)
    slope = (mean(guide * values) - of_guide * of_values) / (mean(guide**2) - of_guide**2 + epsilon)
    return mean(slope) * guide + mean(of_values - slope * of_guide)
