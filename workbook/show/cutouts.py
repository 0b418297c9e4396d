"""What a map marks, cut out and laid on a new background: portraits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from workbook.core.errors import DataError
from workbook.core.score_inputs import check_threshold
from workbook.show.canvas import SKY, Save, caption, draw_image, draw_map, finish, grid, height_of
from workbook.show.display import Map, Picture, to_map, to_picture, to_pictures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def show_cutouts(
    images: Any,
    maps: Iterable[Any],
    background: Any = SKY,
    names: Sequence[str] | None = None,
    threshold: float | None = None,
    *,
    limit: int = 6,
    ax: Axes | None = None,
    title: str | None = None,
    save: Save = None,
) -> Figure:
    """Image, map, and what the map marks on a new background; one row an image.

    Args:
        images: tensors, arrays or paths, of any sizes; or a batch (B, 3, H, W).
        maps: the probabilities, or soft mattes, each of its image's size.
        background: see `cut_out`.
        names: shown at the left.
        threshold: cut hard above it; None: the map is the opacity, so that hair stays soft.
        limit: no more than so many rows.
        ax: axes whose place the grid takes.
        title: above all.
        save: a file to write the figure to.

    Raises:
        DataError: numbers or sizes that do not go together.
    """
    pictures, mattes = to_pictures(images), [to_map(one) for one in maps]
    if len(pictures) != len(mattes) or not pictures:
        raise DataError(f"{len(pictures)} images and {len(mattes)} maps; give one map an image")
    pictures, mattes = pictures[:limit], mattes[:limit]
    heights = [height_of([picture]) for picture in pictures]
    figure, axes = grid(len(pictures), 3, width=7.5, heights=heights, title=title, ax=ax)
    for number, (row, picture, matte) in enumerate(zip(axes, pictures, mattes, strict=True)):
        draw_image(row[0], picture, "" if names is None else names[number])
        draw_map(row[1], matte)
        draw_image(row[2], cut_out(picture, matte, background, threshold))
    how = "as opacity" if threshold is None else f"cut above {threshold:g}"
    caption(axes[0][1], "map, dark 0 to bright 1")
    caption(axes[0][2], f"cut out, the map {how}")
    return finish(figure, save)


def cut_out(picture: Any, matte: Any, background: Any = SKY, threshold: float | None = None) -> Picture:
    """The marked part of a picture on a background.

    Args:
        picture: any image, see `to_picture`.
        matte: (H, W), of the same size, its opacity in [0, 1].
        background: a colour as matplotlib names it, or an image, which is resized to cover the picture.
        threshold: cut hard above it; None: mix by the opacity.

    Returns:
        uint8 (H, W, 3).

    Raises:
        DataError: sizes that differ, or a background that is neither.
        WorkbookError: a threshold outside [0, 1].

    >>> white, matte = np.full((2, 2, 3), 255, dtype=np.uint8), np.array([[1.0, 0.2], [1.0, 0.2]])
    >>> cut_out(white, matte, "black")[0].tolist()
    [[255, 255, 255], [51, 51, 51]]
    >>> cut_out(white, matte, "black", threshold=0.5)[0, 1].tolist()
    [0, 0, 0]
    """
    image, opacity = to_picture(picture), to_map(matte)
    if opacity.shape != image.shape[:2]:
        raise DataError(f"the image is {image.shape[:2]} and its map {opacity.shape}; bring both to one size")
    if threshold is not None:
        opacity = (opacity > check_threshold(threshold)).astype(np.float32)
    alpha = opacity[..., None]
    mixed = alpha * image + (1 - alpha) * _background(background, opacity)
    return np.rint(mixed).astype(np.uint8)


def _background(background: Any, like: Map) -> np.ndarray[Any, Any]:
    """Levels (H, W, 3): a colour everywhere, or an image that covers all."""
    from matplotlib.colors import is_color_like, to_rgb

    height, width = like.shape
    if isinstance(background, str | tuple) and is_color_like(background):
        return np.broadcast_to(np.array(to_rgb(background)) * 255, (height, width, 3))
    picture = to_picture(background)
    rows, columns = picture.shape[:2]
    factor = max(height / rows, width / columns)
    wide, high = max(width, round(columns * factor)), max(height, round(rows * factor))
    covering = np.asarray(Image.fromarray(picture).resize((wide, high), Image.Resampling.BILINEAR))
    top, left = (high - height) // 2, (wide - width) // 2
    return covering[top : top + height, left : left + width]
