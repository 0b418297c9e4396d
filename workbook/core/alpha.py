"""Whether a mask lies in its file's alpha channel or in the colours. Without torch: an audit needs none."""

from __future__ import annotations

from PIL import Image, ImageChops


def informative_alpha(rgba: Image.Image) -> Image.Image | None:
    """The alpha channel of an RGBA image where it is what holds a mask, None where the colours do.

    It is alpha where it varies and the colours say nothing: they are other than grey, all one where they
    show, or a grey photograph, which has fewer black and white pixels than alpha.

    >>> informative_alpha(Image.new("RGBA", (2, 2))) is None
    True
    """
    alpha = rgba.getchannel("A")
    low, high = alpha.getextrema()
    if low == high:
        return None
    if _coloured(rgba):
        return alpha
    grey = rgba.getchannel("R")
    shown = grey.histogram(alpha.point(lambda value: 255 if value else 0))  # the invisible says nothing
    return alpha if max(shown) == sum(shown) or _extreme(alpha) > _extreme(grey) else None


def _coloured(rgba: Image.Image) -> bool:
    """Whether any pixel is another colour than grey."""
    red, green, blue = rgba.split()[:3]
    apart = (ImageChops.difference(red, other).getextrema()[1] for other in (green, blue))
    return any(apart)


def _extreme(grey: Image.Image) -> float:
    """The share of pixels that are black or white: near 1 in a mask, low in a photograph."""
    counts = grey.histogram()
    return (counts[0] + counts[255]) / (grey.width * grey.height)
