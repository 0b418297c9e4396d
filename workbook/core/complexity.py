"""What a model costs: parameters, operations, memory and speed."""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from workbook.core.model import Signature, read_signature
from workbook.core.signature import select_fields


def complexity(
    model: nn.Module, size: int | tuple[int, int] = 512, *, batch_size: int = 1, repeats: int = 5
) -> dict[str, Any]:
    """Measure a model on the device where it is; it is left as it was found.

    Args:
        model: any model of the interface.
        size: of the image, (height, width) or both alike.
        batch_size: images at once, for memory and speed; the operations are those of one image.
        repeats: timed runs; their median counts, after one that warms up.

    Returns:
        A row for a table: `parameters` and `trainable` (counts), `flops` (a forward pass of one image; a
        multiplication and an addition are two; element-wise operations are not counted), `activation_bytes`
        (what a training step keeps from its forward pass for its backward pass, without the parameters),
        `images_per_second` (forward only, in evaluation mode), and `device`, `height`, `width`, `batch_size`.

    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.conv = nn.Conv2d(3, 1, 3, padding=1)
    ...     def forward(self, image):
    ...         return {"pred_mask": self.conv(image).sigmoid()}
    >>> row = complexity(Net(), 10)
    >>> row["parameters"], row["flops"] == 2 * 27 * 10 * 10
    (28, True)
    """
    height, width = (size, size) if isinstance(size, int) else size
    parameters = list(model.parameters())
    device = parameters[0].device if parameters else torch.device("cpu")
    signature = read_signature(model)
    training, buffers = model.training, [b.detach().clone() for b in model.buffers()]
    image = torch.randn(batch_size, 3, height, width, device=device, generator=_generator(device))
    try:
        flops = _flops(model.eval(), signature, image[:1])
        speed = _images_per_second(model, signature, image, repeats)
        memory = _activation_bytes(model.train(), signature, image)
    finally:
        model.train(training)
        with torch.no_grad():  # batch normalisation counted the pass
            for buffer, kept in zip(model.buffers(), buffers, strict=True):
                buffer.copy_(kept)
    return {
        "parameters": sum(p.numel() for p in parameters),
        "trainable": sum(p.numel() for p in parameters if p.requires_grad),
        "flops": flops,
        "activation_bytes": memory,
        "images_per_second": speed,
        "device": _device_name(device),
        "height": height,
        "width": width,
        "batch_size": batch_size,
    }


def _flops(model: nn.Module, signature: Signature, image: torch.Tensor) -> int:
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(**select_fields(signature, {"image": image}))
    return counter.get_total_flops()


def _activation_bytes(model: nn.Module, signature: Signature, image: torch.Tensor) -> int:
    """The bytes of all storages that autograd saves, each once."""
    own = {p.untyped_storage().data_ptr() for p in (*model.parameters(), *model.buffers())}
    saved: dict[int, int] = {}
    kept = []  # while these live, no address is used twice

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage.nbytes()
            kept.append(tensor)
        return tensor

    batch = {"image": image, "mask": torch.zeros_like(image[:, :1]), "label": image.new_zeros(len(image))}
    for name in ("edge_mask", "shape_mask"):
        if name in signature.required:
            batch[name] = torch.ones_like(batch["mask"])
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(**select_fields(signature, batch))
    return sum(saved.values())


def _images_per_second(model: nn.Module, signature: Signature, image: torch.Tensor, repeats: int) -> float:
    fields = select_fields(signature, {"image": image})
    seconds = []
    with torch.no_grad():
        for _ in range(repeats + 1):
            start = time.perf_counter()
            model(**fields)
            _wait(image.device)
            seconds.append(time.perf_counter() - start)
    return len(image) / statistics.median(seconds[1:])


def _wait(device: torch.device) -> None:
    if device.type in ("cuda", "mps", "xpu"):
        getattr(torch, device.type).synchronize()


def _generator(device: torch.device) -> torch.Generator:
    return torch.Generator(device).manual_seed(0)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
