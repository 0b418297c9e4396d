"""How a class is called in tables, curves and options."""

from __future__ import annotations

import re

# between a small letter or digit and a capital, and before the last capital of a run that begins a word
WORD_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake_case(name: str) -> str:
    """A class's name in small letters, as it stands in a table.

    >>> [snake_case(name) for name in ("PixelF1", "PixelIoU", "BinaryAUROC", "BinaryF1Score", "BCELoss")]
    ['pixel_f1', 'pixel_iou', 'binary_auroc', 'binary_f1_score', 'bce_loss']
    """
    return WORD_BORDER.sub("_", name.replace("IoU", "Iou")).lower()
