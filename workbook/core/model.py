"""The model interface: an `nn.Module` whose `forward` names the fields it wants and returns a dictionary.

@register_model
class MyModel(nn.Module):
    def forward(self, image, mask=None, label=None):
        return {
            "backward_loss": loss,     # scalar; needed whenever mask is given
            "pred_mask": prob,         # (B, 1, H, W) in [0, 1]
            "pred_label": prob,        # (B,) in [0, 1], optional
            "visual_loss": {},         # name -> scalar, one curve each
            "visual_image": {},        # name -> (B, 1 or 3, H, W), one picture strip each
        }
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

from workbook.core.errors import ModelError
from workbook.core.gradient_terms import TermsWithoutGradient
from workbook.core.registry import MODELS as MODELS
from workbook.core.registry import create_model as create_model
from workbook.core.registry import did_you_mean
from workbook.core.registry import register_model as register_model
from workbook.core.segmenter import Segmenter as Segmenter
from workbook.core.signature import Signature as Signature
from workbook.core.signature import read_signature as read_signature
from workbook.core.signature import select_fields

OUTPUTS = ("backward_loss", "pred_mask", "pred_label", "visual_loss", "visual_image")


def run_model(
    model: nn.Module, batch: Mapping[str, Any], signature: Signature | None = None, *, values: bool = False
) -> dict[str, Any]:
    """Hand a model the fields that it wants of a prepared batch, and check and normalise what it returns.

    Args:
        model: any model of this interface, wrapped or compiled or not.
        batch: from `prepare_batch`: `image` float32 (B, 3, H, W) and whatever fields there are besides.
        signature: from `read_signature(model)`; read anew when None.
        values: also check ranges and finiteness, of the truth and of the prediction, and in training warn of
            terms of the loss without a gradient. Makes a GPU wait: worth it for the first batch, and for a
            small one.

    Returns:
        The model's dictionary: `pred_mask` float32 (B, 1, H, W) and `pred_label` float32 (B,) where the model
        gives them, `backward_loss` a scalar when the batch has a `mask` (absent else), `visual_loss` and
        `visual_image` dictionaries (empty when the model has none).

    Raises:
        ModelError: a field is missing, or the output does not keep the contract.
    """
    signature = signature or read_signature(model)
    check_batch(batch, values=values)
    learns = values and model.training and torch.is_grad_enabled() and not hasattr(model, "_orig_mod")
    with TermsWithoutGradient() if learns else nullcontext() as terms:
        output = model(**select_fields(signature, batch))
    if terms is not None and terms.count:
        warnings.warn(
            f"{signature.model}: {terms.count} of the terms that its loss adds carries no gradient and "
            "teaches nothing; compute it from probabilities, not from a thresholded value",
            stacklevel=2,
        )
    checked = check_output(output, batch, signature.model)
    loss = checked.get("backward_loss")
    if loss is not None and model.training and torch.is_grad_enabled() and not loss.requires_grad:
        raise ModelError(
            f"{signature.model}: backward_loss has no gradient; compute it from probabilities, "
            "not from a thresholded, detached or .item() value"
        )
    if values:
        check_values(checked, signature.model)
    return checked


def check_batch(batch: Mapping[str, Any], *, values: bool = True) -> None:
    """Check the dtypes and shapes of a prepared batch, and with `values` that the truth lies in [0, 1].

    Raises:
        ModelError: names the field and how to mend it.
    """
    image = batch.get("image")
    if not isinstance(image, torch.Tensor) or image.ndim != 4 or not image.is_floating_point():
        raise ModelError(
            f"image: {_describe(image)}, not float (B, 3, H, W); pass the batch through prepare_batch"
        )
    pixels = (len(image), 1, *image.shape[-2:])
    expected = {"mask": pixels, "edge_mask": pixels, "shape_mask": pixels, "label": (len(image),)}
    for name, shape in expected.items():
        field = batch.get(name)
        if field is None:
            continue
        if tuple(field.shape) != shape or not field.is_floating_point():
            raise ModelError(f"{name}: {_describe(field)}, not float {shape}; {_truth_hint(field, shape)}")
        if values and len(field) and not bool(((field >= 0) & (field <= 1)).all()):  # NaN fails both
            fix = "1 is tampered and 0 authentic" if name == "label" else "divide a 0/255 mask by 255"
            raise ModelError(
                f"{name}: values from {field.min():.4g} to {field.max():.4g}, not in [0, 1]; {fix}"
            )


def _truth_hint(field: torch.Tensor, shape: tuple[int, ...]) -> str:
    if not field.is_floating_point() or field.ndim == 3:
        return "pass the batch through prepare_batch"
    if len(shape) == 1:
        return "let the dataset give one number an image"
    if field.ndim == 4 and field.shape[1] != 1:
        return "let the dataset give one channel, (1, H, W)"
    return "let the dataset give it the image's size"


def check_output(output: Any, batch: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Check the keys and shapes of a model's output and bring it into the form that `run_model` returns."""
    if not isinstance(output, Mapping):
        raise ModelError(
            f"{model}: forward returned {_describe(output)}, not a dictionary; "
            f'return {{"pred_mask": ..., "backward_loss": ...}} or wrap it: Segmenter({model}(...))'
        )
    for key in output:
        if key not in OUTPUTS and (hint := did_you_mean(str(key), OUTPUTS)):
            raise ModelError(f"{model}: output key {key!r} is unknown; {hint}")
    result = {key: value for key, value in output.items() if value is not None}
    if "pred_mask" not in result and "pred_label" not in result:
        raise ModelError(
            f"{model}: output has {', '.join(map(repr, output)) or 'nothing'}; 'pred_mask' is missing"
        )
    image = batch["image"]
    if "pred_mask" in result:
        result["pred_mask"] = _pred_mask(result["pred_mask"], image, model)
    if "pred_label" in result:
        result["pred_label"] = _pred_label(result["pred_label"], len(image), model)
    if "mask" not in batch:
        result.pop("backward_loss", None)  # made from blank truth, or from none
    elif "backward_loss" not in result:
        raise ModelError(
            f"{model}: 'backward_loss' is missing though mask was given; return the loss to minimise"
        )
    else:
        result["backward_loss"] = _scalar(result["backward_loss"], "backward_loss", model)
    losses = _named(result, "visual_loss", "scalar", model)
    result["visual_loss"] = {k: _scalar(v, f"visual_loss[{k!r}]", model) for k, v in losses.items()}
    result["visual_image"] = _named(result, "visual_image", "picture", model)
    for key, picture in result["visual_image"].items():
        if not isinstance(picture, torch.Tensor) or picture.ndim != 4 or picture.shape[1] not in (1, 3):
            raise ModelError(f"{model}: visual_image[{key!r}] is {_describe(picture)}, not (B, 1 or 3, H, W)")
    return result


