"""Move the threshold and see the mask, the hits and misses, and the scores of one image and of the set."""

from __future__ import annotations

from collections.abc import Iterable

import ipywidgets as widgets
import torch

from workbook.core import score_curves
from workbook.core.errors import DataError
from workbook.core.prediction import Prediction
from workbook.core.scores import NAN, Counts, f1, false_alarm_rate, iou
from workbook.show.display import to_map, to_picture
from workbook.show.panel import LABEL, WIDE, Panel, Scene, slider, step_buttons
from workbook.show.panes import Pane
from workbook.show.prediction_panes import LEGEND, overlay_pane, probability_pane, title_of, words_of

STEP = 1 / score_curves.STEPS  # thresholds at which the library's curves are exact


class ThresholdSlider(Panel):
    """Predictions under a threshold that the reader moves: image, probability, hits and misses, live scores.

    The scores of the set are those of `PixelF1` and `PixelIoU` as they come, the mean over the tampered
    images, and that of `FalseAlarmRate` over the authentic ones. All pixels are counted once, at the start,
    so a move costs the same on a thousand images as on one.

    Args:
        predictions: what `predict` returned; those of images whose truth is not known have no score.
        threshold: to start at; as close to it as the slider's steps of 1/256 allow.

    Attributes:
        number: the slider of the images; counts from 1.
        threshold: the slider of the threshold; a pixel is marked where the probability is above it.

    Raises:
        DataError: there are no predictions, or a threshold outside [0, 1).
    """

    def __init__(self, predictions: Iterable[Prediction], threshold: float = 0.5) -> None:
        self.predictions = list(predictions)
        if not self.predictions:
            raise DataError("there are no predictions to show; give what predict(model, pairs) returned")
        check_threshold(threshold)
        self._curves = [_above(one.pred_mask, one.mask) for one in self.predictions if one.mask is not None]
        self.number = slider("image", len(self.predictions))
        self.threshold = threshold_slider(threshold)
        super().__init__([*step_buttons(self.number), self.number], [self.threshold])
        self.follow(self.number, self.threshold)

    def about(self) -> str:  # noqa: D102 (as in Panel)
        return f"{len(self.predictions)} predictions"

    def scores(self, threshold: float | None = None) -> dict[str, float]:
        """The set's scores at a threshold, the slider's if None; NaN where no image has such a score.

        Returns:
            `pixel_f1` and `pixel_iou`, means over the tampered images, and `false_alarm_rate`, the mean
            over the authentic ones.
        """
        if not self._curves:
            return dict.fromkeys(("pixel_f1", "pixel_iou", "false_alarm_rate"), NAN)
        at = round((self.threshold.value if threshold is None else threshold) / STEP)
        counts = Counts(*torch.stack([curve[:, at] for curve in self._curves]).unbind(1))
        tampered = (counts.tp + counts.fn) > 0
        return {
            "pixel_f1": _mean(f1(counts)[tampered]),
            "pixel_iou": _mean(iou(counts)[tampered]),
            "false_alarm_rate": _mean(false_alarm_rate(counts)[~tampered]),
        }

    def scene(self) -> Scene:  # noqa: D102
        index = self.number.value - 1
        found, at = self.predictions[index], round(self.threshold.value / STEP)
        threshold = at * STEP
        head = f"{index + 1} of {len(self.predictions)}: {title_of(found)}"
        whole = self.scores()
        lines = [
            f"{head}: {words_of(found, threshold)}",
            f"all {len(self.predictions)} images at {threshold:.3f}: F1 {whole['pixel_f1']:.3f}, "
            f"IoU {whole['pixel_iou']:.3f}, of the authentic ones {whole['false_alarm_rate']:.1%} marked",
        ]
        image = to_picture(found.image)
        truth = None if found.mask is None else to_map(found.mask)
        panes = [
            Pane(image, "image" if truth is None else "image, the truth outlined", mask=truth),
            probability_pane(found, threshold),
            overlay_pane(found, threshold, LEGEND),
        ]
        return Scene(lines, [panes])


def threshold_slider(value: float) -> widgets.FloatSlider:
    """A slider of the threshold; arrow keys move it by 1/256."""
    at = min(round(value / STEP) * STEP, 1 - STEP)
    words = {"description": "threshold", "readout_format": ".3f"}
    return widgets.FloatSlider(value=at, min=0, max=1 - STEP, step=STEP, layout=WIDE, style=LABEL, **words)


def check_threshold(threshold: float) -> None:
    """Raise a DataError where a threshold is one that the scores do not take."""
    if not 0 <= threshold < 1:
        raise DataError(f"the threshold is {threshold}; give 0 up to below 1")


def _above(pred_mask: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """What `Counts` holds, of one image, at each threshold k/256: (4, STEPS + 1) int64."""
    steps = score_curves.step_counts(pred_mask[None], mask[None])[0]  # (2, STEPS + 1)
    marked = steps.flip(1).cumsum(1).flip(1) - steps  # above k/256: the steps after k
    left = steps.sum(1, keepdim=True) - marked
    return torch.stack([*marked, *left])  # tp, fp, fn, tn


def _mean(values: torch.Tensor) -> float:
    return float(values.mean()) if len(values) else NAN
