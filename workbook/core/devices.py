"""Devices, precision and processes, as Accelerate sees them."""

from __future__ import annotations

import os
from typing import Any

import torch

from workbook.core.errors import WorkbookError
from workbook.core.settings import TrainSettings


def make_accelerator(settings: TrainSettings) -> Any:
    """Accelerate for these settings: the processes it was launched with, the device, the precision.

    Raises:
        WorkbookError: a precision that the device cannot train in.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    # Accelerate keeps the precision and device it first saw in a process; another trainer may want others.
    AcceleratorState._reset_state()
    device = find_device(settings.device)
    cpu = device.type == "cpu"
    precision = settings.precision if settings.precision != "auto" else best_precision(device)
    if precision == "fp16" and device.type == "cpu":
        raise WorkbookError("precision='fp16': a CPU does not train in fp16; use 'bf16' or 'fp32'")
    return Accelerator(mixed_precision="no" if precision == "fp32" else precision, cpu=cpu)


def find_device(wanted: str = "auto") -> torch.device:
    """This process's device: its GPU where there is one, unless `"cpu"` is wanted.

    Launched as several processes (`torchrun`, `accelerate launch`), they find together.
    """
    from accelerate.state import PartialState
    from accelerate.utils import parse_flag_from_env

    # Said outright: without it, processes launched on a machine without GPUs would not find together.
    cpu = wanted == "cpu" or parse_flag_from_env("ACCELERATE_USE_CPU") or not _has_gpu()
    if PartialState._shared_state and cpu != (PartialState().device.type == "cpu"):
        PartialState._reset_state()
    device: torch.device = PartialState(cpu=cpu).device
    return device


def best_precision(device: torch.device) -> str:
    """bf16 where the GPU computes in it, fp16 on other GPUs, fp32 elsewhere.

    >>> best_precision(torch.device("cpu"))
    'fp32'
    """
    if device.type != "cuda":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def _has_gpu() -> bool:
    if hasattr(torch, "accelerator"):  # torch 2.6 and later
        return torch.accelerator.is_available()
    return torch.cuda.is_available() or torch.backends.mps.is_available() or torch.xpu.is_available()


def loader_workers(wanted: int | None, device: torch.device) -> int:
    """Processes that load data: as wanted, else none on a CPU, which is busy, up to 8 beside a GPU."""
    if wanted is not None:
        return wanted
    return min(8, os.cpu_count() or 1) if device.type == "cuda" else 0
