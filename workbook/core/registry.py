"""Models by name: `register_model` puts a class into `MODELS`, `create_model` builds one."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, overload

from torch import nn

from workbook.core.errors import ModelError

# Packages whose models are found by name without an import of theirs; loaded on the first look-up only.
BUILT_IN = ("workbook.models",)

ModelClass = TypeVar("ModelClass", bound=type[nn.Module])


class Registry:
    """Model classes by name.

    `register_module()` is the decorator that IMDL-BenCo's model files use, so that they need no change.

    >>> models = Registry()
    >>> @models.register_module()
    ... class Empty(nn.Module): ...
    >>> models.get("Empty").__name__, "Empty" in models
    ('Empty', True)
    """

    def __init__(self, built_in: tuple[str, ...] = ()) -> None:
        self._built_in = built_in
        self._classes: dict[str, type[nn.Module]] = {}

    def register(self, cls: type[nn.Module], name: str | None = None) -> None:
        """Enter a class under its own name or another.

        A cell or a file that is run again replaces what it registered before, and a model of one's own may
        take the name of a built-in one; two files that claim one name are an error.

        Raises:
            ModelError: not an `nn.Module` class, or the name belongs to another file's model.
        """
        if not (inspect.isclass(cls) and issubclass(cls, nn.Module)):
            raise ModelError(f"{cls!r} cannot be registered: put @register_model above a class of nn.Module")
        name = name or cls.__name__
        known = self._classes.get(name)
        if known is not None and known.__module__ != cls.__module__ and known.__module__ != "__main__":
            if self._is_built_in(cls):
                return  # the user's model came first and keeps its name
            if not self._is_built_in(known) and cls.__module__ != "__main__":
                raise ModelError(
                    f"{name}: {cls.__module__} and {known.__module__} both register it; give one another name"
                )
        elif known is not None and self._is_built_in(cls) and not self._is_built_in(known):
            return
        self._classes[name] = cls

    def register_module(
        self,
        name: str | Sequence[str] | None = None,
        force: bool = False,
        module: type[nn.Module] | None = None,
    ) -> Callable[[ModelClass], ModelClass]:
        """The decorator of IMDL-BenCo's and OpenMMLab's registries.

        A class may have several names; `force` takes a name from another class.
        """

        def enter(cls: ModelClass) -> ModelClass:
            for one in [name] if name is None or isinstance(name, str) else name:
                if force:
                    self._classes.pop(one or cls.__name__, None)
                self.register(cls, one)
            return cls

        return enter if module is None else enter(module)  # type: ignore[return-value]

    def get(self, name: str) -> type[nn.Module]:
        """The class of this name.

        Raises:
            ModelError: there is none; the message names the nearest.
        """
        if name not in self._classes:
            self._load_built_in()
        if name not in self._classes:
            hint = did_you_mean(name, self._classes) or f"known: {', '.join(sorted(self._classes))}"
            raise ModelError(
                f"{name}: no model of this name; {hint} (your own: @register_model above the class)"
            )
        return self._classes[name]

    def __contains__(self, name: object) -> bool:
        self._load_built_in()
        return name in self._classes

    def __iter__(self) -> Iterator[str]:
        self._load_built_in()
        return iter(sorted(self._classes))

    def __len__(self) -> int:
        self._load_built_in()
        return len(self._classes)

    def _is_built_in(self, cls: type) -> bool:
        return cls.__module__.startswith(self._built_in) if self._built_in else False

    def _load_built_in(self) -> None:
        for package in self._built_in:
            module = importlib.import_module(package)
            for name in module.__all__:  # the package is lazy: a model's file runs when its name is asked for
                getattr(module, name)


MODELS = Registry(BUILT_IN)


@overload
def register_model(cls: ModelClass) -> ModelClass: ...
@overload
def register_model(*, name: str | None = None) -> Callable[[ModelClass], ModelClass]: ...
def register_model(cls: Any = None, *, name: str | None = None) -> Any:
    """Make a model known to `create_model` and the command line: `@register_model` above the class.

    Args:
        cls: the class, when used without parentheses.
        name: another name than the class's own.

    Raises:
        ModelError: see `Registry.register`.

    >>> @register_model(name="DocExample")
    ... class Example(nn.Module): ...
    >>> MODELS.get("DocExample") is Example
    True
    """
    decorate = MODELS.register_module(name)
    return decorate if cls is None else decorate(cls)


def create_model(name: str, /, **options: Any) -> nn.Module:
    """Build a registered model.

    Args:
        name: as registered; `list(MODELS)` shows all.
        **options: the constructor's parameters.

    Raises:
        ModelError: no such model, an option that its constructor does not have, or one that it needs is
        missing.

    >>> sum(p.numel() for p in create_model("UNet", features=32).parameters())
    7763041
    """
    cls = MODELS.get(name)
    parameters = inspect.signature(cls).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    known = [p.name for p in parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    for option in options:
        if option not in known and not takes_any:
            hint = did_you_mean(option, known) or f"it has: {', '.join(known) or 'none'}"
            raise ModelError(f"{name}: has no option {option!r}; {hint}")
    missing = [n for n in known if parameters[n].default is inspect.Parameter.empty and n not in options]
    if missing:
        raise ModelError(
            f"{name}: needs {', '.join(missing)}; write create_model({name!r}, {missing[0]}=...)"
        )
    return cls(**options)


def did_you_mean(word: str, known: Any) -> str:
    """A question with the nearest known name, or an empty string when none is near.

    >>> did_you_mean("pred_masks", ["pred_mask", "pred_label"])
    "did you mean 'pred_mask'?"
    """
    lower = {str(k).lower(): str(k) for k in known}
    near = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.7)
    return f"did you mean {lower[near[0]]!r}?" if near else ""
