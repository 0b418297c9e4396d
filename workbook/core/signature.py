"""Which fields of a batch a model's `forward` names; read once, before the first batch."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from workbook.core.errors import ModelError
from workbook.core.registry import did_you_mean

FIELDS = ("image", "mask", "label", "edge_mask", "shape_mask", "shape", "original_shape", "name")
TRUTHS = ("mask", "label", "edge_mask")
# What to do about a field that the data does not carry.
REMEDY = {
    "edge_mask": "give the dataset edge_width=7",
    "shape_mask": 'give the dataset fit="pad"',
}


@dataclass(frozen=True)
class Signature:
    """The fields that a model's `forward` takes.

    Attributes:
        model: the class's name, for messages.
        fields: parameters that a field can be handed to, in order.
        required: those without a default.
        takes_all: whether there is a `**kwargs`, which then gets every field of the batch.
        suspects: parameters that no dataset knows and that look like a misspelt field, with that field.
    """

    model: str
    fields: tuple[str, ...]
    required: frozenset[str] = frozenset()
    takes_all: bool = False
    suspects: Mapping[str, str] = field(default_factory=dict)


def read_signature(model: nn.Module) -> Signature:
    """Read which fields `model.forward` names; wrappers (several GPUs, `torch.compile`) are looked through.

    Raises:
        ModelError: not an `nn.Module`, or its `forward` takes positional-only parameters without default,
            which no field can reach.

    >>> class Net(nn.Module):
    ...     def forward(self, image, mask=None, **kwargs): ...
    >>> signature = read_signature(Net())
    >>> signature.fields, sorted(signature.required), signature.takes_all
    (('image', 'mask'), ['image'], True)
    """
    if not isinstance(model, nn.Module):
        if inspect.isclass(model):
            raise ModelError(f"{model.__name__}: is a class, not a model; make one: {model.__name__}(...)")
        raise ModelError(f"model: is a {type(model).__name__}, not an nn.Module; write a class of one")
    model = unwrap(model)
    parameters = inspect.signature(model.forward).parameters.values()
    name = type(model).__name__
    for p in parameters:
        if p.kind is p.POSITIONAL_ONLY and p.default is p.empty:
            raise ModelError(f"{name}: forward's {p.name!r} cannot be passed by name; drop the / after it")
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    suspects = {}
    for p in named:
        near = difflib.get_close_matches(p.name, FIELDS, n=1, cutoff=0.75)
        if p.name not in FIELDS and near:
            suspects[p.name] = near[0]
    return Signature(
        name,
        tuple(p.name for p in named),
        frozenset(p.name for p in named if p.default is p.empty),
        any(p.kind is p.VAR_KEYWORD for p in parameters),
        suspects,
    )


def select_fields(signature: Signature, batch: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a prepared batch that the model wants.

    A batch without `mask` is one to predict on: truth that `forward` insists on, or has `**kwargs` beside, is
    then filled with zeros (`shape_mask` with ones), since such models take it only for their loss.

    Raises:
        ModelError: a field that `forward` needs is not in the batch, or a parameter looks like a misspelt
        field.
    """
    if signature.takes_all:
        chosen = dict(batch)
    else:
        chosen = {name: batch[name] for name in signature.fields if name in batch}
    for name, meant in signature.suspects.items():
        if name not in chosen:
            raise ModelError(
                f"{signature.model}: forward's {name!r} is no field of the data; did you mean {meant!r}?"
            )
    if "mask" not in batch and "image" in batch:
        # IMDL-BenCo always hands out all truth; its models, those with **kwargs, count on it.
        wanted = signature.fields if signature.takes_all else signature.required
        for name in set(wanted) & set(FIELDS) - chosen.keys():
            chosen[name] = _blank(name, batch["image"])
    for name in sorted(signature.required - chosen.keys()):
        raise ModelError(_missing(signature, name, batch))
    return chosen


def without_truth(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a model is shown when it is asked, not taught: all fields but mask, label and edge mask.

    >>> list(without_truth({"image": 1, "mask": 2, "label": 3, "name": 4}))
    ['image', 'name']
    """
    return {name: value for name, value in fields.items() if name not in TRUTHS}


def _missing(signature: Signature, name: str, batch: Mapping[str, Any]) -> str:
    if len(signature.fields) == 1:
        wrapped = f"Segmenter({signature.model}(...))"
        return f"{signature.model}: forward takes {name!r}, which is no field of the data; wrap it: {wrapped}"
    remedy = REMEDY.get(name) or did_you_mean(name, batch) or "add it with the dataset's post_func"
    return f"{signature.model}: forward needs {name!r}, the batch has {', '.join(batch)}; {remedy}"


def _blank(name: str, image: torch.Tensor) -> Any:
    count, _, height, width = image.shape
    if name == "name":
        return [""] * count
    if name in ("shape", "original_shape"):
        return torch.tensor([[height, width]], device=image.device).expand(count, 2)
    if name == "label":
        return image.new_zeros(count)
    fill = torch.ones if name == "shape_mask" else torch.zeros
    return fill(count, 1, height, width, device=image.device, dtype=image.dtype)


def unwrap(model: nn.Module) -> nn.Module:
    """The user's own module inside `torch.compile`'s and the data-parallel wrappers."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, nn.parallel.DistributedDataParallel | nn.DataParallel):
            inner = model.module
        if inner is None:
            return model
        model = inner
