"""Everything that one call of `Trainer.fit` works with, made once before the first step."""

from __future__ import annotations

import difflib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchmetrics import Metric

from workbook.core.errors import DataError, WorkbookError
from workbook.core.logs import Logs, fingerprint, write_environment
from workbook.core.memory import PeakMemory
from workbook.core.meter import Meter
from workbook.core.metrics import metric_name
from workbook.core.optimizer import MovingAverage, make_optimizer
from workbook.core.progress import RunInfo, SilentView, TextView, View
from workbook.core.run_folder import Progress, RunFolder, configuration
from workbook.core.sampling import EpochSampler, make_loader
from workbook.core.settings import TrainSettings
from workbook.core.signature import Signature, read_signature

Watch = str | tuple[str, str] | None


@dataclass
class Run:
    """What a training works with.

    Attributes:
        net: the model as it was given, on its device; `model`, the same as it is called in a step: data-parallel, compiled.
        tests: a loader for each named set.
        watch: the column that decides which epoch is best, and `higher`, whether more of it is better.
        average: of the weights, or None.
        stop: asks for an end after the step.
    """

    settings: TrainSettings
    folder: RunFolder
    accelerator: Any
    net: nn.Module
    model: nn.Module
    signature: Signature
    optimizer: Any
    loader: DataLoader[Any]
    sampler: EpochSampler
    tests: dict[str, DataLoader[Any]]
    metrics: list[Metric]
    watch: str
    higher: bool
    average: MovingAverage | None
    progress: Progress
    logs: Logs | None
    view: View
    meter: Meter
    memory: PeakMemory
    stop: Callable[[], bool]

    @property
    def steps(self) -> int:
        """Steps of the optimiser in an epoch."""
        return -(-len(self.sampler) // self.settings.accumulate)

    def tested_weights(self) -> Any:
        """A context in which `net` carries the weights that are tested: their average where there is one."""
        return self.average.in_place() if self.average else nullcontext()

    def close(self) -> None:
        """Let go of workers and files, and give the model back as it came."""
        if self.logs is not None:
            self.logs.close()
        for wrapper in ("forward", "_original_forward", "_is_accelerate_prepared"):
            self.net.__dict__.pop(wrapper, None)
        self.accelerator.free_memory()


def start_run(
    settings: TrainSettings,
    folder: RunFolder,
    existing: str,
    net: nn.Module,
    train_data: Any,
    valid_data: Any,
    metrics: Sequence[Metric],
    watch: Watch,
    view: View | None,
    stop: Callable[[], bool],
) -> Run:
    """Check what was given, claim the run's folder, and go on from its checkpoint where there is one."""
    accelerator = make_accelerator(settings)
    main, device = accelerator.is_main_process, accelerator.device
    loader = _loader(train_data, settings, accelerator, train=True)
    sampler: EpochSampler = loader.batch_sampler  # type: ignore[assignment]
    sets = valid_data if isinstance(valid_data, Mapping) else {} if valid_data is None else {"": valid_data}
    tests = {name: _loader(data, settings, accelerator, train=False) for name, data in sets.items()}
    column, higher = _watched(watch, list(metrics), list(tests))
    data = fingerprint(loader.dataset.dataset)  # type: ignore[attr-defined]
    together = sampler.batch_size * accelerator.num_processes
    make_optimizer(
        net, lr=settings.lr, weight_decay=settings.weight_decay
    )  # refuses before anything is written
    config = configuration(settings.as_dict(), net, data, together, column)
    if main:
        folder.claim(config, existing)
        write_environment(folder.path, device, accelerator.num_processes, data)
    accelerator.wait_for_everyone()
    saved = folder.load()

    if settings.channels_last:
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if saved is not None:
        net.load_state_dict(saved.weights)
    signature = read_signature(net)
    model = accelerator.prepare_model(net)
    if settings.compile:
        model = torch.compile(model)
    optimizer = accelerator.prepare_optimizer(
        make_optimizer(net, lr=settings.lr, weight_decay=settings.weight_decay)
    )
    average = MovingAverage(net, settings.ema) if settings.ema else None
    progress = saved.progress if saved is not None else Progress()
    if saved is not None:
        # The groups' own settings stay: they may have been changed on purpose (existing="accept").
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": saved.state["optimizer"], "param_groups": groups})
        if accelerator.scaler is not None and saved.state["scaler"]:
            accelerator.scaler.load_state_dict(saved.state["scaler"])
        if average is not None and saved.state["average"]:
            average.load(saved.state["average"], saved.state["average_updates"])
    logs = Logs(folder.path, tensorboard=settings.tensorboard, purge_step=progress.step) if main else None
    if logs is not None:
        logs.rows(progress.rows)
        logs.settings(settings.as_dict())
    run = Run(
        settings, folder, accelerator, net, model, signature, optimizer, loader, sampler, tests, list(metrics),
        column, higher, average, progress, logs, (view or TextView()) if main else SilentView(),
        Meter(accelerator, settings.log_every), PeakMemory(device), stop,
    )  # fmt: skip
    run.view.start(RunInfo(folder.path.name, settings.epochs, run.steps, column, higher, list(progress.rows)))
    return run


def make_accelerator(settings: TrainSettings) -> Any:
    """Accelerate's view of devices, processes and precision, for these settings."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, PartialState

    cpu = settings.device == "cpu"
    # Accelerate keeps the first precision of a process for good; another trainer may want another.
    AcceleratorState._reset_state()
    if cpu and PartialState._shared_state and PartialState().device.type != "cpu":
        PartialState._reset_state()
    device = PartialState(cpu=cpu).device
    precision = settings.precision
    if precision == "auto":
        precision = "fp32"
        if device.type == "cuda":
            precision = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    if precision == "fp16" and device.type == "cpu":
        raise WorkbookError("precision='fp16': a CPU has no fp16 training; use 'bf16' or 'fp32'")
    return Accelerator(mixed_precision="no" if precision == "fp32" else precision, cpu=cpu)


def _loader(data: Any, settings: TrainSettings, accelerator: Any, *, train: bool) -> DataLoader[Any]:
    workers = settings.workers
    cuda = accelerator.device.type == "cuda"
    if workers is None:
        import os

        workers = min(8, os.cpu_count() or 1) if cuda else 0
    return make_loader(
        data,
        batch_size=settings.batch_size,
        seed=settings.seed,
        train=train,
        workers=workers,
        rank=accelerator.process_index,
        processes=accelerator.num_processes,
        pin=cuda,
    )


def _watched(watch: Watch, metrics: list[Metric], tests: list[str]) -> tuple[str, bool]:
    """The column to watch and whether more of it is better."""
    directions: dict[str, bool] = {"loss": False}
    if tests:
        scores = {metric_name(m): getattr(m, "higher_is_better", None) is not False for m in metrics}
        for name, higher in (scores | {"valid_loss": False}).items():
            directions[name] = higher
            directions |= {f"{test}/{name}": higher for test in tests if test}
    elif metrics:
        raise DataError("metrics were given but no valid_data to compute them on; give valid_data")
    wanted, direction = watch if isinstance(watch, tuple) else (watch, None)
    if wanted is None:
        wanted = metric_name(metrics[0]) if metrics else "valid_loss" if tests else "loss"
    if wanted not in directions:
        near = difflib.get_close_matches(wanted, directions, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(directions)}"
        raise WorkbookError(f"watch={wanted!r}: no such column; {hint}")
    if direction not in (None, "min", "max"):
        raise WorkbookError(f"watch=({wanted!r}, {direction!r}): the direction is 'min' or 'max'")
    return wanted, directions[wanted] if direction is None else direction == "max"


@contextmanager
def interrupts_noted() -> Iterator[Callable[[], bool]]:
    """Turn the first interrupt into a note, so that the step in hand is finished; a second one interrupts at once."""
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only the main thread gets signals
        yield lambda: False
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: Any) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(number)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(noted)
    finally:
        signal.signal(signal.SIGINT, before)
