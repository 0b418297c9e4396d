"""Terms of a loss that teach nothing, because no gradient comes through them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

SUMS = {"add", "__add__", "__radd__", "add_", "__iadd__", "sub", "__sub__", "__rsub__", "rsub", "__isub__"}
LISTS = {"stack", "cat"}  # `torch.stack(terms).sum()`


class TermsWithoutGradient(TorchFunctionMode):
    """A context that counts the scalars without a gradient that are added to ones with a gradient.

    A thresholded IoU in a sum with cross-entropy is such a term: the sum falls, and the IoU has no part in
    it.
    Numbers are not counted, so `1 - iou` and `loss + 1` are not.

    Attributes:
        count: of such terms.

    >>> p = torch.tensor([0.4, 0.9], requires_grad=True)
    >>> with TermsWithoutGradient() as terms:
    ...     loss = -p.log().mean() + (1 - (p > 0.5).float().mean())
    >>> terms.count
    1
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Called for each function of torch within the context."""
        name = getattr(func, "__name__", "")
        if name in SUMS:
            self._look(args[:2])
        elif name in LISTS and args and isinstance(args[0], list | tuple):
            self._look(args[0])
        return func(*args, **(kwargs or {}))

    def _look(self, terms: Iterable[Any]) -> None:
        scalars = [
            term
            for term in terms
            if isinstance(term, torch.Tensor) and term.ndim == 0 and term.is_floating_point()
        ]
        learnt = sum(term.requires_grad for term in scalars)
        if 0 < learnt < len(scalars):
            self.count += len(scalars) - learnt
