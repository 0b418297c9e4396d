"""Weights for the models: from a local file, timm's cache or the network, and no hang without one."""

from __future__ import annotations

import os
import threading
import urllib.request
from pathlib import Path
from typing import Any

import torch
from torch import nn

from workbook.core.checkpoint import find_weights, read_state, read_weights
from workbook.core.errors import ModelError
from workbook.core.registry import did_you_mean

PathLike = str | os.PathLike[str]
SAME_NETWORK = "give those of the same timm network, or pretrained=False"
NETWORK_SECONDS = 5.0  # a network that does not answer within this time is taken to be absent


def read_state_dict(file: PathLike) -> dict[str, torch.Tensor]:
    """The tensors of a `.safetensors` or `.pth` file; nothing that the file holds is executed.

    Where training scripts packed them (`state_dict`, `model`) and what wrappers put before their names
    (`module.`) is seen through.

    Raises:
        CheckpointError: no such file, torn, or more than tensors and plain values.
        ModelError: no tensors in it.
    """
    path = find_weights(file)
    state: Any = read_weights(path) if path.suffix == ".safetensors" else read_state(path)
    for pack in ("state_dict_ema", "model_ema", "state_dict", "model"):
        if isinstance(state.get(pack), dict):
            state = state[pack]
            break
    tensors = {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise ModelError(f"{path}: holds no weights; give a state dictionary's file")
    for prefix in ("module.", "_orig_mod."):
        if all(key.startswith(prefix) for key in tensors):
            tensors = {key[len(prefix) :]: value for key, value in tensors.items()}
    return tensors


def load_weights(model: nn.Module, file: PathLike, state: dict[str, torch.Tensor] | None = None) -> None:
    """Read a whole model's weights, all of them or an error.

    Args:
        model: of the options that the weights were saved from.
        file: see `read_state_dict`.
        state: the file's content, if it was read already.

    Raises:
        ModelError: the file is of another model; names the first difference.
    """
    found = read_state_dict(file) if state is None else state
    wanted = model.state_dict()
    for key in wanted:
        if key not in found:
            raise ModelError(f"{file}: has no {key}; it is not of {type(model).__name__} with these options")
        if found[key].shape != wanted[key].shape:
            shapes = f"{tuple(found[key].shape)}, not {tuple(wanted[key].shape)}"
            raise ModelError(f"{file}: {key} is {shapes}; build {type(model).__name__} with the same options")
    for key in found:
        if key not in wanted:
            raise ModelError(f"{file}: {key} is not in {type(model).__name__} with these options")
    model.load_state_dict(found)


def timm_backbone(name: str, pretrained: bool, state: dict[str, torch.Tensor] | None = None) -> nn.Module:
    """A timm network that returns its last feature map, in a list.

    Args:
        name: as timm has it, also with a tag (`convnext_tiny.fb_in1k`).
        pretrained: load timm's weights: from its cache, else over the network.
        state: weights to load instead.

    Raises:
        ModelError: timm has no such network or no weights for it, they do not fit, or there is no network;
            the message says how to go on.
    """
    import timm  # late: it takes two seconds

    if not timm.is_model(name):
        hint = did_you_mean(name, timm.list_models()) or "see timm.list_models()"
        raise ModelError(f"backbone {name!r}: timm has no such network; {hint}")
    if pretrained and state is None:
        state = _cached(name)
    if pretrained and state is None:
        _ask_network(name)
    overlay = None if state is None else {"state_dict": dict(state)}
    try:
        backbone = timm.create_model(
            name,
            pretrained=pretrained or state is not None,
            features_only=True,
            out_indices=(-1,),
            pretrained_cfg_overlay=overlay,
        )
    except (OSError, RuntimeError, ValueError, KeyError, AssertionError) as error:
        first = " ".join(str(error).split()[:20])
        if state is None:
            raise ModelError(
                f"backbone {name!r}: cannot be built or loaded ({first}); {_choice()}"
            ) from error
        raise ModelError(f"backbone {name!r}: the weights do not fit ({first}); {SAME_NETWORK}") from error
    if state is not None:
        _check_loaded(backbone, state, name)
    return backbone


def _check_loaded(backbone: nn.Module, state: dict[str, torch.Tensor], name: str) -> None:
    """See that the backbone's numbers are the file's: timm skips names that it does not know."""
    theirs = {(v.numel(), v.double().sum().item()) for v in state.values() if v.is_floating_point()}
    kernels = [v for v in backbone.state_dict().values() if v.ndim > 1]
    foreign = sum((v.numel(), v.double().sum().item()) not in theirs for v in kernels)
    if foreign:
        count = f"{foreign} of {len(kernels)} kernels"
        raise ModelError(f"backbone {name!r}: {count} are not in the weights; {SAME_NETWORK}")


def _cached(name: str) -> dict[str, torch.Tensor] | None:
    """The weights in timm's local cache, without asking the network whether there are newer ones."""
    from huggingface_hub import try_to_load_from_cache
    from timm.models import get_pretrained_cfg

    config = get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        raise ModelError(f"backbone {name!r}: timm has no weights of it; {_choice()}")
    if not config.hf_hub_id:
        return None
    for file in (config.hf_hub_filename, "model.safetensors", "pytorch_model.bin"):
        found = file and try_to_load_from_cache(config.hf_hub_id, file)
        if isinstance(found, str) and Path(found).is_file():
            return read_state_dict(found)
    return None


def _ask_network(name: str) -> None:
    """Raise unless the hub answers soon; left alone, the download retries for most of a minute."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise ModelError(f"backbone {name!r}: not in the cache, and HF_HUB_OFFLINE is set; {_choice()}")
    host = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    answers: list[bool] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(host, method="HEAD")
            urllib.request.urlopen(request, timeout=NETWORK_SECONDS).close()
            answers.append(True)
        except (OSError, ValueError):
            answers.append(False)

    # In a thread, since looking up a host's name heeds no timeout.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(NETWORK_SECONDS)
    if not any(answers):
        raise ModelError(
            f"backbone {name!r}: its weights are not in the cache and {host} does not answer; {_choice()}"
        )


def _choice() -> str:
    return "pass weights='FILE.safetensors' (or .pth), or pretrained=False to start from random numbers"
