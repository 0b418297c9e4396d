"""The maps of two checkpoints side by side, on the same images and under the same threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets as widgets

from workbook.core.errors import DataError
from workbook.core.prediction import Prediction
from workbook.show.display import to_map, to_picture
from workbook.show.panel import LABEL, Panel, Scene, slider, step_buttons
from workbook.show.panes import Pane
from workbook.show.prediction_panes import name_of, overlay_pane, probability_pane, title_of, words_of
from workbook.show.threshold_slider import check_threshold, threshold_slider


class CheckpointCompare(Panel):
    """Two checkpoints on one image: probabilities above, hits and misses below, and the scores of both.

    Args:
        predictions: from a checkpoint's name to what `predict` returned with it, on the same images in one
            order; at least two. The first two are shown first.
        threshold: to start at.

    Attributes:
        number: the slider of the images; counts from 1.
        left, right: the lists of checkpoints.
        threshold: the slider of the threshold.

    Raises:
        DataError: fewer than two checkpoints, or predictions of different images.

    Example:
        >>> last = predict(load_checkpoint("runs/first/last", model), pairs)  # doctest: +SKIP
        >>> best = predict(load_checkpoint("runs/first/best", model), pairs)  # doctest: +SKIP
        >>> CheckpointCompare({"last": last, "best": best})  # doctest: +SKIP
    """

    def __init__(self, predictions: Mapping[str, Sequence[Prediction]], threshold: float = 0.5) -> None:
        self.predictions = {name: list(found) for name, found in predictions.items()}
        check_threshold(threshold)
        _check(self.predictions)
        names = list(self.predictions)
        self.count = len(self.predictions[names[0]])
        self.number = slider("image", self.count)
        self.left = widgets.Dropdown(options=names, value=names[0], description="left", style=LABEL)
        self.right = widgets.Dropdown(options=names, value=names[1], description="right", style=LABEL)
        self.threshold = threshold_slider(threshold)
        super().__init__([*step_buttons(self.number), self.number], [self.left, self.right], [self.threshold])
        self.follow(self.number, self.left, self.right, self.threshold)

    def about(self) -> str:  # noqa: D102 (as in Panel)
        return f"{self.count} images, checkpoints {', '.join(self.predictions)}"

    def scene(self) -> Scene:  # noqa: D102
        index, threshold = self.number.value - 1, self.threshold.value
        shown = [(name, self.predictions[name][index]) for name in (self.left.value, self.right.value)]
        first = shown[0][1]
        lines = [f"{index + 1} of {self.count}: {title_of(first)}, threshold {threshold:.3f}"]
        lines += [f"{name}: {words_of(found, threshold)}" for name, found in shown]
        truth = Pane("the truth is not known") if first.mask is None else Pane(to_map(first.mask), "truth")
        above = [Pane(to_picture(first.image), "image")]
        above += [probability_pane(found, threshold, f"{name}, probability") for name, found in shown]
        below = [truth, *(overlay_pane(found, threshold, f"{name}, marked") for name, found in shown)]
        return Scene(lines, [above, below])


def _check(predictions: Mapping[str, Sequence[Prediction]]) -> None:
    if len(predictions) < 2 or not all(predictions.values()):
        raise DataError(
            'give the predictions of at least two checkpoints: {"last": predict(...), "best": predict(...)}'
        )
    (first, whole), *others = predictions.items()
    for name, found in others:
        if [_identity(one) for one in found] != [_identity(one) for one in whole]:
            raise DataError(f"{first} and {name} were predicted on different images; give both the same")


def _identity(found: Prediction) -> tuple[str, tuple[int, ...]]:
    return name_of(found), tuple(found.pred_mask.shape)
