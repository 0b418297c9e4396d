"""Everything that one call of `Trainer.fit` works with, made once before the first step."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchmetrics import Metric, MetricCollection

from workbook.core.checkpoint import StateDict, fill_model, fitting
from workbook.core.configuration import configuration
from workbook.core.devices import loader_workers, make_accelerator
from workbook.core.errors import CheckpointError, DataError, ModelError, WorkbookError
from workbook.core.loading import make_loader
from workbook.core.logs import Logs, fingerprint, write_environment
from workbook.core.memory import PeakMemory
from workbook.core.meter import Meter
from workbook.core.metrics import Metrics, listed_metrics, named_metrics
from workbook.core.optimizer import MovingAverage, make_optimizer
from workbook.core.processes import check_alike, from_main
from workbook.core.progress import RunInfo, SilentView, TextView, View
from workbook.core.run_folder import Progress, RunFolder, Saved
from workbook.core.sampling import EpochSampler
from workbook.core.schedule import warmup_cosine
from workbook.core.settings import TrainSettings
from workbook.core.signature import Signature, read_signature

Watch = str | tuple[str, str] | None


@dataclass
class Run:
    """What a training works with.

    Attributes:
        net: the model as it was given, on its device.
        model: the same as it is called in a step: data-parallel, compiled.
        tests: a loader for each named set.
        watch: the column that decides which epoch is best.
        higher: whether more of it is better.
        average: of the weights, or None.
        stop: asks for an end after the step.
    """

    settings: TrainSettings
    folder: RunFolder
    accelerator: Any
    net: nn.Module
    model: nn.Module
    signature: Signature
    optimizer: torch.optim.Optimizer
    loader: DataLoader[Any]
    sampler: EpochSampler
    tests: dict[str, DataLoader[Any]]
    metrics: list[Metric | MetricCollection]
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

    @property
    def memory_format(self) -> torch.memory_format:
        """How images and weights lie in memory."""
        return torch.channels_last if self.settings.channels_last else torch.contiguous_format

    def rate(self, step: int) -> float:
        """The learning rate of a step of the optimiser, counted from 0."""
        settings = self.settings
        warmup = round(self.steps * min(settings.warmup_epochs, settings.epochs / 2))
        total = self.steps * settings.epochs
        return warmup_cosine(step, total, lr=settings.lr, min_lr=settings.min_lr, warmup=warmup)

    @contextmanager
    def tested_weights(self) -> Iterator[None]:
        """A context in which `net` carries the weights that are tested: their average where there is one."""
        with self.average.in_place() if self.average else nullcontext():
            if self.accelerator.num_processes > 1:
                for buffer in self.net.buffers():  # each process has running statistics of its own data
                    torch.distributed.broadcast(buffer, 0)  # those of the main one are saved
            yield

    def save(self, best: StateDict | None = None, keep: bool = False) -> None:
        """Copy the state of everything and have it written in the background; see `RunFolder.save`."""
        if not self.accelerator.is_main_process:
            return
        scaler, average = self.accelerator.scaler, self.average
        moments = self.optimizer.state
        state = {
            "optimizer": {name: copied(moments[p]) for name, p in self._trained() if p in moments},
            "scaler": scaler.state_dict() if scaler is not None else {},
            "average": copied(average.average) if average is not None else {},
            "average_updates": average.updates if average is not None else 0,
        }
        self.folder.save(copied(self.net.state_dict()), state, self.progress, best, keep)

    def restore(self, saved: Saved) -> None:
        """Go on from a checkpoint; the weights are in the net already."""
        # By name: other parameters may be trained now (existing="accept"), which then start without moments.
        # The groups' own numbers stay: they may have been changed on purpose too.
        moments, groups = saved.state["optimizer"], self.optimizer.state_dict()["param_groups"]
        state = {number: moments[name] for number, (name, _) in enumerate(self._trained()) if name in moments}
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        if self.accelerator.scaler is not None and saved.state["scaler"]:
            self.accelerator.scaler.load_state_dict(saved.state["scaler"])
        if self.average is not None and saved.state["average"]:
            self.average.load(saved.state["average"], saved.state["average_updates"])
        self.progress = saved.progress

    def _trained(self) -> list[tuple[str, nn.Parameter]]:
        """The optimiser's parameters in its order, with their names."""
        names = {parameter: name for name, parameter in self.net.named_parameters()}
        return [(names[p], p) for group in self.optimizer.param_groups for p in group["params"]]

    def close(self) -> None:
        """Let go of workers and files, and give the model back as it came."""
        for wrapper in ("forward", "_original_forward", "_is_accelerate_prepared"):
            self.net.__dict__.pop(wrapper, None)
        self.accelerator.free_memory()
        if self.logs is not None:
            self.logs.close()


