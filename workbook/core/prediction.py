"""What a model says of one image, and of many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from workbook.core.pairs import Pair
from workbook.core.segmenter import top_mean


@dataclass(frozen=True)
class Prediction:
    """What a model says of one image.

    Attributes:
        pair: the image and its mask on disk; None where no truth is known.
        image: uint8 (3, H, W).
        mask: float32 (1, H, W), the truth; None where it is not known.
        pred_mask: float32 (1, H, W) in [0, 1].
        pred_label: the probability that the image is tampered; None where the model gives none. Of tiles, the
            highest.
        name: of the file, or "image 0".
        path: of the image; None for one from memory.
        threshold: a pixel is marked where `pred_mask` is above it.
        stem: of the files that are written of it, unlike that of all others.
    """

    pair: Pair | None
    image: Tensor
    mask: Tensor | None
    pred_mask: Tensor
    pred_label: float | None
    name: str = ""
    path: Path | None = None
    threshold: float = 0.5
    stem: str = ""

    @property
    def marked(self) -> Tensor:
        """Which pixels are marked: bool (1, H, W)."""
        return self.pred_mask > self.threshold

    @property
    def score(self) -> float:
        """The image's score: `pred_label`, or else the mean of the map's highest per cent (`top_mean`)."""
        return float(top_mean(self.pred_mask[None])) if self.pred_label is None else self.pred_label


class Predictions(list[Prediction]):
    """Predictions in the order of the images.

    Attributes:
        unreadable: why an image is missing, by its name.
    """

    def __init__(self, found: Iterable[Prediction] = (), unreadable: Mapping[str, str] | None = None) -> None:
        super().__init__(found)
        self.unreadable = dict(unreadable or {})
