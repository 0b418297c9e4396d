"""`Segmenter` makes a model of a plain network, such as torch.hub's U-Net or one of torchvision's."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from workbook.core.errors import ModelError
from workbook.core.losses import BCE, Dice, WeightedSum

Activation = str | Callable[[torch.Tensor], torch.Tensor] | None
ACTIVATIONS = ("sigmoid", "softmax")
ENOUGH_TO_TELL = 1024  # so many logits hardly all lie in [0, 1] by chance


def top_mean(
    pred_mask: torch.Tensor, shape_mask: torch.Tensor | None = None, fraction: float = 0.01
) -> torch.Tensor:
    """An image's score from its map: the mean over the highest `fraction` of its real pixels (at least one).

    The maximum alone would let one noisy pixel condemn an image; the mean over all would miss small regions.

    Args:
        pred_mask: probabilities (B, 1, H, W).
        shape_mask: (B, 1, H, W), 1 where the pixel is real and not padding.
        fraction: share of the pixels, in (0, 1].

    Returns:
        Scores in [0, 1], (B,).

    >>> top_mean(torch.tensor([[[[0.1, 0.9], [0.3, 0.5]]]]), fraction=0.5)
    tensor([0.7000])
    """
    flat = pred_mask.float().flatten(1)
    most = max(1, round(fraction * flat.shape[1]))
    if shape_mask is None:
        return flat.topk(most, dim=1, sorted=False).values.mean(1)
    real = shape_mask.flatten(1) > 0.5
    top = flat.masked_fill(~real, 0).topk(most, dim=1).values
    wanted = (real.sum(1) * fraction).round().clamp(1, most)
    chosen = torch.arange(most, device=flat.device) < wanted[:, None]
    return (top * chosen).sum(1) / wanted


class Segmenter(nn.Module):
    """A plain network with a loss, as a model of this library.

    Args:
        net: takes (B, 3, H, W) and returns (B, 1, H, W), or (B, C, H, W) with `"softmax"`; a dictionary with
            `"out"` (torchvision) and a tuple or list whose first entry is the map are looked into.
        loss: `loss(preds, target)`, target (B, 1, H, W); BCE + Dice when None. Losses on logits
            (`BCEWithLogitsLoss`, or a loss with `from_logits=True`) get what the net returned, others
            probabilities. A parameter named `shape_mask` is served; a loss without one sees padding as found
            authentic.
        activation: from what the net returns to probabilities: `"sigmoid"`, `"softmax"` over the channels
            (channel 1 is then the tampered class), a function, or None when the net returns probabilities
            (torch.hub's U-Net).

    Shapes:
        image (B, 3, H, W) -> pred_mask (B, 1, H, W) and pred_label (B,), the `top_mean` of the map.

    Raises:
        ModelError: a net or a loss that cannot be called, an activation of another name, an output that is
            no map, or one of other channels or another size.

    >>> model = Segmenter(nn.Conv2d(3, 1, 3, padding=1))
    >>> model(torch.zeros(2, 3, 8, 8), mask=torch.zeros(2, 1, 8, 8))["pred_mask"].shape
    torch.Size([2, 1, 8, 8])
    """

    def __init__(
        self, net: nn.Module, loss: Callable[..., Any] | None = None, activation: Activation = "sigmoid"
    ) -> None:
        super().__init__()
        if isinstance(activation, str) and activation not in ACTIVATIONS:
            raise ModelError(
                f"activation {activation!r} is unknown; use 'sigmoid', 'softmax', a function or None"
            )
        if loss is None:
            loss = WeightedSum((BCE(), 1.0), (Dice(), 1.0))
        _check_made("net", net, isinstance(net, nn.Module), "a network, an nn.Module that takes images")
        _check_made("loss", loss, callable(loss), "a function or a module: loss(preds, target)")
        self.net = net
        self.activation = activation
        self.loss = loss
        self._on_logits = isinstance(loss, nn.BCEWithLogitsLoss | nn.CrossEntropyLoss) or bool(
            getattr(loss, "from_logits", False)
        )
        self._masked = "shape_mask" in _parameters(loss)
        self._looked = activation != "sigmoid"

    def forward(
        self,
        image: torch.Tensor,
        mask: torch.Tensor | None = None,
        shape_mask: torch.Tensor | None = None,
    ) -> dict[str, Any]:
        """See the class."""
        raw = _map_of(self.net(image)).float()  # losses and probabilities in float32 under autocast
        if not self._looked:
            self._look(raw)
        prob = self._probabilities(raw)
        if prob.shape != (len(image), 1, *image.shape[-2:]):
            raise ModelError(f"Segmenter({type(self.net).__name__}): {_misfit(prob, image)}")
        result: dict[str, Any] = {
            "pred_mask": prob,
            "pred_label": top_mean(prob.detach(), shape_mask),
            "visual_image": {"pred_mask": prob.detach()},
        }
        if mask is not None:
            with torch.autocast(image.device.type, enabled=False):
                loss = self._loss(raw, prob, mask.float(), shape_mask)
            if not isinstance(loss, torch.Tensor):
                raise ModelError(
                    f"the loss returned {type(loss).__name__}, no tensor; return a scalar one, no .item()"
                )
            result["backward_loss"] = loss
            result["visual_loss"] = {"loss": loss.detach()}
        return result

    def _probabilities(self, raw: torch.Tensor) -> torch.Tensor:
        if self.activation == "sigmoid":
            return raw.sigmoid()
        if self.activation == "softmax":
            if raw.shape[1] < 2:
                raise ModelError("softmax over one channel is always 1; use activation='sigmoid'")
            return raw.softmax(1)[:, 1:2]
        return self.activation(raw) if callable(self.activation) else raw

    def _loss(
        self, raw: torch.Tensor, prob: torch.Tensor, mask: torch.Tensor, shape_mask: torch.Tensor | None
    ) -> torch.Tensor:
        preds = raw if self._on_logits else prob
        if self._masked:
            return self.loss(preds, mask, shape_mask=shape_mask)
        if isinstance(self.loss, nn.CrossEntropyLoss):
            target = mask[:, 0].round().long()
            if shape_mask is not None:
                target = target.masked_fill(shape_mask[:, 0] < 0.5, self.loss.ignore_index)
            return self.loss(preds, target)
        if shape_mask is not None:  # a right answer on padding: sigmoid(-30) is 0 in float32
            padding = shape_mask < 0.5
            preds = preds.masked_fill(padding, -30.0 if self._on_logits else 0.0)
            mask = mask.masked_fill(padding, 0.0)
        return self.loss(preds, mask)

    def _look(self, raw: torch.Tensor) -> None:
        """Once: a sigmoid over probabilities would squeeze them into [0.5, 0.73] without an error."""
        self._looked = True
        low, high = raw.detach().aminmax()
        if raw.numel() >= ENOUGH_TO_TELL and low >= 0 and high <= 1 and high > low:
            warnings.warn(
                f"Segmenter({type(self.net).__name__}): the output lies in [{low:.3g}, {high:.3g}] already; "
                "if these are probabilities, pass activation=None",
                stacklevel=3,
            )


def _map_of(output: Any) -> torch.Tensor:
    if isinstance(output, Mapping) and "out" in output:
        output = output["out"]
    elif isinstance(output, tuple | list) and output:
        output = output[0]
    if not isinstance(output, torch.Tensor) or output.ndim != 4:
        kind = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise ModelError(
            f"the wrapped net returned {kind}, not a map (B, C, H, W); write a forward of your own"
        )
    return output


def _misfit(prob: torch.Tensor, image: torch.Tensor) -> str:
    """What is wrong with a map that is not (B, 1, H, W) of the images."""
    if prob.shape[1] != 1:
        return (
            f"the map has {prob.shape[1]} channels; let the net return one, or pass activation='softmax' "
            "where channel 1 is the tampered class"
        )
    sizes = (f"{height}x{width}" for height, width in (prob.shape[-2:], image.shape[-2:]))
    return (
        "the map is {} and the image {} (height x width); ".format(*sizes)
        + "enlarge it in the net: F.interpolate(logits, size=image.shape[-2:], mode='bilinear')"
    )


def _check_made(name: str, given: Any, fits: bool, wanted: str) -> None:
    if inspect.isclass(given):
        raise ModelError(f"Segmenter: {name} is the class {given.__name__}; make one: {given.__name__}()")
    if not fits:
        raise ModelError(f"Segmenter: {name} is {given!r}; give {wanted}")


def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    target = function.forward if isinstance(function, nn.Module) else function
    try:
        return frozenset(inspect.signature(target).parameters)
    except (TypeError, ValueError):  # builtins have no signature
        return frozenset()
