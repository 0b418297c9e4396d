"""Inputs for `mutation.py` that the checks do not draw: other sizes and kinds, within the tasks' texts."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from workbook.checks.nb02_model import Tiny
from workbook.checks.networks import Outside


def tensor(rng, *shape):
    """Normal numbers, float32."""
    return torch.from_numpy(rng.normal(size=shape)).float()


def mask_like(rng, *shape):
    """Zeros and ones, float32; now and then all zeros or all ones."""
    return torch.from_numpy((rng.random(shape) < rng.choice([0, 0.1, 0.5, 0.9, 1])).astype(np.float32))


def sides(rng, low=1, high=12, many=2):
    """That many sides of a picture."""
    return [int(side) for side in rng.integers(low, high, many)]


def listing(rng):
    """1.1: stems of random letters, of which some hold others."""
    letters = list("ab_1")
    stems = sorted({"x" + "".join(rng.choice(letters, int(rng.integers(1, 5)))) for _ in range(9)})
    before, after = (str(rng.choice(["", "m_", "gt", "x"])) for _ in range(2))
    masks = [f"{before}{stem}{after}" for stem in stems if rng.random() < 0.8]
    return stems, sorted([*masks, f"{before}q1{after}"])


def sizes(rng):
    """1.2: a mask near its image, at any distance from none to 20, and at odd factors."""
    height, width = sides(rng, 2, 90)
    kind = int(rng.integers(4))
    if kind == 0:
        return (height, width), (
            max(1, height + int(rng.integers(-20, 21))),
            max(1, width + int(rng.integers(-20, 21))),
        )
    if kind == 1:
        up, down = sides(rng, 1, 5)
        return (height * down, width * down), (height * up, width * up)
    return (height, width), (width, height) if kind == 2 else (
        height,
        max(1, width + int(rng.integers(-17, 18))),
    )


def rgba(rng):
    """1.3: any four channels, sometimes with a flat alpha that is not 255."""
    picture = rng.integers(0, 256, (*sides(rng), 4)).astype(np.uint8)
    picture[..., 1:3] = picture[..., :1]
    if rng.random() < 0.5:
        picture[..., 3] = rng.integers(0, 256)
    return picture, bool(rng.random() < 0.5)


def forgery(rng):
    """1.4: noisy changes, a mask turned or inverted, part of it lost."""
    shape = sides(rng, 2, 9)
    changed = rng.random(shape) < 0.3
    changed.flat[int(rng.integers(changed.size))] = True
    turned = [changed, changed[:, ::-1], changed[::-1], changed[::-1, ::-1], ~changed][int(rng.integers(5))]
    return changed, turned ^ (rng.random(shape) < rng.choice([0, 0.1, 0.3]))


def photographs(rng):
    """1.5: up to twenty images of up to three photographs, few of them known."""
    known = [f"p{i}" for i in range(int(rng.integers(1, 15)))]
    return (
        [
            tuple(str(i) for i in rng.choice(known, int(rng.integers(1, 4))))
            for _ in range(int(rng.integers(1, 20)))
        ],
    )


def image_and_mask(rng):
    """1.6."""
    height, width = sides(rng)
    image = torch.from_numpy(rng.integers(0, 256, (3, height, width)).astype(np.uint8))
    return image, mask_like(rng, 1, height, width), int(rng.integers(10**6))


def one_layer(rng):
    """2.1: larger kernels."""
    kernel = int(rng.choice([1, 3]))
    layer = nn.Conv2d(3, 1, kernel, padding=kernel // 2)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(tensor(rng, *parameter.shape))
    batch, height, width = sides(rng, many=3)
    return (
        layer,
        tensor(rng, batch, 3, height, width),
        mask_like(rng, batch, 1, height, width) if rng.random() < 0.7 else None,
    )


def decoder(rng):
    """2.2: any stride from 1 on, images smaller than it too."""
    return (
        int(rng.integers(16, 2000)),
        int(rng.integers(1, 300)),
        int(rng.integers(1, 300)),
        2 ** int(rng.integers(0, 7)),
    )


def skip(rng):
    """2.3: odd sides."""
    batch, few, more, height, width = sides(rng, 1, 7, 5)
    odd = rng.integers(0, 2, 2)
    return tensor(rng, batch, few, height, width), tensor(
        rng, batch, more, 2 * height + int(odd[0]), 2 * width + int(odd[1])
    )


def probabilities(rng):
    """2.4: any batch, masks without and with nothing else."""
    batch, height, width = sides(rng, many=3)
    prob = torch.from_numpy(rng.uniform(0.01, 0.99, (batch, 1, height, width))).float()
    return prob, torch.cat([mask_like(rng, 1, 1, height, width) for _ in range(batch)])


def outside(rng):
    """2.5."""
    net, (batch, height, width) = Outside(), sides(rng, 1, 6, 3)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(tensor(rng, *parameter.shape) / 3)
    return net, tensor(rng, batch, 3, 2 * height, 2 * width), mask_like(rng, batch, 1, 2 * height, 2 * width)


def tiny(rng):
    """2.6."""
    model, (batch, height, width) = Tiny().eval(), sides(rng, 2, 6, 3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(tensor(rng, *parameter.shape))
    return (
        model,
        tensor(rng, batch, 3, height, width),
        mask_like(rng, batch, 1, height, width),
        int(rng.integers(1, 9)),
        0.05,
    )


def pixels(rng, images):
    """A batch of images of one pixel."""
    return [(float(rng.normal()), int(rng.integers(2))) for _ in range(images)]


def steps(rng):
    """3.1."""
    batches = [pixels(rng, int(rng.integers(1, 7))) for _ in range(int(rng.integers(1, 6)))]
    return ({"weight": float(rng.normal()), "lr": float(rng.uniform(0.1, 2)), "steps": batches},)


def schedule(rng):
    """3.2: a warm-up almost as long as the run."""
    total = int(rng.integers(1, 40))
    lr = float(rng.uniform(0.1, 1))
    return (
        {"total": total, "lr": lr, "min_lr": lr * float(rng.random()), "warmup": int(rng.integers(0, total))},
    )


def groups(rng):
    """3.3."""
    some = [
        [pixels(rng, int(rng.integers(1, 6))) for _ in range(int(rng.integers(1, 6)))]
        for _ in range(int(rng.integers(1, 4)))
    ]
    return ({"weight": float(rng.normal()), "lr": float(rng.uniform(0.1, 2)), "steps": some},)


def run(rng):
    """3.4: stopped before the first step, or later."""
    batches = [pixels(rng, int(rng.integers(1, 5))) for _ in range(int(rng.integers(1, 9)))]
    return (
        {
            "weight": float(rng.normal()),
            "lr": 0.3,
            "stop": int(rng.integers(0, len(batches))),
            "batches": batches,
        },
    )


def curve(rng):
    """3.5: scores below 0 as well, NaN anywhere."""
    scores = [round(float(s), 1) for s in rng.normal(0, 0.5, int(rng.integers(1, 20)))]
    keep = int(rng.integers(len(scores)))
    return [s if i == keep or rng.random() < 0.7 else float("nan") for i, s in enumerate(scores)], int(
        rng.integers(1, 6)
    )


def map_and_mask(rng):
    """A map and a mask (H, W) in tenths, soft; now and then binary."""
    shape = sides(rng, 1, 15)
    soft = rng.random() < 0.5
    mask = torch.from_numpy(rng.integers(0, 11, shape)).float() / 10 if soft else mask_like(rng, *shape)
    noise = torch.from_numpy(rng.integers(0, 11, shape)).float() / 10
    return torch.where(torch.from_numpy(rng.random(shape) < rng.random()), mask, noise), mask


def f1(rng):
    """4.1."""
    return (*map_and_mask(rng), float(rng.integers(0, 10)) / 10)


def sets(rng):
    """4.2."""
    many = [map_and_mask(rng) for _ in range(int(rng.integers(1, 8)))]
    return [prediction for prediction, _ in many], [mask for _, mask in many]


def curves(rng):
    """4.4."""
    number = int(rng.integers(1, 20))
    return sorted(rng.random(number).tolist()), *((rng.integers(0, 5, number) / 4).tolist() for _ in range(2))


def levels(rng):
    """4.5: factors with few digits, so that halves come up."""
    return torch.from_numpy(rng.integers(0, 256, (3, *sides(rng))).astype(np.uint8)), int(
        rng.integers(0, 80)
    ) / 16


WILD = {
    "1.1": listing, "1.2": sizes, "1.3": rgba, "1.4": forgery, "1.5": photographs, "1.6": image_and_mask,
    "2.1": one_layer, "2.2": decoder, "2.3": skip, "2.4": probabilities, "2.5": outside, "2.6": tiny,
    "3.1": steps, "3.2": schedule, "3.3": groups, "3.4": run, "3.5": curve,
    "4.1": f1, "4.2": sets, "4.3": map_and_mask, "4.4": curves, "4.5": levels,
}  # fmt: skip
