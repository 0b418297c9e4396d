"""What a piece of code needs of a notebook's other cells: imports and definitions of the names it reads."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Sequence

WORD = re.compile(r"[^\W\d]\w*")
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def used_names(source: str) -> set[str]:
    """The names that a source reads; of a source that is no Python, every word.

    >>> sorted(used_names("def f(x): return np.sum(x + y)"))
    ['np', 'x', 'y']
    """
    tree = _parsed(source)
    if tree is None:
        return set(WORD.findall(source))
    return {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def defined_names(source: str) -> set[str]:
    r"""The names that the statements of a source bind, outside of functions and classes.

    >>> sorted(defined_names("import os.path, sys as s\ndef f(): a = 1\nb, c = 1, 2"))
    ['b', 'c', 'f', 'os', 's']
    """
    tree = _parsed(source)
    return set() if tree is None else set().union(*map(_bound, tree.body))


def imports_and_definitions(source: str, definitions: bool = True) -> list[str]:
    """The import statements outside of functions and, if asked for, the functions and classes, in order."""
    tree = _parsed(source)
    kinds = (ast.Import, ast.ImportFrom, *((ast.FunctionDef, ast.ClassDef) if definitions else ()))
    return [ast.unparse(node) for node in tree.body if isinstance(node, kinds)] if tree else []


def needed(wanted: Iterable[str], providers: Sequence[str]) -> list[str]:
    """Those of the providers that bind one of the names, and what they need themselves, in their order.

    >>> needed(["f(1)"], ["import os", "import numpy as np", "def f(x): return np.abs(x)"])
    ['import numpy as np', 'def f(x): return np.abs(x)']
    """
    bound = [defined_names(provider) for provider in providers]
    open_names = set().union(*map(used_names, wanted)) - set(dir(builtins))
    taken: set[int] = set()
    while True:
        more = {i for i, names in enumerate(bound) if i not in taken and (names & open_names or "*" in names)}
        if not more:
            return [providers[i] for i in sorted(taken)]
        taken |= more
        open_names = open_names.union(*(used_names(providers[i]) for i in more))


def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _bound(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.Import):
        return {alias.asname or alias.name.split(".")[0] for alias in statement.names}
    if isinstance(statement, ast.ImportFrom):
        return {alias.asname or alias.name for alias in statement.names}
    if isinstance(statement, Definition):
        return {statement.name}
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
