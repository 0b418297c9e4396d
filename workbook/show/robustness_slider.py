"""Disturb an image (JPEG, blur, noise) and see what becomes of the map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as F

from workbook.core.batch import collate, prepare_batch
from workbook.core.errors import DataError, ModelError
from workbook.core.model import run_model
from workbook.core.pairs import Pair
from workbook.core.predict import Prediction
from workbook.core.signature import read_signature
from workbook.show.display import to_map, to_picture
from workbook.show.panel import LABEL, WIDE, Panel, Scene
from workbook.show.panes import Pane
from workbook.show.prediction_panes import probability_pane, words_of
from workbook.show.threshold_slider import check_threshold

Perturb = Callable[[Tensor, float], Tensor]


def jpeg(image: Tensor, quality: float) -> Tensor:
    """An image uint8 (3, H, W) as it is after JPEG of a quality from 1 to 100."""
    return F.jpeg(image, int(quality))


def blur(image: Tensor, width: float) -> Tensor:
    """An image uint8 (3, H, W) under a Gaussian kernel of an odd width in pixels; 0 leaves it as it is."""
    return F.gaussian_blur(image, [int(width), int(width)]) if width else image


def noise(image: Tensor, deviation: float) -> Tensor:
    """An image uint8 (3, H, W) with Gaussian noise, its deviation in grey levels; the same each time."""
    grains = torch.randn(image.shape, generator=torch.Generator().manual_seed(0)) * deviation
    return (image + grains).round().clamp(0, 255).to(torch.uint8)


PERTURBATIONS: dict[str, tuple[Perturb, Sequence[float]]] = {
    "jpeg": (jpeg, (100, 95, 90, 85, 80, 75, 70, 65, 60, 55, 50)),
    "blur": (blur, (0, 3, 7, 11, 15, 19, 23)),
    "noise": (noise, (0, 3, 7, 11, 15, 19, 23)),
}


class RobustnessSlider(Panel):
    """One image under a perturbation that the reader chooses, and the map that the model makes of it.

    Args:
        model: a model of `workbook.core.model`, on any device.
        image: a `Pair`, or a path, array or tensor (uint8, or floats in [0, 1]).
        mask: the truth, if `image` is no pair and it is known.
        perturbations: from a name to a function of (image uint8 (3, H, W), strength) and its strengths, the
            mildest first.
        threshold: a pixel is marked where the probability is above it.

    Attributes:
        kind: the list of perturbations.
        strength: the slider of the strengths.

    Raises:
        DataError: an image or mask that cannot be read, or a perturbation that changes the image's size.
        ModelError: the model does not keep its contract.
    """

    def __init__(
        self,
        model: nn.Module,
        image: Any,
        mask: Any = None,
        perturbations: Mapping[str, tuple[Perturb, Sequence[float]]] | None = None,
        threshold: float = 0.5,
    ) -> None:
        self.perturbations = dict(PERTURBATIONS if perturbations is None else perturbations)
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
        perturb, _ = self.perturbations[self.kind.value]
        disturbed = perturb(self._image, self.strength.value)
        if disturbed.shape != self._image.shape:
            raise DataError(
                f"{self.kind.value}: makes {tuple(disturbed.shape)} of {tuple(self._image.shape)}; "
                "keep the image's size, so that its mask still fits"
            )
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
        return [(f"{value:g}", value) for value in self.perturbations[self.kind.value][1]]

    def _change(self, _: Any) -> None:
        """Another perturbation starts at its mildest."""
        before = self.strength.value
        self.strength.options = self._strengths
        if self.strength.value == before:  # then nothing has told that all else is new
            self.refresh()

    def _words(self, found: Prediction) -> str:
        label = "" if found.pred_label is None else f", image score {found.pred_label:.3f}"
        return words_of(found, self._cut) + label

    @torch.no_grad()
    def _say(self, image: Tensor) -> Prediction:
        """What the model says of an image uint8 (3, H, W); it is left in the mode it was in."""
        model = self._model
        device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
        training = model.training
        model.eval()
        try:
            batch = prepare_batch(collate([{"image": image, "name": self._name}]), device)
            outputs = run_model(model, batch, read_signature(model))
        finally:
            model.train(training)
        if "pred_mask" not in outputs:
            raise ModelError(f"{type(model).__name__}: returns no pred_mask, so there is no map to show")
        label = outputs.get("pred_label")
        pred_mask = outputs["pred_mask"][0].float().cpu()
        return Prediction(
            Pair(Path(self._name)),
            image,
            self._mask,  # type: ignore[arg-type]
            pred_mask,
            None if label is None else float(label[0]),
        )


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