def check_values(output: Mapping[str, Any], model: str) -> None:
    """Check that predictions are probabilities and that the loss is finite."""
    for key in ("pred_mask", "pred_label"):
        if key not in output:
            continue
        pred = output[key].detach()
        if not bool(pred.isfinite().all()):
            raise ModelError(
                f"{model}: {key} has NaN or infinite values; look for a log, a division or too high a lr"
            )
        low, high = pred.aminmax()
        if low < 0 or high > 1:
            raise ModelError(
                f"{model}: {key} lies in [{low:.4g}, {high:.4g}], so it is logits, not probabilities; "
                "return torch.sigmoid(logits)"
            )
    if "backward_loss" in output and not bool(output["backward_loss"].isfinite()):
        raise ModelError(
            f"{model}: backward_loss is {output['backward_loss'].item()}; look for a log(0) or 0/0"
        )


def _pred_mask(pred: Any, image: torch.Tensor, model: str) -> torch.Tensor:
    expected = (len(image), 1, *image.shape[-2:])
    if not isinstance(pred, torch.Tensor) or tuple(pred.shape) != expected or not pred.is_floating_point():
        raise ModelError(
            f"{model}: pred_mask is {_describe(pred)}, not float {expected}; {_shape_hint(pred, expected)}"
        )
    return pred.float()


def _shape_hint(pred: Any, expected: tuple[int, ...]) -> str:
    if not isinstance(pred, torch.Tensor):
        return "return a tensor"
    if pred.ndim == 3:
        return "add the channel: pred.unsqueeze(1)"
    if tuple(pred.shape) == (*expected[:2], expected[3], expected[2]) and expected[2] != expected[3]:
        return "height and width are swapped"
    if pred.ndim == 4 and pred.shape[1] != 1:
        return "keep the channel of the tampered class: pred[:, 1:2]"
    if pred.ndim == 4 and tuple(pred.shape[2:]) != expected[2:]:
        return "resize it: F.interpolate(logits, size=image.shape[-2:], mode='bilinear')"
    return "return probabilities, one for each pixel"


def _pred_label(pred: Any, count: int, model: str) -> torch.Tensor:
    shape = tuple(pred.shape) if isinstance(pred, torch.Tensor) else None
    # (B, 1) against (B,) would broadcast to B x B without a word; () is one score for all, as in IMDL-BenCo's
    # template.
    if shape in ((), (count,), (count, 1)):
        if not pred.is_floating_point():
            raise ModelError(f"{model}: pred_label is {pred.dtype}; return the probability, not the decision")
        if shape == () and count > 1:
            warnings.warn(
                f"{model}: pred_label is one score for the whole batch; keep the first dimension",
                stacklevel=4,
            )
        return pred.reshape(-1).expand(count).float()
    raise ModelError(f"{model}: pred_label is {_describe(pred)}, not ({count},); one probability an image")


def _named(output: Mapping[str, Any], key: str, what: str, model: str) -> dict[str, Any]:
    found = output.get(key, {})
    if not isinstance(found, Mapping):
        raise ModelError(f'{model}: {key} is {_describe(found)}, not a dictionary; return {{"name": {what}}}')
    return dict(found)


def _scalar(value: Any, name: str, model: str) -> torch.Tensor:
    if isinstance(value, int | float):
        value = torch.tensor(float(value))
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        raise ModelError(f"{model}: {name} is {_describe(value)}, not a scalar; take its .mean()")
    return value.reshape(()) if value.ndim else value


def _describe(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    return f"a {type(value).__name__}"
