"""Weights on disk: written whole or not at all, checked when read, and never a pickle that runs."""

from __future__ import annotations

import errno
import json
import os
import pickle
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from workbook.core.errors import CheckpointError

WEIGHTS = "model.safetensors"
StateDict = dict[str, torch.Tensor]
PathLike = str | os.PathLike[str]


def save_checkpoint(path: PathLike, model: nn.Module | Mapping[str, torch.Tensor]) -> Path:
    """Write a model's weights as safetensors, in place of `path` only once they are whole on the disk.

    Args:
        path: a `.safetensors` file, or a folder that gets a `model.safetensors`.
        model: a module or its state dictionary.

    Returns:
        The file written.

    Raises:
        CheckpointError: the disk is full or the place cannot be written; what stood there before still does.
    """
    from safetensors.torch import save

    path = Path(path)
    file = path if path.suffix == ".safetensors" else path / WEIGHTS
    state = _plain(model.state_dict() if isinstance(model, nn.Module) else model)
    write_whole(file, save(state, metadata={"format": "pt", "crc32": str(_crc(state))}))
    return file


def load_checkpoint(path: PathLike, model: nn.Module) -> nn.Module:
    """Read weights into a model, all of them or an error.

    Args:
        path: a `.safetensors` file, a folder with a `model.safetensors`, or a run's folder (its `best`, or
            else its `last`).
        model: of the architecture that the weights were saved from. A `Segmenter`'s weights also go into its
            bare net, and a net's into a `Segmenter` of it.

    Returns:
        The same model, on the device where it was.

    Raises:
        CheckpointError: no such file, torn, not safetensors, or of another model; names what differs.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = save_checkpoint(folder, nn.Linear(2, 1))
    ...     load_checkpoint(folder, nn.Linear(2, 1)), load_checkpoint(file, nn.Linear(3, 1))
    Traceback (most recent call last):
    ...
    workbook.core.errors.CheckpointError: ...model.safetensors: is of another model: weight is (1, 2), not ...
    """
    file = find_weights(path)
    fill_model(model, read_weights(file), file)
    return model


def fill_model(model: nn.Module, found: StateDict, file: PathLike) -> None:
    """Give a model the weights that were found in a file.

    Raises:
        CheckpointError: they are of another model; names the file and what differs.
    """
    wanted = model.state_dict()
    if not found.keys() & wanted.keys():
        found = _renamed(found, wanted)
    trouble = [f"{k} is missing" for k in wanted if k not in found]
    trouble += [f"{k} is not in this model" for k in found if k not in wanted]
    trouble += [
        f"{k} is {tuple(found[k].shape)}, not {tuple(wanted[k].shape)}"
        for k in wanted
        if k in found and found[k].shape != wanted[k].shape
    ]
    if trouble:
        more = f" and {len(trouble) - 3} more" if len(trouble) > 3 else ""
        raise CheckpointError(f"{file}: is of another model: {', '.join(trouble[:3])}{more}")
    model.load_state_dict(found)


def find_weights(path: PathLike) -> Path:
    """The weights file that a path stands for; see `load_checkpoint`."""
    path = Path(path)
    if path.is_file():
        return path
    for file in (path / WEIGHTS, path / "best" / WEIGHTS, path / "last" / WEIGHTS):
        if file.is_file():
            return file
    raise CheckpointError(
        f"{path}: no {WEIGHTS} there, nor in best/ or last/; give a checkpoint or a run's folder"
    )


def run_checkpoints(folder: PathLike) -> dict[str, Path]:
    """All weights that a run kept, by name: `best`, `last`, `average`, and the epochs that were averaged.

    Raises:
        CheckpointError: there are none.
    """
    folder = Path(folder)
    found = {name: folder / name / WEIGHTS for name in ("best", "last", "average")}
    found |= {file.stem: file for file in sorted((folder / "average").glob("epoch_*.safetensors"))}
    there = {name: file for name, file in found.items() if file.is_file()}
    return there or {"best": find_weights(folder)}  # which says what is missing


def read_weights(file: PathLike) -> StateDict:
    """The tensors of a safetensors file, on the CPU, after checking that they are those that were written.

    Raises:
        CheckpointError: the file is torn, changed or of another format.
    """
    from safetensors import SafetensorError, safe_open

    file = Path(file)
    try:
        with safe_open(file, framework="pt") as opened:
            state = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 (no mapping)
            expected = (opened.metadata() or {}).get("crc32")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{file}: is torn or not safetensors ({error}); use another checkpoint"
        ) from error
    if expected is not None and expected != str(_crc(state)):
        raise CheckpointError(
            f"{file}: its bytes have changed since they were written; use another checkpoint"
        )
    return state


def read_state(file: PathLike) -> dict[str, Any]:
    """A `state.pt`: tensors and plain values only, nothing is executed.

    Raises:
        CheckpointError: the file is torn, or holds more than tensors and plain values.
    """
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        if isinstance(error, pickle.UnpicklingError):  # torch's words tell how to execute it all the same
            reason = "a pickle of something else"
        raise CheckpointError(
            f"{file}: is torn, or holds more than tensors and plain values ({reason})"
        ) from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{file}: holds a {type(state).__name__}, no training state")
    return state


def write_whole(file: PathLike, content: bytes) -> None:
    """Write a file so that at any moment its old or its new content is there, whole.

    Raises:
        CheckpointError: it cannot be written; the old content stands.
    """
    file = Path(file)
    part = file.with_name(file.name + ".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        part.replace(file)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise cannot_write(file, error) from error


def write_json(file: PathLike, content: Any) -> None:
    """Write JSON with `write_whole`."""
    write_whole(file, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def cannot_write(file: Path, error: OSError) -> CheckpointError:
    """The error for a file that cannot be written, with what to do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CheckpointError(
            f"{file}: the disk is full; free some space and fit again, the last whole checkpoint stands"
        )
    return CheckpointError(f"{file}: cannot be written ({error.strerror}); choose another root for the run")


def _plain(state: Mapping[str, torch.Tensor]) -> StateDict:
    """On the CPU, contiguous, and each tensor with memory of its own, as safetensors wants them."""
    plain, seen = {}, set()
    for key, value in state.items():
        tensor = value.detach().cpu().contiguous()
        if tensor.untyped_storage().data_ptr() in seen:
            tensor = tensor.clone()
        seen.add(tensor.untyped_storage().data_ptr())
        plain[key] = tensor
    return plain


def _crc(state: StateDict) -> int:
    crc = 0
    for key in sorted(state):
        crc = zlib.crc32(key.encode(), crc)
        crc = zlib.crc32(state[key].reshape(-1).view(torch.uint8).numpy().data, crc)
    return crc


def _renamed(found: StateDict, wanted: Mapping[str, torch.Tensor]) -> StateDict:
    """A Segmenter's weights are its net's under `net.`; take one for the other."""
    if found and all(key.startswith(("net.", "loss.")) for key in found):
        return {k.removeprefix("net."): v for k, v in found.items() if k.startswith("net.")}
    if wanted and all(key.startswith("net.") for key in wanted):
        return {f"net.{key}": value for key, value in found.items()}
    return found
