"""The boundary band of a mask: where tampered and authentic pixels are within reach of each other."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from workbook.core.errors import WorkbookError


def edge_band(mask: Tensor, width: int) -> Tensor:
    """Mark the pixels that lie within `width // 2` of a change in the mask, along their row or column.

    This is dilation minus erosion with a plus-shaped element `width` pixels wide and high, as IMDL-BenCo
    defines its edge masks. What lies outside the image counts as neither tampered nor authentic, so a region
    that the frame cuts has no edge there. A soft mask is cut at 0.5 first.

    Args:
        mask: (..., H, W), values in [0, 1].
        width: of the band; odd and positive.

    Returns:
        float32 {0, 1}, of the mask's shape.

    Raises:
        WorkbookError: the width is even or not positive.

    >>> edge_band(torch.tensor([[0., 0., 0., 1., 1., 1.]]), width=3)
    tensor([[0., 0., 1., 1., 0., 0.]])
    """
    check_edge_width(width)
    # In numpy, whose bytewise comparisons take a third of torch's time.
    inside = mask.detach().cpu().float().numpy() > 0.5
    band = np.zeros_like(inside)
    for axis in (-1, -2):
        here, marked = inside.swapaxes(-1, axis), band.swapaxes(-1, axis)  # views
        changes = here[..., 1:] != here[..., :-1]  # between a pixel and the next
        count = changes.shape[-1]
        for step in range(min(width // 2, count)):  # every change marks `width // 2` pixels on either side
            marked[..., 1 + step :] |= changes[..., : count - step]
            marked[..., : count - step] |= changes[..., step:]
    return torch.from_numpy(band.astype(np.float32)).to(mask.device)


def check_edge_width(width: int) -> None:
    """Raise a WorkbookError unless the width is odd and positive, so that the band has a middle."""
    if isinstance(width, bool) or not isinstance(width, int) or width < 1 or width % 2 == 0:
        raise WorkbookError(f"edge_width is {width!r}; give an odd number of pixels, such as 7")
