"""Models from a user's own Python file: `--model-file my_model.py` registers what is in it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import traceback
import types
import zlib
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from workbook.core.errors import ModelError
from workbook.core.registry import MODELS


def load_model_file(path: str | os.PathLike[str]) -> list[str]:
    """Run a Python file and return the names of the models that it registers.

    Files written for IMDL-BenCo (`from IMDLBenCo.registry import MODELS`) work with and without that package.
    The file may import its neighbours. Loading it again replaces its models.

    Args:
        path: a `.py` file with `@register_model` (or `@MODELS.register_module()`) above a class.

    Raises:
        ModelError: no such file, the file fails (with its line), or it registers nothing.
    """
    known = {model: MODELS.get(model) for model in MODELS}
    _adopt(run_file(path).__name__)
    found = [model for model in MODELS if MODELS.get(model) is not known.get(model)]
    if not found:
        raise ModelError(f"{path}: registers no model; put @register_model above the class")
    return found


def run_file(path: str | os.PathLike[str]) -> types.ModuleType:
    """Run a user's Python file as a module.

    Raises:
        ModelError: no such file, or the file fails (with its line).
    """
    file = Path(path).absolute()
    if not file.is_file() or file.suffix != ".py":
        raise ModelError(f"{path}: no such Python file; give the path of a .py file")
    name = module_name(file)
    loader = SourceFileLoader(name, str(file))
    module = types.ModuleType(name)
    module.__file__ = str(file)
    before = sys.modules.get(name)
    sys.modules[name] = module  # dataclasses and torch.compile look a class's module up
    sys.path.insert(0, str(file.parent))
    try:
        with _stand_in_registry():
            loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name)
        if before is not None:
            sys.modules[name] = before
        raise ModelError(f"{path}: {_where(error, file)}{_in_one_line(error)}; mend the file") from error
    finally:
        sys.path.remove(str(file.parent))
    return module


def module_name(file: Path) -> str:
    """The name under which a user's file is a module; two folders may hold a my_model.py."""
    return f"workbook_model_file_{file.stem}_{zlib.crc32(bytes(file)):08x}"


def _where(error: BaseException, file: Path) -> str:
    """The last line of the file itself that the error came through."""
    if isinstance(error, SyntaxError):
        return ""  # says its line itself
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
    return f"line {lines[-1]}: " if lines else ""


def _in_one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


@contextlib.contextmanager
def _stand_in_registry() -> Iterator[None]:
    """Where IMDL-BenCo is not installed, `IMDLBenCo.registry` is this library's registry for the moment."""
    if importlib.util.find_spec("IMDLBenCo") is not None:
        yield
        return
    package, registry = types.ModuleType("IMDLBenCo"), types.ModuleType("IMDLBenCo.registry")
    package.__path__ = []  # a package, so that an import of its other parts says what is missing
    for module in (package, registry):
        module.MODELS = MODELS  # type: ignore[attr-defined]
        module.DATASETS = module.POSTFUNCS = _Unregistered()  # type: ignore[attr-defined]
    package.registry = registry  # type: ignore[attr-defined]
    sys.modules.update({"IMDLBenCo": package, "IMDLBenCo.registry": registry})
    try:
        yield
    finally:
        for name in ("IMDLBenCo", "IMDLBenCo.registry"):
            sys.modules.pop(name, None)


class _Unregistered:
    """Takes IMDL-BenCo's registrations of data sets and post-functions, which are passed by value here."""

    def register_module(self, *_: Any, **__: Any) -> Callable[[Any], Any]:
        return lambda thing: thing


def _adopt(module: str) -> None:
    """Take over the classes of this file that the real IMDL-BenCo registry got."""
    theirs = getattr(sys.modules.get("IMDLBenCo.registry"), "MODELS", None)
    for name, cls in dict(getattr(theirs, "module_dict", {})).items():
        if cls.__module__ == module:
            MODELS.register(cls, name)
