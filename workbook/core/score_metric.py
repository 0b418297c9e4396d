"""The base of the metrics: a torchmetrics.Metric with a name, and NaN with a reason where it is undefined."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from workbook.core.errors import WorkbookError
from workbook.core.naming import snake_case


class Score(Metric):
    """A score in [0,1]; its state is a row of integers an image (or a batch), never the maps themselves.

    Subclasses add rows in `update` and turn all of them into the score in `_score`. The rows travel
    between processes as they are, so that several processes give exactly what one gives.

    Args:
        threshold: a prediction above it marks a pixel or an image.
        name: the score's name in tables and curves; by default the class's, as in "pixel_f1".
        **kwargs: what torchmetrics.Metric takes.

    Attributes:
        skipped: how many images the last `compute` left out.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    rows: list[Tensor]
    columns = 4

    def __init__(self, *, threshold: float = 0.5, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(threshold, float | int | Real) or not 0 <= threshold < 1:
            raise WorkbookError(f"{type(self).__name__}: threshold is {threshold!r}; give 0 up to below 1")
        self.threshold = float(threshold)
        self.name = name or snake_case(type(self).__name__)
        self.skipped = 0
        self._warned = False
        self.add_state("rows", default=[], dist_reduce_fx="cat")
        # A state: MetricCollection shares the updates of metrics whose states agree after a first batch
        self.add_state("cut", default=torch.tensor(float(threshold)), dist_reduce_fx="max")

    def compute(self) -> Tensor:
        """The score of all images so far: () float64, NaN (with a warning, once) where it is undefined."""
        value, reason = self._score(self._all_rows())
        if reason and not self._warned:
            undefined = " is undefined (NaN)" if math.isnan(value) else ""
            warnings.warn(f"{self.name}{undefined}: {reason}", stacklevel=3)
            self._warned = True
        return torch.tensor(value, dtype=torch.float64)

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """Exchange the rows with the other processes; one that saw no image joins in with none."""
        if isinstance(self.rows, list) and not self.rows:
            self.rows.append(torch.zeros(0, self.columns, dtype=torch.int64, device=self.device))
        super().sync(*args, **kwargs)

    def reset(self) -> None:
        """Forget all images."""
        super().reset()
        self.skipped = 0

    def _score(self, rows: Tensor) -> tuple[float, str]:
        """The score of all rows (N, columns) int64 on the CPU, and what to warn of, or ""."""
        raise NotImplementedError

    def _add(self, rows: Tensor) -> None:
        self.rows.append(rows.to(self.device))

    def _all_rows(self) -> Tensor:
        # A list while images come in, one tensor after the exchange between processes
        rows = self.rows if isinstance(self.rows, list) else [self.rows]
        return torch.cat(rows).cpu() if rows else torch.zeros(0, self.columns, dtype=torch.int64)


def choice(owner: object, setting: str, value: str, choices: Sequence[str]) -> str:
    """`value` if it is one of `choices`; otherwise a WorkbookError that lists them."""
    if value not in choices:
        raise WorkbookError(
            f"{type(owner).__name__}: {setting} is {value!r}; choose from {', '.join(choices)}"
        )
    return value
