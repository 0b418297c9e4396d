"""The trainer: fit → train_one_epoch → train_step, on whatever device is there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from workbook.core.batch import denormalize, prepare_batch
from workbook.core.checkpoint import StateDict
from workbook.core.errors import CheckpointError, WorkbookError
from workbook.core.evaluate import validate
from workbook.core.memory import advice, out_of_memory
from workbook.core.meter import Step
from workbook.core.model import run_model
from workbook.core.progress import Row, StepReport, View
from workbook.core.run import Run, Watch, interrupts_noted, start_run
from workbook.core.run_folder import RunFolder
from workbook.core.sampling import own_randomness, read_batches, seed_all
from workbook.core.schedule import warmup_cosine
from workbook.core.segmenter import Segmenter
from workbook.core.settings import TrainSettings

if TYPE_CHECKING:
    import pandas as pd
    from torchmetrics import Metric

PICTURES = 4  # images of the strip that is shown after each test


class Trainer:
    """Trains a model and keeps the run in a folder, from which it can be gone on with at any time.

    Args:
        name: of the run; its folder is `<root>/<name>`.
        root: where runs are kept.
        existing: what `fit` does when the run is there already: `"continue"` it if its configuration is the same and refuse
            otherwise, `"restart"` it, or `"accept"` that the configuration differs and go on.
        settings: hyperparameters, see `TrainSettings`; as keywords or `**dictionary`.

    Raises:
        WorkbookError: an unknown setting, a value that cannot be, or a name that is none for a folder.

    >>> trainer = Trainer("first", epochs=3, lr=1e-3)
    >>> trainer.folder.as_posix(), trainer.settings.epochs
    ('runs/first', 3)
    """

    def __init__(
        self, name: str, root: str | Path = "runs", *, existing: str = "continue", **settings: Any
    ) -> None:
        self.settings = TrainSettings.from_keywords(**settings)
        self.existing = existing
        self._run_folder = RunFolder(root, name)
        self._given: tuple[Any, ...] | None = None

    @classmethod
    def from_run(cls, folder: str | Path) -> Trainer:
        """The trainer of a run on the disk, with the settings that it was started with."""
        file = Path(folder) / "config.json"
        try:
            settings = json.loads(file.read_text(encoding="utf-8"))["settings"]
        except (OSError, ValueError, KeyError) as error:
            raise CheckpointError(f"{file}: cannot be read ({error}); give the folder of a run") from error
        return cls(Path(folder).name, Path(folder).parent, **settings)

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self._run_folder.path

    def fit(
        self,
        model: nn.Module,
        train_data: Any,
        valid_data: Any = None,
        metrics: Sequence[Metric] = (),
        watch: Watch = None,
        view: View | None = None,
        *,
        loss: Any = None,
    ) -> pd.DataFrame:
        """Train the model for the epochs of the settings, or go on with the run where it was left.

        The model keeps the last weights; `load_checkpoint(trainer.folder, model)` gives it the best. An interrupt
        stops after the step, saves, and returns; `fit` again goes on.

        Args:
            model: a model of `workbook.core.model`, or with `loss` a plain network.
            train_data: a dataset of dictionaries of fields or of `(image, mask)`, or a `DataLoader` of one.
            valid_data: the same, or a dictionary of named ones, whose columns are then `name/score` and, as the mean of
                all, `score`.
            metrics: torchmetrics, of this library or any other.
            watch: the column that decides which epoch is best, the first metric if None; or `(column, "min" | "max")`.
            view: where to report to, a text bar if None.
            loss: `loss(preds, target)` for a plain network, which is wrapped as `Segmenter(model, loss)`.

        Returns:
            A row an epoch: `epoch, loss, lr`, every score, `images_per_second, seconds, peak_memory` (MiB).

        Raises:
            WorkbookError: something is wrong with what was given, or with what came up on the way; says what to do.
        """
        self._given = (model, train_data, valid_data, metrics, watch, view)
        net = model if loss is None else Segmenter(model, loss=loss)
        self._given = (net, *self._given[1:])
        with own_randomness(), interrupts_noted() as stop:
            run = start_run(
                self.settings, self._run_folder, self.existing, net, train_data, valid_data, metrics, watch, view, stop
            )  # fmt: skip
            self.existing = "continue"  # whoever restarted once does not want to lose it by fitting again
            try:
                message = self._train(run)
                self._run_folder.wait()
            except (RuntimeError, MemoryError) as error:
                if out_of_memory(error):
                    hint = advice(self.settings.batch_size, self.settings.accumulate)
                    raise WorkbookError(
                        f"out of memory at batch_size={self.settings.batch_size}: {hint}"
                    ) from error
                raise
            finally:
                run.close()
            run.view.finish(message)
        return _table(run.progress.rows)

    def resume(self, *given: Any, **named: Any) -> pd.DataFrame:
        """Go on exactly where the run was left; what `fit` takes need be given only to a new trainer.

        Raises:
            CheckpointError: there is nothing to go on from, or nothing to go on with.
        """
        if not any((self.folder / name).is_dir() for name in ("last", "last.part", "previous")):
            raise CheckpointError(f"{self.folder}: no checkpoint to go on from; call fit")
        if not given and not named:
            if self._given is None:
                raise CheckpointError(
                    "this trainer has no model and data yet: resume(model, train_data, ...)"
                )
            given = self._given
        if self.existing == "restart":
            self.existing = "continue"
        return self.fit(*given, **named)

    def _train(self, run: Run) -> str:
        """All epochs that are left; returns how it ended."""
        progress, settings = run.progress, self.settings
        if progress.epoch >= settings.epochs:
            return f"{self.folder}: was finished already; existing='restart' trains anew"
        while progress.epoch < settings.epochs:
            if not self.train_one_epoch(run):
                self._save(run)
                return f"{self.folder}: stopped in epoch {progress.epoch + 1}, saved; fit again goes on"
            self.finish_epoch(run)
            if settings.patience and progress.waited >= settings.patience:
                return (
                    f"{self.folder}: stopped early, {run.watch} has not improved for {progress.waited} tests"
                )
            if run.stop():
                return f"{self.folder}: stopped after epoch {progress.epoch}; fit again goes on"
        return f"{self.folder}: finished, best {run.watch} {_number(progress.best)} in epoch {progress.best_epoch}"

    def train_one_epoch(self, run: Run) -> bool:
        """One pass over the training data, or what is left of it; False when it was asked to stop."""
        progress, sampler = run.progress, run.sampler
        sampler.set_epoch(progress.epoch, progress.batch)
        run.model.train()
        run.meter.restart()
        run.memory.restart()
        for group in self._groups(run):
            numbers = range(progress.batch, progress.batch + len(group))
            images = sum(sampler.together(number) for number in numbers)
            loss, visual = self.train_step(run, group, [sampler.own(n) / images for n in numbers])
            progress.step += 1
            progress.batch += len(group)
            names = [name for batch in group if isinstance(batch, Mapping) for name in batch.get("name", ())]
            run.meter.add(Step(progress.step, images, names, loss))
            last = progress.batch == len(sampler)
            stop = False
            if run.meter.due() or last or (run.stop() and run.accelerator.num_processes == 1):
                stop = self._report(run, visual)
            if stop and not last:
                return False
            if self.settings.save_every and progress.step % self.settings.save_every == 0 and not last:
                self._report(run, visual)  # reads the losses that wait: only finite ones are saved
                self._save(run)
        return True

    def train_step(
        self, run: Run, group: list[Any], shares: list[float]
    ) -> tuple[torch.Tensor, dict[str, Any]]:
        """One step of the optimiser over a group of batches.

        Args:
            run: what the training works with.
            group: `accumulate` batches as the loader gave them, fewer at the end of an epoch.
            shares: of each batch, the part of the images that this process brings to the step. The losses' sum, so weighted
                and summed over the processes, is the mean over all images: whatever way they are cut.

        Returns:
            The loss, still on the device, and the model's `visual_loss` of the last batch.
        """
        settings, progress, accelerator = self.settings, run.progress, run.accelerator
        rate = warmup_cosine(
            progress.step,
            run.steps * settings.epochs,
            lr=settings.lr,
            min_lr=settings.min_lr,
            warmup=round(run.steps * settings.warmup_epochs),
        )
        for parameters in run.optimizer.param_groups:
            parameters["lr"] = rate
        losses, outputs = [], {}
        for number, (raw, share) in enumerate(zip(group, shares, strict=True)):
            # The model's own randomness (dropout) is a function of the step too, so there is no state to save.
            seed_all(settings.seed, progress.epoch, progress.batch + number, accelerator.process_index, 1)
            batch = prepare_batch(raw, accelerator.device)
            if settings.channels_last:
                batch["image"] = batch["image"].contiguous(memory_format=torch.channels_last)
            waits = accelerator.num_processes > 1 and number < len(group) - 1
            with accelerator.no_sync(run.model) if waits else nullcontext():
                outputs = run_model(run.model, batch, run.signature)
                if "backward_loss" not in outputs:
                    raise WorkbookError(
                        "the training data has no masks; give a dataset whose samples have a mask"
                    )
                # Data-parallel gradients are means over the processes; times their number, sums.
                loss = outputs["backward_loss"] * (share * accelerator.num_processes)
                accelerator.backward(loss)
            losses.append(loss.detach())
        if settings.clip:
            accelerator.clip_grad_norm_(run.net.parameters(), settings.clip)
        run.optimizer.step()
        run.optimizer.zero_grad()
        if run.average is not None:
            run.average.update()
        return torch.stack(losses).sum(), outputs["visual_loss"]

    def finish_epoch(self, run: Run) -> None:
        """Test where a test is due, note the row, and save."""
        settings, progress = self.settings, run.progress
        row: Row = {
            "epoch": progress.epoch + 1,
            "loss": progress.loss / progress.images,
            "lr": run.optimizer.param_groups[0]["lr"],
        }
        speed = {
            "images_per_second": progress.images / progress.seconds,
            "seconds": progress.seconds,
            "peak_memory": run.memory.look()[1],
        }
        pictures: dict[str, torch.Tensor] = {}
        best, keep = None, False
        tested = (progress.epoch + 1) % settings.test_every == 0 or progress.epoch + 1 == settings.epochs
        if tested or not run.tests:
            with run.tested_weights():
                scores, pictures = self._test(run)
                row |= scores
                keep, listed = self._rank(run, row)
                best = _copied(run.net.state_dict()) if keep or listed else None
        row |= speed
        progress.rows.append(row)
        progress.epoch, progress.batch = progress.epoch + 1, 0
        progress.loss, progress.images, progress.seconds = 0.0, 0, 0.0
        self._save(run, best, keep)
        if run.logs is not None:
            run.logs.rows(progress.rows)
            run.logs.epoch(progress.step, row, pictures, run.accelerator.device)
            if settings.average and progress.epoch == settings.epochs:
                run.folder.wait()
                run.folder.average(progress.top)
        run.view.epoch(row, pictures)

    def _test(self, run: Run) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
        """Every set's scores, and pictures of the first images of the first set."""
        pictures: dict[str, torch.Tensor] = {}

        def take(number: int, batch: dict[str, Any], outputs: dict[str, Any]) -> None:
            if number or pictures or not run.accelerator.is_main_process:
                return
            shown = {"image": denormalize(batch["image"])} | {k: batch[k] for k in ("mask",) if k in batch}
            shown |= {k: outputs[k] for k in ("pred_mask",) if k in outputs} | outputs["visual_image"]
            pictures.update({k: v[:PICTURES].detach().float().clamp(0, 1).cpu() for k, v in shown.items()})

        row: dict[str, float] = {}
        each: dict[str, list[float]] = {}
        for name, loader in run.tests.items():
            seed_all(self.settings.seed, run.progress.epoch, 2)
            scores = validate(
                run.net,
                read_batches(loader),
                run.metrics,
                accelerator=run.accelerator,
                signature=run.signature,
                on_batch=take,
            )
            for score, value in scores.items():
                each.setdefault(score, []).append(value)
                row |= {f"{name}/{score}": value} if name else {}
        return {score: sum(values) / len(values) for score, values in each.items()} | row, pictures

    def _rank(self, run: Run, row: Row) -> tuple[bool, bool]:
        """Whether an epoch is the best so far, and whether it is among those to average."""
        progress, score = run.progress, row[run.watch]
        if score != score:  # NaN: undefined on these data, so it is no better than anything
            progress.waited += 1
            return False, False
        sign = 1 if run.higher else -1
        best = progress.best is None or sign * score > sign * progress.best
        if best:
            progress.best, progress.best_epoch, progress.waited = score, row["epoch"], 0
        else:
            progress.waited += 1
        progress.top = sorted([*progress.top, [score, row["epoch"]]], key=lambda t: (-sign * t[0], t[1]))
        progress.top = progress.top[: self.settings.average]
        return best, [score, row["epoch"]] in progress.top

    def _report(self, run: Run, visual: dict[str, Any]) -> bool:
        """Read the losses that wait and tell the view and the log; True when it was asked to stop."""
        progress, meter = run.progress, run.meter
        losses, stop = meter.read(run.stop())
        if not losses:
            return stop
        for value, images in losses:
            progress.loss += value * images
            progress.images += images
        progress.seconds += meter.seconds()
        meter.restart()
        now, peak = run.memory.look()
        steps = -(-progress.batch // self.settings.accumulate)
        report = StepReport(
            progress.epoch, steps, sum(v for v, _ in losses) / len(losses),
            run.optimizer.param_groups[0]["lr"], meter.speed, now, peak,
        )  # fmt: skip
        run.view.step(report)
        if run.logs is not None and run.logs.writer is not None:
            run.logs.step(progress.step, report, {name: float(value) for name, value in visual.items()})
        return stop

    def _save(self, run: Run, best: StateDict | None = None, keep: bool = False) -> None:
        """Copy the state of everything and have it written in the background."""
        if not run.accelerator.is_main_process:
            return
        scaler, average = run.accelerator.scaler, run.average
        state = {
            "optimizer": _copied(run.optimizer.state_dict()["state"]),
            "scaler": scaler.state_dict() if scaler is not None else {},
            "average": _copied(average.average) if average is not None else {},
            "average_updates": average.updates if average is not None else 0,
        }
        run.folder.save(_copied(run.net.state_dict()), state, run.progress, best, keep)

    def _groups(self, run: Run) -> Iterator[list[Any]]:
        batches = read_batches(run.loader)
        while group := list(islice(batches, self.settings.accumulate)):
            yield group


def _copied(state: Any) -> Any:
    """The same with every tensor copied to the CPU, so that the training may go on changing its own."""
    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    return {key: _copied(value) for key, value in state.items()} if isinstance(state, Mapping) else state


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _table(rows: list[Row]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)
