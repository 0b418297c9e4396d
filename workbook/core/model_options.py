"""A model's constructor parameters as options, and the model that a run was made with."""

from __future__ import annotations

import argparse
import inspect
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from workbook.core.checkpoint import load_checkpoint
from workbook.core.errors import CheckpointError, ModelError
from workbook.core.model_file import load_model_file
from workbook.core.registry import MODELS, create_model


def add_model_options(parser: Any, name: str, taken: Collection[str] = ()) -> tuple[list[str], list[str]]:
    """Give a parser the constructor parameters of a registered model, with types, defaults and help.

    Args:
        parser: a `jsonargparse.ArgumentParser`.
        name: of the model.
        taken: names of options that the parser has already; a parameter of such a name shares its value.

    Returns:
        The parameters that share an option, and those that were given one of their own.

    Raises:
        ModelError: no such model.
    """
    cls = MODELS.get(name)
    shared = [parameter for parameter in inspect.signature(cls).parameters if parameter in taken]
    return shared, parser.add_class_arguments(cls, None, fail_untyped=False, skip={*shared})


def model_from_options(name: str, options: Mapping[str, Any]) -> nn.Module:
    """Build a registered model from plain values, as they stand in JSON or YAML.

    A parameter that takes an object (`loss`) may be given as `{"class_path": ..., "init_args": {...}}`.

    Raises:
        ModelError: no such model, or a value that its constructor does not take.

    >>> model_from_options("MyModel", {"noise": True, "loss": {"class_path": "workbook.core.Dice"}}).loss
    Dice()
    """
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False)
    add_model_options(parser, name)
    try:
        made = parser.instantiate(parser.parse_object(dict(options)))
    except (argparse.ArgumentError, TypeError, ValueError) as error:
        raise ModelError(f"{name}: {' '.join(str(error).split())}") from error
    return create_model(name, **vars(made))


def run_notes(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """How `workbook train` made a run: `model`, `options`, `size`, `fit`, `edge_width`, ... as plain values.

    Raises:
        CheckpointError: no run of the command.
    """
    file = Path(folder) / "config.json"
    try:
        notes = json.loads(file.read_text(encoding="utf-8"))["notes"]
        return {**notes, "model": str(notes["model"]), "options": dict(notes["options"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{file}: does not say how the model was made ({error}); give a run of `workbook train`"
        ) from error


def model_from_run(
    folder: str | os.PathLike[str],
    *,
    weights: bool | str | os.PathLike[str] = True,
    model_file: str | os.PathLike[str] | None = None,
) -> nn.Module:
    """The model that `workbook train` made a run with, with the best weights of the run.

    Args:
        folder: of the run.
        weights: False leaves the model as it is when made; a path gives others (see `load_checkpoint`).
        model_file: where the file is now that registers the model, if it has moved since.

    Raises:
        CheckpointError: no run of the command, or no whole checkpoint.
        ModelError: its model cannot be made any more.
    """
    notes = run_notes(folder)
    if model_file or notes.get("model_file"):
        load_model_file(model_file or notes["model_file"])
    model = model_from_options(notes["model"], without_downloads(notes["options"]))
    if weights is False:
        return model
    return load_checkpoint(folder if weights is True else weights, model)


def without_downloads(options: Mapping[str, Any]) -> dict[str, Any]:
    """A model's options such that no weights are fetched from the network or from where they once lay.

    >>> without_downloads({"pretrained": True, "width": 3})
    {'pretrained': False, 'width': 3}
    """
    fetched = {"pretrained": False, "weights": None}
    return {**options, **{key: value for key, value in fetched.items() if key in options}}