def start_run(
    settings: TrainSettings,
    folder: RunFolder,
    existing: str,
    notes: Mapping[str, Any],
    net: nn.Module,
    train_data: Any,
    valid_data: Any,
    metrics: Metrics,
    watch: Watch,
    view: View | None,
    stop: Callable[[], bool],
) -> Run:
    """Check what was given, claim the run's folder, and go on from its checkpoint where there is one."""
    if not isinstance(net, nn.Module):
        raise ModelError(f"model={_called(net)}: is no nn.Module; give one that is made, such as UNet()")
    if isinstance(view, type):
        raise WorkbookError(f"view={_called(view)}: give one that is made, such as {_called(view)}()")
    accelerator = make_accelerator(settings)
    main, device = accelerator.is_main_process, accelerator.device
    loader = _loader(train_data, settings, accelerator, train=True)
    sampler: EpochSampler = loader.batch_sampler  # type: ignore[assignment]
    sets = valid_data if isinstance(valid_data, Mapping) else {} if valid_data is None else {"": valid_data}
    tests = {name: _loader(data, settings, accelerator, train=False) for name, data in sets.items()}
    column, higher = watched(watch, listed_metrics(metrics), list(tests))
    signature = read_signature(net)
    how: dict[str, Any] = {"lr": settings.lr, "weight_decay": settings.weight_decay}
    how["name"] = settings.optimizer
    make_optimizer(net, **how)  # refuses before anything is written

    trained = fingerprint(_data(loader))
    tested = {name or "valid_data": fingerprint(_data(test)) for name, test in tests.items()}
    check_alike(accelerator, {"train_data": trained} | tested)
    together = sampler.batch_size * accelerator.num_processes
    config = configuration(settings.as_dict(), net, trained, together, column)

    def opened() -> Saved | None:
        folder.claim(config | ({"notes": dict(notes)} if notes else {}), existing)
        write_environment(folder.path, device, accelerator.num_processes, trained, tested)
        return folder.load(lambda saved: _check_saved(net, saved))

    saved = from_main(accelerator, opened)

    if settings.channels_last:
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if saved is not None:
        fill_model(net, saved.weights, saved.file)
    model = accelerator.prepare_model(net)
    run = Run(
        settings=settings,
        folder=folder,
        accelerator=accelerator,
        net=net,
        model=cast(nn.Module, torch.compile(model)) if settings.compile else model,
        signature=signature,
        optimizer=make_optimizer(net, **how),
        loader=loader,
        sampler=sampler,
        tests=tests,
        metrics=listed_metrics(metrics),
        watch=column,
        higher=higher,
        average=MovingAverage(net, settings.ema) if settings.ema else None,
        progress=Progress(),
        logs=None,
        view=(view or TextView()) if main else SilentView(),
        meter=Meter(accelerator, settings.log_every),
        memory=PeakMemory(device),
        stop=stop,
    )
    if saved is not None:
        run.restore(saved)
    if main:
        run.logs = Logs(folder.path, tensorboard=settings.tensorboard, purge_step=run.progress.step)
        run.logs.rows(run.progress.rows)
        run.logs.settings(settings.as_dict())
    rows, part = list(run.progress.rows), run.progress.batch / len(sampler)
    run.view.start(RunInfo(folder.path.name, settings.epochs, run.steps, column, higher, rows, part))
    return run


def _check_saved(net: nn.Module, saved: Saved) -> None:
    """See that a checkpoint is of this model.

    Raises:
        CheckpointError: it is not; names the file and what differs.
    """
    fitting(net, saved.weights, saved.file)
    for name, parameter in net.named_parameters():
        for moment in saved.state["optimizer"].get(name, {}).values():
            if isinstance(moment, torch.Tensor) and moment.ndim and moment.shape != parameter.shape:
                raise CheckpointError(
                    f"{saved.file.with_name('state.pt')}: is of another model: the moments of {name} are "
                    f"{tuple(moment.shape)}, not {tuple(parameter.shape)}"
                )


def _called(given: Any) -> str:
    return getattr(given, "__name__", None) or repr(given)


def _data(loader: DataLoader[Any]) -> Any:
    return loader.dataset.dataset  # type: ignore[attr-defined]


def _loader(data: Any, settings: TrainSettings, accelerator: Any, *, train: bool) -> DataLoader[Any]:
    return make_loader(
        data,
        batch_size=settings.batch_size,
        seed=settings.seed,
        train=train,
        workers=loader_workers(settings.workers, accelerator.device),
        rank=accelerator.process_index,
        processes=accelerator.num_processes,
        pin=accelerator.device.type == "cuda",
    )


def watched(watch: Watch, metrics: Metrics, tests: list[str]) -> tuple[str, bool]:
    """The column to watch and whether more of it is better.

    Args:
        watch: a column, a pair `(column, "min" | "max")`, or None for the first metric.
        metrics: whose names, and `higher_is_better`, are asked.
        tests: names of the sets that are tested; `""` for the only one.

    Raises:
        WorkbookError: there is no such column or direction, or two metrics have one name.
        DataError: metrics without data to compute them on.
    """
    named = named_metrics(metrics)
    directions: dict[str, bool] = {"loss": False}
    if tests:
        scores = {name: getattr(m, "higher_is_better", None) is not False for name, m in named.items()}
        for name, higher in (scores | {"valid_loss": False}).items():
            directions[name] = higher
            directions |= {f"{test}/{name}": higher for test in tests if test}
    elif metrics:
        raise DataError("there are metrics but no valid_data to compute them on; give valid_data")
    wanted, direction = watch if isinstance(watch, tuple) else (watch, None)
    if wanted is None:
        wanted = next(iter(named)) if named else "valid_loss" if tests else "loss"
    if wanted not in directions:
        near = difflib.get_close_matches(wanted, directions, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(directions)}"
        raise WorkbookError(f"watch={wanted!r}: no such column; {hint}")
    if direction not in (None, "min", "max"):
        raise WorkbookError(f"watch=({wanted!r}, {direction!r}): the direction is 'min' or 'max'")
    return wanted, directions[wanted] if direction is None else direction == "max"


def copied(state: Any) -> Any:
    """The same with every tensor copied to the CPU, so that the training may go on changing its own."""
    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    return {key: copied(value) for key, value in state.items()} if isinstance(state, Mapping) else state
