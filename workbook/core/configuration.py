"""What makes two runs the same, and where two differ."""

from __future__ import annotations

import inspect
import re
import zlib
from collections.abc import Mapping
from typing import Any

from torch import nn

from workbook.core.settings import FREE, TrainSettings


def configuration(
    settings: Mapping[str, Any], model: nn.Module, data: str, batch: int, watch: str | None
) -> dict[str, Any]:
    """What makes two runs the same: settings, model, data, images a step, and what is watched."""
    return {
        "settings": dict(settings),
        "model": describe(model),
        "data": data,
        "batch": batch,
        "watch": watch,
    }


def describe(model: nn.Module) -> str:
    """A model's class, size, and a checksum of its structure and of its `forward` as it is written."""
    shapes = [f"{name} {tuple(p.shape)} {p.requires_grad}" for name, p in model.named_parameters()]
    try:
        source = inspect.getsource(type(model).forward)
    except (OSError, TypeError):  # typed at a prompt
        source = ""
    text = re.sub(r" at 0x[0-9a-f]+", "", "\n".join([repr(model), *shapes, source]))  # of functions
    checksum = zlib.crc32(text.encode())
    parameters = sum(p.numel() for p in model.parameters())
    return f"{type(model).__name__}, {parameters:,} parameters, {checksum:08x}"


def differ(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Where two configurations differ, as `name: old → new`; what does not change the result is left out.

    >>> differ({"settings": {"lr": 0.1, "workers": 0}}, {"settings": {"lr": 0.2, "workers": 2}})
    ['lr: 0.1 → 0.2']
    """

    def flat(config: Mapping[str, Any]) -> dict[str, Any]:
        # batch_size of one process says little; "batch" is of all together.
        free = (*FREE, "batch_size")
        # A setting that came later had its default before.
        inner = {**TrainSettings().as_dict(), **config.get("settings", {}), **config.get("notes", {})}
        outer = {k: v for k, v in config.items() if k not in ("settings", "notes")}
        return {k: v for k, v in inner.items() if k not in free} | outer

    before, after = flat(old), flat(new)
    return [
        f"{key}: {before.get(key)} → {after.get(key)}"
        for key in before | after
        if before.get(key) != after.get(key)
    ]
