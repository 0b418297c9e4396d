"""Random changes of an image together with its mask, and the recipe that training starts from.

They work on the dictionary `{"image": ..., "mask": ...}`, mix freely with the transforms of
torchvision.transforms.v2 in a `Compose`, and draw from torch's global generator only, so that whoever seeds
it decides what comes out.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2.functional import resize_image

from workbook.core.errors import WorkbookError


def draw_uniform(low: float, high: float) -> float:
    """Draw a number from torch's global generator."""
    return low + (high - low) * torch.rand(()).item()


def draw_integer(low: int, high: int) -> int:
    """Draw an integer, both ends included, from torch's global generator."""
    return int(torch.randint(low, high + 1, ()))


class RandomChange(nn.Module):
    """Base of the transforms here: with probability `p`, `change(image, mask)` replaces image and mask.

    Args:
        p: how often, as a probability.

    Raises:
        WorkbookError: `p` is no probability.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise WorkbookError(f"p is {p!r}; give a probability in [0, 1]")
        self.p = p

    def forward(self, sample: dict[str, Any]) -> dict[str, Any]:
        """Change `image` and `mask` of a sample; other fields pass. The sample given is left as it is."""
        if torch.rand(()).item() >= self.p:
            return sample
        image, mask = sample["image"], sample["mask"]
        # The changes work on plain tensors: the subclass would cost a dispatch at each step.
        new_image, new_mask = self.change(image.as_subclass(Tensor), mask.as_subclass(Tensor))
        return {**sample, "image": _like(new_image, image), "mask": _like(new_mask, mask)}

    def change(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Change one image uint8 (3, H, W) and its mask float32 (1, H, W), not in place."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """The settings, as they show in the repr of the module."""
        settings = {key: value for key, value in vars(self).items() if not key.startswith("_")}
        settings.pop("training", None)  # a module's own
        return ", ".join(f"{key}={value}" for key, value in settings.items())


def _like(value: Tensor, like: Tensor) -> Tensor:
    return value if type(value) is type(like) else value.as_subclass(type(like))


class RandomScale(RandomChange):
    """Scale the image by a factor in [1 - limit, 1 + limit]: antialiased bilinear, nearest for the mask."""

    def __init__(self, p: float = 1.0, limit: float = 0.2) -> None:
        super().__init__(p)
        if not 0 <= limit < 1:
            raise WorkbookError(f"limit is {limit!r}; give a fraction in [0, 1)")
        self.limit = limit

    def change(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Scale one image and its mask."""
        factor = draw_uniform(1 - self.limit, 1 + self.limit)
        size = [max(1, round(side * factor)) for side in image.shape[-2:]]
        return (
            resize_image(image, size, InterpolationMode.BILINEAR, antialias=True),
            nn.functional.interpolate(mask[None], size, mode="nearest-exact")[0],
        )


