"""What a network computes on the way: its intermediate feature maps, for pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn

from workbook.core.errors import ModelError
from workbook.core.registry import did_you_mean
from workbook.core.segmenter import Segmenter
from workbook.core.signature import read_signature, select_fields, unwrap


def feature_maps(
    model: nn.Module, image: torch.Tensor, layers: Iterable[str] | None = None
) -> dict[str, torch.Tensor]:
    """The maps that a model's blocks return for an image, in the order in which they are computed.

    Args:
        model: any model, or a plain network.
        image: normalised float32 (3, H, W) or (B, 3, H, W).
        layers: names as in `model.named_modules()`; the model's own blocks when None (what its constructor
            sets, looking into lists).

    Returns:
        From a layer's name to its output (B, C, h, w), detached, on the CPU. A block that returns several
        maps has each under its name and number, `backbone.0`.

    Raises:
        ModelError: a layer of that name does not exist.

    >>> from workbook.models import UNet
    >>> maps = feature_maps(UNet(features=4, depth=1), torch.zeros(3, 16, 16))
    >>> {name: tuple(m.shape[1:]) for name, m in maps.items()}
    {'encoders.0': (4, 16, 16), 'bottleneck': (8, 8, 8), 'upsamplers.0': (4, 16, 16),
     'decoders.0': (4, 16, 16), 'head': (1, 16, 16)}
    """
    model = unwrap(model)
    modules = dict(model.named_modules())
    names = list(_blocks(model)) if layers is None else list(layers)
    for name in names:
        if name not in modules:
            hint = did_you_mean(name, modules) or f"it has: {', '.join(_blocks(model))}"
            raise ModelError(f"{type(model).__name__}: has no layer {name!r}; {hint}")
    maps: dict[str, torch.Tensor] = {}
    hooks = [modules[name].register_forward_hook(_keep(maps, name)) for name in names]
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            _call(model, image if image.ndim == 4 else image[None])
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return maps


def _blocks(module: nn.Module, prefix: str = "") -> Sequence[str]:
    """The names of a module's parts; lists, which are never called, and wrapped nets are looked into."""
    names: list[str] = []
    for name, child in module.named_children():
        if type(child) in (nn.ModuleList, nn.ModuleDict):
            names += _blocks(child, f"{prefix}{name}.")
        elif isinstance(module, Segmenter) and name == "net":
            names += _blocks(child, f"{prefix}{name}.") or [prefix + name]
        else:
            names.append(prefix + name)
    return names


def _keep(maps: dict[str, torch.Tensor], name: str) -> Callable[..., None]:
    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        several = isinstance(output, list | tuple)
        for number, value in enumerate(output if several else [output]):
            if isinstance(value, torch.Tensor) and value.ndim == 4:
                maps[f"{name}.{number}" if several else name] = value.detach().float().cpu()

    return hook


def _call(model: nn.Module, image: torch.Tensor) -> None:
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    signature = read_signature(model)
    if "image" in signature.fields or signature.takes_all:
        model(**select_fields(signature, {"image": image.to(device)}))
    else:  # a plain network
        model(image.to(device))
