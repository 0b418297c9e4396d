"""The learning rate as a pure function of the step: linear warm-up, then a cosine."""

from __future__ import annotations

import math


def warmup_cosine(step: int, total: int, *, lr: float, min_lr: float = 0.0, warmup: int = 0) -> float:
    r"""The learning rate of one step of the optimiser.

    .. math::
        lr_t = \begin{cases} lr \cdot (t + 1) / (w + 1) & t < w \\
        min + (lr - min) \cdot (1 + \cos(\pi \frac{t - w}{T - w})) / 2 & w \le t \le T \end{cases}

    No state: a run that is resumed at step t needs only t.

    Args:
        step: t, counted from 0.
        total: T, steps of the whole run; the rate stays at `min_lr` from there on.
        lr: the highest rate, reached at step w.
        min_lr: the rate at step T.
        warmup: w, steps of the linear warm-up.

    Returns:
        The rate, in (0, lr].

    Source: Loshchilov and Hutter, "SGDR", ICLR 2017 (the cosine); Goyal et al. 2017 (the warm-up).

    >>> [round(warmup_cosine(t, 6, lr=1.0, warmup=2), 3) for t in range(7)]
    [0.333, 0.667, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    if step < warmup:
        return lr * (step + 1) / (warmup + 1)
    if step >= total:
        return min_lr
    progress = (step - warmup) / (total - warmup)
    return min_lr + (lr - min_lr) * 0.5 * (1 + math.cos(math.pi * progress))
