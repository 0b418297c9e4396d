"""Forgeries made on the fly: copy-move and inpainting, which change the image and mark the place in the mask.

They turn authentic images into tampered ones at no cost, so that a detector sees more forgeries than the
dataset holds. `PairDataset` lets the label follow the mask.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from workbook.core.errors import WorkbookError
from workbook.core.transforms import RandomChange, draw_integer, draw_uniform

Window = tuple[int, int, int, int]  # top, left, height, width


class CopyMove(RandomChange):
    """Copy a random rectangle or ellipse of the image elsewhere in it, and mark that place as tampered.

    Args:
        p: how often, as a probability.
        sides: the smallest and largest side of the region, as fractions of the image's sides.

    >>> image = torch.arange(192, dtype=torch.uint8).view(3, 8, 8)
    >>> sample = {"image": image, "mask": torch.zeros(1, 8, 8)}
    >>> forged = CopyMove(p=1)(sample)
    >>> changed = (forged["image"] != sample["image"]).any(0, keepdim=True)
    >>> bool(changed.any()), bool((forged["mask"][changed] == 1).all())
    (True, True)
    """

    def __init__(self, p: float = 0.5, sides: tuple[float, float] = (0.05, 0.5)) -> None:
        super().__init__(p)
        self.sides = check_sides(sides)

    def change(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Forge one image (3, H, W) and its mask (1, H, W)."""
        rows, columns = image.shape[-2:]
        top, left, height, width = draw_window(rows, columns, self.sides)
        places = (rows - height + 1) * (columns - width + 1)
        if places == 1:  # the region fills the image: there is nowhere else to go
            return image, mask
        # Any place but its own: a copy onto itself would mark untouched pixels.
        own = top * (columns - width + 1) + left
        to_top, to_left = divmod((own + draw_integer(1, places - 1)) % places, columns - width + 1)
        region = _draw_shape(height, width)  # (h, w)
        source = image[:, top : top + height, left : left + width].clone()
        image, mask = image.clone(), mask.clone()
        target = image[:, to_top : to_top + height, to_left : to_left + width]
        target.copy_(torch.where(region, source, target))
        mask[:, to_top : to_top + height, to_left : to_left + width].masked_fill_(region, 1)
        return image, mask


class Inpaint(RandomChange):
    """Remove a random rectangle or ellipse, fill it smoothly from around it, and mark it as tampered.

    Args:
        p: how often, as a probability.
        sides: the smallest and largest side of the region, as fractions of the image's sides.
    """

    def __init__(self, p: float = 0.5, sides: tuple[float, float] = (0.05, 0.5)) -> None:
        super().__init__(p)
        self.sides = check_sides(sides)

    def change(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Forge one image (3, H, W) and its mask (1, H, W)."""
        rows, columns = image.shape[-2:]
        top, left, height, width = draw_window(rows, columns, self.sides)
        region = _draw_shape(height, width)
        hole = torch.zeros(rows, columns, dtype=torch.bool)
        hole[top : top + height, left : left + width] = region
        if bool(hole.all()):  # nothing is left to fill from
            return image, mask
        # A margin around the window is all that the filling looks at.
        margin = 8
        near = (
            slice(None),
            slice(max(top - margin, 0), top + height + margin),
            slice(max(left - margin, 0), left + width + margin),
        )
        image, mask = image.clone(), mask.clone()
        image[near] = fill_hole(image[near].float(), hole[near[1:]]).add_(0.5).to(image.dtype)
        mask.masked_fill_(hole, 1)
        return image, mask


def fill_hole(image: Tensor, hole: Tensor) -> Tensor:
    """Fill a hole smoothly: known pixels are averaged over ever larger blocks until the hole is covered.

    The pull-push interpolation of Gortler et al., "The Lumigraph", SIGGRAPH 1996.

    Args:
        image: float (C, H, W).
        hole: bool (H, W), True where the image is unknown; not everywhere.

    Returns:
        float (C, H, W); outside the hole the image itself.

    >>> fill_hole(torch.tensor([[[2.0, 9.0, 2.0]]]), torch.tensor([[False, True, False]]))
    tensor([[[2., 2., 2.]]])
    """
    known = (~hole).to(image.dtype)[None]  # (1, H, W)
    return _pull_push((image * known)[None], known[None])[0]


def _pull_push(total: Tensor, weight: Tensor) -> Tensor:
    """From the sums (1, C, H, W) and weights (1, 1, H, W) of the known pixels, the whole image."""
    mean = total / weight.clamp(min=1e-6)
    if bool((weight > 0).all()):
        return mean
    size = total.shape[-2:]
    coarse = _pull_push(
        F.avg_pool2d(total, 2, ceil_mode=True, count_include_pad=False),
        F.avg_pool2d(weight, 2, ceil_mode=True, count_include_pad=False),
    )
    return torch.where(weight > 0, mean, F.interpolate(coarse, size, mode="bilinear"))


def check_sides(sides: tuple[float, float]) -> tuple[float, float]:
    """Give the sides back if they are fractions in order; a WorkbookError else."""
    if not 0 < sides[0] <= sides[1] <= 1:
        raise WorkbookError(
            f"sides is {sides!r}; give (smallest, largest) as fractions of the image in (0, 1]"
        )
    return sides


def draw_window(rows: int, columns: int, sides: tuple[float, float]) -> Window:
    """Draw a window inside an image: top, left, height, width."""
    height = max(1, round(rows * draw_uniform(*sides)))
    width = max(1, round(columns * draw_uniform(*sides)))
    return draw_integer(0, rows - height), draw_integer(0, columns - width), height, width


def _draw_shape(height: int, width: int) -> Tensor:
    """The whole window, or the ellipse in it, at equal chances: bool (height, width)."""
    if draw_integer(0, 1):
        return torch.ones(height, width, dtype=torch.bool)
    down = (torch.arange(height) + 0.5) / height * 2 - 1  # the middles of the pixels, in (-1, 1)
    across = (torch.arange(width) + 0.5) / width * 2 - 1
    return down[:, None] ** 2 + across**2 <= 1
