"""Disturb an image (JPEG, blur, noise) and see what becomes of the map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as F

from workbook.core import scores
from workbook.core.batch import collate, prepare_batch
from workbook.core.errors import DataError, ModelError
from workbook.core.model import run_model
from workbook.core.pairs import Pair
from workbook.core.signature import read_signature
from workbook.show.display import Map, to_map, to_picture
from workbook.show.panel import LABEL, WIDE, Panel, Scene
from workbook.show.panes import Pane

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
    "JPEG quality": (jpeg, (100, 95, 90, 85, 80, 75, 70, 65, 60, 55, 50)),
    "Gaussian blur": (blur, (0, 3, 7, 11, 15, 19, 23)),
    "Gaussian noise": (noise, (0, 3, 7, 11, 15, 19, 23)),
}


@dataclass(frozen=True)
class Said:
    """What the model says of one image: its map, and the image's score where it gives one."""

    pred_mask: Map
    pred_label: float | None


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
        pair = image if isinstance(image, Pair) else None
        self.perturbations = dict(PERTURBATIONS if perturbations is None else perturbations)
        self._model, self._cut = model, threshold
        self._image = torch.from_numpy(to_picture(pair.image if pair else image)).permute(2, 0, 1)
        mask = pair.mask if pair else mask
        self._truth = None if mask is None else to_map(mask)
        if self._truth is not None and self._truth.shape != tuple(self._image.shape[1:]):
            raise DataError("image and mask have different sizes; audit the dataset and correct it first")
        self.clean = say(model, self._image)
        self.kind = widgets.Dropdown(options=list(self.perturbations), description="kind", style=LABEL)
        self.strength = widgets.SelectionSlider(
            options=self._strengths, description="strength", layout=WIDE, style=LABEL
        )
        self._name = pair.name if pair else "image"
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
        now = say(self._model, disturbed)
        change = float(abs(now.pred_mask - self.clean.pred_mask).mean())
        lines = [
            f"{self._name}, {self.kind.value} {self.strength.value:g}: {self._words(now)}",
            f"clean: {self._words(self.clean)}; the map has changed by {change:.3f} on average",
        ]
        panes = [
            Pane(to_picture(disturbed), "image now", mask=self._truth),
            Pane(
                self.clean.pred_mask,
                "map of the clean image",
                self.clean.pred_mask,
                self._cut,
                colours="magma",
            ),
            Pane(now.pred_mask, "map now", now.pred_mask, self._cut, colours="magma"),
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

    def _words(self, said: Said) -> str:
        words = [f"{(said.pred_mask > self._cut).mean():.1%} marked"]
        if self._truth is not None and (self._truth > 0.5).any():
            pred, truth = (torch.from_numpy(values)[None, None] for values in (said.pred_mask, self._truth))
            words.insert(
                0, f"F1 {float(scores.f1(scores.pixel_counts(pred, truth, threshold=self._cut))):.3f}"
            )
        if said.pred_label is not None:
            words.append(f"image score {said.pred_label:.3f}")
        return ", ".join(words)


@torch.no_grad()
def say(model: nn.Module, image: Tensor) -> Said:
    """Run a model on one image uint8 (3, H, W); it is left in the mode it was in.

    Raises:
        ModelError: the model does not keep its contract.
    """
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    training = model.training
    model.eval()
    try:
        batch = prepare_batch(collate([{"image": image, "name": "image"}]), device)
        outputs = run_model(model, batch, read_signature(model))
    finally:
        model.train(training)
    if "pred_mask" not in outputs:
        raise ModelError(f"{type(model).__name__}: returns no pred_mask, so there is no map to show")
    label = outputs.get("pred_label")
    return Said(outputs["pred_mask"][0, 0].float().cpu().numpy(), None if label is None else float(label[0]))
