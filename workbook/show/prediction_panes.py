"""What widgets show and say of a prediction under a threshold."""

from __future__ import annotations

import torch

from workbook.core import scores
from workbook.core.prediction import Prediction
from workbook.curation.names import kind_of
from workbook.show.display import to_map, to_picture
from workbook.show.panes import Pane
from workbook.show.predictions import overlay

LEGEND = "yellow: found; red, dark stripes: false alarm; blue, light stripes: missed"


def name_of(found: Prediction) -> str:
    """The image's name; "" of an image that has none."""
    return getattr(found, "name", "") or (found.pair.name if found.pair else "")


def title_of(found: Prediction) -> str:
    """The image's name, and its kind where that is known."""
    name = name_of(found)
    if found.pair is None or found.mask is None:
        return name
    return f"{name}, {kind_of(found.pair)}"


def words_of(found: Prediction, threshold: float) -> str:
    """Its scores at a threshold; of an authentic image, or one without a truth, the share that is marked."""
    if found.mask is not None:
        counts = scores.pixel_counts(found.pred_mask[None], found.mask[None], threshold=threshold)
        if int(counts.tp + counts.fn):
            return f"F1 {float(scores.f1(counts)):.3f}, IoU {float(scores.iou(counts)):.3f}"
    marked = (found.pred_mask > threshold).to(torch.float64).mean()
    return f"{float(marked):.1%} marked"


def probability_pane(found: Prediction, threshold: float, title: str = "") -> Pane:
    """The map with the outline of what is above the threshold."""
    values = to_map(found.pred_mask)
    title = title or "probability, dark 0 to bright 1"
    return Pane(values, title, mask=values, level=threshold, colours="magma")


def overlay_pane(found: Prediction, threshold: float, title: str = "") -> Pane:
    """Hits, false alarms and misses on the image; where the truth is not known, what is marked."""
    image, values = to_picture(found.image), to_map(found.pred_mask)
    if found.mask is not None:
        return Pane(overlay(image, to_map(found.mask), values, threshold), title)
    marked = (values > threshold).astype(values.dtype)
    return Pane(image, "yellow: marked" if title == LEGEND else title, mask=marked, tint=True)