class RandomFlip(RandomChange):
    """Mirror the image along one axis: -1 swaps left and right, -2 top and bottom.

    What torchvision's flips do, in half the time: a sample has two fields here, and no boxes to look for.
    """

    def __init__(self, p: float = 0.5, axis: int = -1) -> None:
        super().__init__(p)
        if axis not in (-1, -2):
            raise WorkbookError(f"axis is {axis!r}; give -1 (left and right) or -2 (top and bottom)")
        self.axis = axis

    def change(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Mirror one image and its mask."""
        return image.flip(self.axis), mask.flip(self.axis)


class RandomRotate90(RandomChange):
    """Turn the image by 90, 180 or 270 degrees, which invents no pixel."""

    def change(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Turn one image and its mask."""
        turns = draw_integer(1, 3)
        return torch.rot90(image, turns, (-2, -1)), torch.rot90(mask, turns, (-2, -1))


class RandomCrop(RandomChange):
    """Cut a random window of at most `size`; a smaller image stays whole.

    With `fit="pad"` and the same `size`, the dataset pads what is smaller and marks it in `shape_mask`.
    """

    def __init__(self, size: int | tuple[int, int], p: float = 1.0) -> None:
        super().__init__(p)
        self.size = (size, size) if isinstance(size, int) else size

    def change(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Cut one image and its mask."""
        rows, columns = image.shape[-2:]
        height, width = min(self.size[0], rows), min(self.size[1], columns)
        top, left = draw_integer(0, rows - height), draw_integer(0, columns - width)
        window = (slice(None), slice(top, top + height), slice(left, left + width))
        return image[window], mask[window]


class BrightnessContrast(RandomChange):
    """Scale the levels by a factor around 1 and shift them by a part of the full range; the mask stays."""

    def __init__(self, p: float = 1.0, brightness: float = 0.1, contrast: float = 0.1) -> None:
        super().__init__(p)
        self.brightness, self.contrast = brightness, contrast

    def change(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Change one image."""
        factor = draw_uniform(1 - self.contrast, 1 + self.contrast)
        shift = draw_uniform(-self.brightness, self.brightness) * 255
        # Half a level is added because the cast to uint8 cuts.
        levels = torch.arange(256.0).mul_(factor).add_(shift + 0.5).clamp_(0, 255).to(torch.uint8)
        # Looking 256 levels up in bytes takes about half the time of computing every pixel's.
        pixels = image.permute(1, 2, 0).contiguous()  # (H, W, 3)
        changed = bytearray(pixels.numpy()).translate(bytes(levels.tolist()))
        return torch.frombuffer(changed, dtype=torch.uint8).view(pixels.shape).permute(2, 0, 1), mask


class RandomJPEG(RandomChange):
    """Compress the image as JPEG at a random quality, both ends included; the mask stays."""

    def __init__(self, p: float = 0.2, quality: tuple[int, int] = (70, 100)) -> None:
        super().__init__(p)
        if not 1 <= quality[0] <= quality[1] <= 100:
            raise WorkbookError(f"quality is {quality!r}; give (lowest, highest) in 1..100")
        self.quality = quality

    def change(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Compress one image."""
        return compress_jpeg(image, draw_integer(*self.quality)), mask


class RandomBlur(RandomChange):
    """Blur the image with a Gaussian whose kernel is a random odd number of pixels wide; the mask stays."""

    def __init__(self, p: float = 0.2, kernel: tuple[int, int] = (3, 7)) -> None:
        super().__init__(p)
        if not (1 <= kernel[0] <= kernel[1] and kernel[0] % 2 == kernel[1] % 2 == 1):
            raise WorkbookError(f"kernel is {kernel!r}; give (smallest, largest) as odd numbers of pixels")
        self.kernel = kernel

    def change(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Blur one image."""
        width = 2 * draw_integer(self.kernel[0] // 2, self.kernel[1] // 2) + 1
        return blur(image, width), mask


def blur(image: Tensor, width: int) -> Tensor:
    """Blur an image uint8 (3, H, W) with a Gaussian kernel of an odd width, mirrored at the borders.

    The deviation is 0.15 width + 0.35, as OpenCV and torchvision choose it. Adding shifted copies, down and
    then across, takes a third of the time of torchvision's convolution.

    >>> blur(torch.tensor([[[0, 0, 255, 0, 0]]] * 3, dtype=torch.uint8).expand(3, 5, 5), 3)[0, 0].tolist()
    [0, 61, 133, 61, 0]
    """
    half = width // 2
    steps = torch.arange(-half, half + 1)
    kernel = torch.exp(-0.5 * (steps / (0.15 * width + 0.35)) ** 2)
    weights = (kernel / kernel.sum()).tolist()
    rows, columns = image.shape[-2:]
    if half >= min(rows, columns):  # there is not enough image to mirror
        return image
    levels = image.permute(1, 2, 0).numpy()  # channels last, as images are decoded and resized: (H, W, 3)
    padded = torch.from_numpy(np.pad(levels, ((half, half), (half, half), (0, 0)), mode="reflect")).float()
    down = padded[:rows] * weights[0]
    for step, weight in enumerate(weights[1:], 1):
        down.add_(padded[step : step + rows], alpha=weight)
    across = down[:, :columns] * weights[0]
    for step, weight in enumerate(weights[1:], 1):
        across.add_(down[:, step : step + columns], alpha=weight)
    return across.add_(0.5).to(torch.uint8).permute(2, 0, 1)


def compress_jpeg(image: Tensor, quality: int) -> Tensor:
    """Write an image uint8 (3, H, W) as JPEG in memory and read it back.

    >>> compress_jpeg(torch.full((3, 8, 8), 200, dtype=torch.uint8), quality=50).unique().tolist()
    [200]
    """
    encoded = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).numpy())).save(
        encoded, "JPEG", quality=quality
    )
    with Image.open(encoded) as decoded:
        return torch.from_numpy(np.array(decoded)).permute(2, 0, 1)


def train_transforms(
    *,
    scale: float = 0.2,
    copy_move: float = 0.1,
    inpaint: float = 0.1,
    flip: float = 0.5,
    rotate: float = 0.5,
    brightness: float = 0.1,
    contrast: float = 0.1,
    jpeg: float = 0.2,
    blur: float = 0.2,
    crop: int | tuple[int, int] | None = None,
) -> v2.Compose:
    """The default recipe for training a tampering detector, in the order and with the odds of IMDL-BenCo's.

    For any other segmentation switch the forgeries off (`copy_move=0, inpaint=0`): they mark their place as
    foreground. Each number 0 switches its transform off.

    Args:
        scale: largest relative change of the size.
        copy_move: probability of `CopyMove`.
        inpaint: probability of `Inpaint`.
        flip: probability of a flip, left-right and upside-down each.
        rotate: probability of a turn by 90, 180 or 270 degrees.
        brightness: largest shift, as a fraction of the full range.
        contrast: largest relative change of the contrast.
        jpeg: probability of JPEG compression at quality 70 to 100.
        blur: probability of a Gaussian blur 3 to 7 pixels wide.
        crop: cut a random window of at most this size at the end; use it with `fit="pad"` and `size=crop`.

    Returns:
        A torchvision v2 `Compose` for the `transforms` of a dataset.

    >>> from torchvision import tv_tensors
    >>> recipe = train_transforms(copy_move=0, inpaint=0, crop=8)
    >>> image = tv_tensors.Image(torch.zeros(3, 20, 30, dtype=torch.uint8))
    >>> recipe({"image": image, "mask": tv_tensors.Mask(torch.zeros(1, 20, 30))})["mask"].shape
    torch.Size([1, 8, 8])
    """
    from workbook.core.forgery import CopyMove, Inpaint  # forgery builds on this module

    steps: list[tuple[bool, nn.Module]] = [
        (scale > 0, RandomScale(limit=scale)),
        (copy_move > 0, CopyMove(copy_move)),
        (inpaint > 0, Inpaint(inpaint)),
        (flip > 0, RandomFlip(flip, axis=-1)),
        (flip > 0, RandomFlip(flip, axis=-2)),
        (brightness > 0 or contrast > 0, BrightnessContrast(brightness=brightness, contrast=contrast)),
        (jpeg > 0, RandomJPEG(jpeg)),
        (rotate > 0, RandomRotate90(rotate)),
        (blur > 0, RandomBlur(blur)),
        (crop is not None, RandomCrop(crop or 1)),
    ]
    return v2.Compose([step for wanted, step in steps if wanted] or [v2.Identity()])
