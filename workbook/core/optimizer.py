"""The optimiser, without decay on norms and biases, and the moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from workbook.core.errors import ModelError

MOMENTUM = 0.9  # of SGD


def make_optimizer(
    model: nn.Module, *, lr: float, weight_decay: float, name: str = "AdamW"
) -> torch.optim.Optimizer:
    """An optimiser of the parameters that are trained; vectors (norms, biases, layer scales) are not decayed.

    Args:
        model: whose parameters.
        lr: the learning rate.
        weight_decay: of matrices and kernels.
        name: "AdamW", "Adam" or "SGD".

    Raises:
        ModelError: no parameter of the model is trained.

    >>> groups = make_optimizer(nn.Linear(2, 1), lr=0.1, weight_decay=0.05).param_groups
    >>> [(group["weight_decay"], len(group["params"])) for group in groups]
    [(0.05, 1), (0.0, 1)]
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        raise ModelError(
            f"{type(model).__name__}: all parameters are frozen; set requires_grad on those to train"
        )
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    fused = all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in trained)
    how = {"momentum": MOMENTUM} if name == "SGD" else {}
    make = getattr(torch.optim, name)
    made: torch.optim.Optimizer = make([g for g in groups if g["params"]], lr=lr, fused=fused, **how)
    return made


def take_step(optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler | None, clip: float) -> None:
    """Clip the gradients, step, and forget them.

    Args:
        optimizer: whose parameters have gradients.
        scaler: of fp16, which has scaled them up until here.
        clip: their highest norm; 0 leaves them as they are.
    """
    if clip:
        if scaler is not None:
            scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], clip)
    if scaler is not None:
        scaler.step(optimizer)
        scaler.update()
    else:
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def check_all_used(model: nn.Module) -> None:
    """After a first backward pass: several processes wait for the gradient of every parameter.

    Raises:
        ModelError: a parameter that is trained got none.
    """
    idle = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    if idle:
        more = f" and {len(idle) - 3} more" if len(idle) > 3 else ""
        raise ModelError(
            f"{type(model).__name__}: {', '.join(idle[:3])}{more} take no part in the loss, and several "
            "processes would wait for their gradients; freeze them with requires_grad_(False)"
        )


class MovingAverage:
    """The exponential moving average of a model's weights and running statistics.

    Early on, when there is little to average, the decay is lower: `min(decay, (1 + t) / (10 + t))` after t
    updates.

    Args:
        model: whose state is followed.
        decay: how much of the average each update keeps, in [0, 1).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._followed = {k: v for k, v in model.state_dict().items() if v.is_floating_point()}
        self.average = {k: v.detach().clone() for k, v in self._followed.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take the model's present weights into the average."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        torch._foreach_lerp_(list(self.average.values()), list(self._followed.values()), 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the context the model carries the average; after it, its own weights again, to the bit."""
        own = {k: v.detach().clone() for k, v in self._followed.items()}
        self._write(self.average)
        try:
            yield
        finally:
            self._write(own)

    @torch.no_grad()
    def load(self, average: dict[str, torch.Tensor], updates: int) -> None:
        """Go on from a saved average."""
        for key, value in self.average.items():
            value.copy_(average[key])
        self.updates = updates

    @torch.no_grad()
    def _write(self, values: dict[str, torch.Tensor]) -> None:
        for key, value in self._followed.items():
            value.copy_(values[key])
