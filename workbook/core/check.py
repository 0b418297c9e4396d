"""`check_model`: everything that the model interface asks for, tried on two tiny batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from workbook.core.errors import ModelError
from workbook.core.model import run_model
from workbook.core.signature import Signature, read_signature, without_truth


def check_model(
    model: nn.Module, size: int | tuple[int, int] = 128, *, extra: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Try a model on two tiny batches, one of them without any tampering, and say what is wrong with it.

    Fields, output keys, shapes, ranges, a finite loss whose gradient reaches the parameters, predictions
    without truth at hand, and that the truth does not leak into the prediction. The model is left as it was:
    weights, buffers, gradients, mode and the random state.

    Args:
        model: on any device.
        size: of the images, (height, width) or both alike.
        extra: further fields of a batch of two that the model needs (what its `post_func` adds).

    Returns:
        What came out, for reading: from the output's key to its shape and range.

    Raises:
        ModelError: the first fault, with its fix.

    >>> from workbook.models import UNet
    >>> check_model(UNet(features=2, depth=1), size=(24, 32))["pred_mask"]
    '(2, 1, 24, 32) in [..., ...]'
    """
    height, width = (size, size) if isinstance(size, int) else size
    signature = read_signature(model)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    training = model.training
    state = {key: value.detach().clone() for key, value in model.state_dict().items()}
    gradients = [p.grad for p in model.parameters()]
    devices = [device] if device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices), torch.enable_grad():
            torch.manual_seed(0)
            tampered = {**_batch(height, width, device, True), **(extra or {})}
            authentic = {**_batch(height, width, device, False), **(extra or {})}
            model.train()
            output = _check_training(model, tampered, signature)
            _check_training(model, authentic, signature)
            model.eval()
            _check_prediction(model, tampered, signature)
    finally:
        model.load_state_dict(state)
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter.grad = gradient
        model.train(training)
    return {key: _summary(value) for key, value in output.items()}


def _batch(height: int, width: int, device: torch.device, tampered: bool) -> dict[str, Any]:
    """Two images; with `tampered` each has a bright square, which the mask marks."""
    image = torch.randn(2, 3, height, width, device=device)
    mask = torch.zeros(2, 1, height, width, device=device)
    if tampered:
        mask[..., height // 4 : height // 2, width // 4 : width // 2] = 1
    edge = nn.functional.max_pool2d(mask, 3, stride=1, padding=1) - mask
    shape = torch.tensor([[height, width]] * 2, device=device)
    return {
        "image": image + 2 * mask,
        "mask": mask,
        "label": mask.amax(dim=(1, 2, 3)),
        "edge_mask": edge,
        "shape_mask": torch.ones_like(mask),
        "shape": shape,
        "original_shape": shape,
        "name": ["a.jpg", "b.jpg"],
    }


def _check_training(model: nn.Module, batch: Mapping[str, Any], signature: Signature) -> dict[str, Any]:
    for parameter in model.parameters():
        parameter.grad = None
    if not any(p.requires_grad for p in model.parameters()):
        raise ModelError(f"{signature.model}: has no parameter to train; call requires_grad_() on some")
    output = run_model(model, batch, signature, values=True)
    output["backward_loss"].backward()
    gradients = [(n, p.grad) for n, p in model.named_parameters() if p.grad is not None]
    for name, gradient in gradients:
        # One pass over millions of numbers, not three: of a sum with NaN or infinity nothing finite is left.
        if not bool(gradient.sum().isfinite()) and not bool(gradient.isfinite().all()):
            raise ModelError(f"{signature.model}: the gradient of {name} is not finite; look for a log(0)")
    if batch["mask"].any() and not any(bool(gradient.any()) for _, gradient in gradients):
        raise ModelError(
            f"{signature.model}: backward_loss does not move any parameter (all gradients are 0); "
            "a threshold, round() or argmax stands between them"
        )
    return output


def _check_prediction(model: nn.Module, batch: Mapping[str, Any], signature: Signature) -> None:
    """Without truth, and with another one, which must not change what is predicted."""
    blind = without_truth(batch)
    # Both values in each field: of a truth that is 1 all over, a prediction times the truth would pass.
    turned = {"mask": 1 - batch["mask"], "edge_mask": 1 - batch["edge_mask"]}
    turned["label"] = torch.arange(len(batch["label"]), device=batch["label"].device).float() % 2
    with torch.no_grad():
        preds: list[dict[str, Any]] = []
        for truth in ({}, turned):
            torch.manual_seed(0)  # a model that draws at random draws the same
            preds.append(run_model(model, {**blind, **truth}, signature, values=True))
        for key in preds[0].keys() & {"pred_mask", "pred_label"}:
            if not torch.allclose(preds[0][key], preds[1][key], atol=1e-4):
                raise ModelError(
                    f"{signature.model}: {key} changes with the truth; it must be made from image alone"
                )


def _summary(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(value) or "none"
    if value.ndim == 0:
        return f"{value.item():.4g}"
    low, high = value.detach().aminmax()
    return f"{tuple(value.shape)} in [{low:.3f}, {high:.3f}]"
