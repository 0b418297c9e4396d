"""What happens to images on their way: recompression, blur, noise, resizing. Each keeps the image's size.

A perturbation is a function of an image, uint8 (3, H, W) on any device, a strength, and, if it takes a third
argument, a `torch.Generator` on the CPU, seeded for this image: what it draws is the same at every strength,
on every device and in every run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from workbook.core.errors import DataError, WorkbookError
from workbook.core.registry import did_you_mean
from workbook.core.sampling import mix
from workbook.core.transforms import blur as gaussian_blur
from workbook.core.transforms import compress_jpeg

Function = Callable[..., Tensor]


@dataclass(frozen=True)
class Perturbation:
    """A function and the strengths at which it is tried.

    Attributes:
        name: in tables and pictures.
        function: see the module.
        strengths: in the order in which they are shown.
        unit: what a strength is.
    """

    name: str
    function: Function
    strengths: tuple[float, ...]
    unit: str = "strength"

    def __call__(self, image: Tensor, strength: float, seed: int) -> Tensor:
        """Apply it to an image (3, H, W) uint8.

        Raises:
            WorkbookError: the function changed the image's size or type.
        """
        if _takes_generator(self.function):
            changed = self.function(image, strength, torch.Generator().manual_seed(seed >> 1))
        else:
            changed = self.function(image, strength)
        if not isinstance(changed, Tensor) or changed.dtype != torch.uint8 or changed.shape != image.shape:
            found = (
                f"{changed.dtype} {tuple(changed.shape)}"
                if isinstance(changed, Tensor)
                else f"a {type(changed).__name__}"
            )
            raise WorkbookError(
                f"{self.name} at {strength:g}: made {found} of an image uint8 {tuple(image.shape)}; "
                "keep size and type, so that the mask still fits (resize back, .round().clamp(0, 255).byte())"
            )
        return changed


def jpeg(image: Tensor, quality: float) -> Tensor:
    """Compress and decompress as JPEG.

    Args:
        image: uint8 (3, H, W).
        quality: 1 to 100.
    """
    if not 1 <= quality <= 100:
        raise WorkbookError(f"jpeg: quality is {quality:g}; give 1 to 100")
    return compress_jpeg(image.cpu(), round(quality)).to(image.device)


def blur(image: Tensor, kernel: float) -> Tensor:
    """Gaussian blur with a square kernel; its deviation is 0.15 kernel + 0.35 pixels, as in OpenCV.

    Args:
        image: uint8 (3, H, W).
        kernel: side of the kernel in pixels, odd; 0 leaves the image as it is.
    """
    if kernel == 0:
        return image
    side = int(kernel)
    if side != kernel or side < 1 or side % 2 == 0:
        raise WorkbookError(f"blur: kernel is {kernel:g}; give 0 or an odd number of pixels")
    if side // 2 >= min(image.shape[-2:]):
        raise DataError(f"blur: a kernel of {side} is too large for an image {tuple(image.shape[-2:])}")
    return gaussian_blur(image, side)


def noise(image: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise.

    Args:
        image: uint8 (3, H, W).
        deviation: of the noise, in grey levels of 255. (IMDL-BenCo hands the same numbers to albumentations
            as a variance: `lambda image, v, g: noise(image, v**0.5, g)`.)
        generator: of the image.
    """
    drawn = torch.randn(image.shape, generator=generator).to(image.device)
    return (image + deviation * drawn).round_().clamp_(0, 255).to(torch.uint8)


def resize(image: Tensor, factor: float) -> Tensor:
    """Make smaller by a factor and large again, bilinear.

    Args:
        image: uint8 (3, H, W).
        factor: in (0, 1].
    """
    if not 0 < factor <= 1:
        raise WorkbookError(f"resize: factor is {factor:g}; give a number above 0, at most 1")
    height, width = image.shape[-2:]
    small = (max(1, round(height * factor)), max(1, round(width * factor)))
    values = F.interpolate(image[None].float(), small, mode="bilinear", antialias=True)
    values = F.interpolate(values, (height, width), mode="bilinear")
    return values[0].round_().clamp_(0, 255).to(torch.uint8)


# The strengths of blur, noise and JPEG are those that IMDL-BenCo's robustness test goes through.
PERTURBATIONS: dict[str, Perturbation] = {
    one.name: one
    for one in (
        Perturbation("jpeg", jpeg, (100, 90, 80, 70, 60, 50), "quality"),
        Perturbation("blur", blur, (0, 3, 7, 11, 15, 19, 23), "kernel (pixels)"),
        Perturbation("noise", noise, (3, 7, 11, 15, 19, 23), "deviation (grey levels)"),
        Perturbation("resize", resize, (0.9, 0.75, 0.5, 0.25), "factor"),
    )
}


def find_perturbations(asked: Any) -> list[Perturbation]:
    """Perturbations by name, with other strengths, or of one's own.

    Args:
        asked: None for all of `PERTURBATIONS`; a name or a list of names and `Perturbation`s; or a dictionary
            from a known name to strengths, or from a name of one's own to `(function, strengths)`.

    Raises:
        WorkbookError: an unknown name, no strengths, or something that is no function.

    >>> [one.strengths for one in find_perturbations({"jpeg": [95], "darker": (lambda im, s: im // s, [2])})]
    [(95,), (2,)]
    """
    if asked is None:
        return list(PERTURBATIONS.values())
    if isinstance(asked, Mapping):
        return [_own(str(name), what) for name, what in asked.items()]
    several: Iterable[Any] = [asked] if isinstance(asked, str | Perturbation) else asked
    return [one if isinstance(one, Perturbation) else _known(str(one)) for one in several]


def _known(name: str) -> Perturbation:
    if name not in PERTURBATIONS:
        hint = did_you_mean(name, PERTURBATIONS) or f"there are {', '.join(PERTURBATIONS)}"
        raise WorkbookError(
            f"perturbation {name!r}: there is none of that name; {hint}, or give (function, strengths) for it"
        )
    return PERTURBATIONS[name]


def _own(name: str, what: Any) -> Perturbation:
    function, strengths, unit = None, what, "strength"
    if isinstance(what, Sequence) and len(what) == 2 and callable(what[0]):
        function, strengths = what
    if function is None:
        known = _known(name)
        function, unit = known.function, known.unit
    strengths = tuple(strengths) if isinstance(strengths, Iterable) else (strengths,)
    if not strengths or not all(isinstance(one, int | float) for one in strengths):
        raise WorkbookError(f"perturbation {name!r}: strengths are {strengths!r}; give numbers")
    return Perturbation(name, function, strengths, unit)


def _takes_generator(function: Function) -> bool:
    return len(inspect.signature(function).parameters) >= 3


def image_seed(seed: int, index: int) -> int:
    """The seed of an image's draws.

    >>> image_seed(0, 1) == image_seed(0, 1) != image_seed(0, 2)
    True
    """
    return mix(seed, index)
