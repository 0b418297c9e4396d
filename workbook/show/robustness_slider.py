"""Disturb an image (JPEG, blur, noise, resizing) and see what becomes of the map."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor, nn

from workbook.core.errors import DataError
from workbook.core.pairs import Pair
from workbook.core.perturbations import find_perturbations, image_seed
from workbook.core.predict import predict
from workbook.core.prediction import Prediction
from workbook.show.display import to_map, to_picture
from workbook.show.panel import LABEL, WIDE, Panel, Scene
from workbook.show.panes import Pane
from workbook.show.prediction_panes import probability_pane, words_of
from workbook.show.threshold_slider import check_threshold

SEED = image_seed(0, 0)  # as `robustness` disturbs the first image of a set


class RobustnessSlider(Panel):
    """One image under a perturbation that the reader chooses, and the map that the model makes of it.

    Args:
        model: a model of `workbook.core.model`, on any device.
        image: a `Pair`, or a path, array or tensor (uint8, or floats in [0, 1]).
        mask: the truth, if `image` is no pair and it is known.
        perturbations: see `find_perturbations`, strengths mildest first; None: JPEG, blur, noise, resizing.
        threshold: a pixel is marked where the probability is above it.

    Attributes:
        kind: the list of perturbations.
        strength: the slider of the strengths.

    Raises:
        DataError: an image or mask that cannot be read.
        ModelError: the model does not keep its contract.
        WorkbookError: no perturbation of that name, or no strengths.
    """

    def __init__(
        self,
        model: nn.Module,
        image: Any,
        mask: Any = None,
        perturbations: Any = None,
        threshold: float = 0.5,
    ) -> None:
        self.perturbations = {one.name: one for one in find_perturbations(perturbations)}
        check_threshold(threshold)
        self._model, self._cut = model, threshold
        pair = image if isinstance(image, Pair) else None
        self._name = pair.name if pair else "image"
        picture = to_picture(pair.image if pair else image)
        self._image = torch.from_numpy(picture).permute(2, 0, 1)  # (3, H, W)
        self._mask = _truth(pair, mask, picture.shape[:2])
        self.clean = self._say(self._image)
        self.kind = widgets.Dropdown(options=list(self.perturbations), description="kind", style=LABEL)
        self.strength = widgets.SelectionSlider(
            options=self._strengths, description="strength", layout=WIDE, style=LABEL
        )
        super().__init__([self.kind], [self.strength])
        self.kind.observe(self._change, "value")
        self.follow(self.strength)

    def about(self) -> str:  # noqa: D102 (as in Panel)
        return f"{self._name} under {', '.join(self.perturbations)}"

    def scene(self) -> Scene:  # noqa: D102
        disturbed = self.perturbations[self.kind.value](self._image, self.strength.value, SEED)
        now = self._say(disturbed)
        change = float((now.pred_mask - self.clean.pred_mask).abs().mean())
        lines = [
            f"{self._name}, {self.kind.value} {self.strength.value:g}: {self._words(now)}",
            f"clean: {self._words(self.clean)}; the map has changed by {change:.3f} on average",
        ]
        panes = [
            Pane(to_picture(disturbed), "image now", mask=None if self._mask is None else to_map(self._mask)),
            probability_pane(self.clean, self._cut, "map of the clean image"),
            probability_pane(now, self._cut, "map now"),
        ]
        return Scene(lines, [panes])

    @property
    def _strengths(self) -> list[tuple[str, float]]:
        return [(f"{value:g}", value) for value in self.perturbations[self.kind.value].strengths]

    def _change(self, _: Any) -> None:
        """Another perturbation starts at its mildest."""
        before = self.strength.value
        self.strength.options = self._strengths
        if self.strength.value == before:  # then nothing has told that all else is new
            self.refresh()

    def _words(self, found: Prediction) -> str:
        label = "" if found.pred_label is None else f", image score {found.pred_label:.3f}"
        return words_of(found, self._cut) + label

    def _say(self, image: Tensor) -> Prediction:
        """What the model says of an image uint8 (3, H, W)."""
        return replace(predict(self._model, image)[0], mask=self._mask, name=self._name)


def _truth(pair: Pair | None, mask: Any, size: tuple[int, ...]) -> Tensor | None:
    """The truth float32 (1, H, W); none marked of an authentic pair, None where it is not known."""
    if pair is not None and pair.mask is None:
        return torch.zeros(1, *size)
    mask = mask if pair is None else pair.mask
    if mask is None:
        return None
    truth = torch.from_numpy(to_map(mask))[None]
    if tuple(truth.shape[1:]) != tuple(size):
        raise DataError("image and mask have different sizes; audit the dataset and correct it first")
    return truth
