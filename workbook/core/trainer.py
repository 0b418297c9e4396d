"""The trainer: fit → train_one_epoch → train_step, on whatever device is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from workbook.core.batch import prepare_batch
from workbook.core.errors import CheckpointError, DataError, ModelError, WorkbookError
from workbook.core.interrupt import interrupts_noted
from workbook.core.loading import read_batches
from workbook.core.memory import memory_advice
from workbook.core.meter import Step
from workbook.core.model import run_model
from workbook.core.optimizer import check_all_used, take_step
from workbook.core.progress import Row, StepReport, View
from workbook.core.run import Run, Watch, copied, start_run
from workbook.core.run_folder import Progress, RunFolder
from workbook.core.sampling import own_randomness, seed_all
from workbook.core.segmenter import Segmenter
from workbook.core.settings import TrainSettings
from workbook.core.validation import Pictures, Stopped, check_sets, rank, score_sets

if TYPE_CHECKING:
    import pandas as pd

    from workbook.core.metrics import Metrics


class Trainer:
    """Trains a model and keeps the run in a folder, from which it can be gone on with at any time.

    Args:
        name: of the run; its folder is `<root>/<name>`.
        root: where runs are kept.
        settings: a dictionary of hyperparameters, or a `TrainSettings`.
        existing: what `fit` does when the run is there already: `"continue"` it if its configuration is
            the same and refuse otherwise, `"restart"` it, or `"accept"` that the configuration differs and
            go on.
        notes: what else makes the run what it is, as plain values for config.json; compared when it is
            continued.
        keywords: hyperparameters by their names, see `TrainSettings`; they go before the dictionary's.

    Attributes:
        finished: whether the last `fit` came to its end; False after an interrupt.

    Raises:
        WorkbookError: an unknown setting, a value that cannot be, or a name that is none for a folder.

    >>> trainer = Trainer("first", epochs=3, lr=1e-3)
    >>> trainer.folder.as_posix(), trainer.settings.epochs
    ('runs/first', 3)
    """

    def __init__(
        self,
        name: str,
        root: str | Path = "runs",
        settings: Mapping[str, Any] | TrainSettings | None = None,
        *,
        existing: str = "continue",
        notes: Mapping[str, Any] | None = None,
        **keywords: Any,
    ) -> None:
        self.settings = TrainSettings.from_keywords(settings, **keywords)
        self.existing, self.notes = existing, dict(notes or {})
        self.finished = False
        self._runs = RunFolder(root, name)
        self._given: dict[str, Any] = {}

    @classmethod
    def from_run(cls, folder: str | Path) -> Trainer:
        """The trainer of a run on the disk, with the settings that it was started with.

        Raises:
            CheckpointError: the folder is none of a run.
        """
        file = Path(folder).absolute() / "config.json"
        try:
            config = json.loads(file.read_text(encoding="utf-8"))
            settings, notes = config["settings"], config.get("notes")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{file}: cannot be read ({error}); give the folder of a run") from error
        try:
            return cls(file.parent.name, file.parent.parent, settings, notes=notes)
        except WorkbookError as error:
            raise CheckpointError(f"{file}: {error}; was it written by another version?") from error

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self._runs.path

    def fit(
        self,
        model: nn.Module,
        train_data: Any,
        valid_data: Any = None,
        metrics: Metrics = (),
        watch: Watch = None,
        view: View | None = None,
        *,
        loss: Any = None,
    ) -> pd.DataFrame:
        """Train the model for the epochs of the settings, or go on with the run where it was left.

        The model keeps the last weights; `load_checkpoint(trainer.folder, model)` gives it the best. An
        interrupt stops after the step, saves, and returns; `fit` again goes on.

        Args:
            model: a model of `workbook.core.model`, or with `loss` a plain network.
            train_data: a dataset of dictionaries of fields or of `(image, mask)`, or a `DataLoader` of one.
            valid_data: the same, or a dictionary of named ones, whose columns are then `name/score` and,
                as the mean of all, `score`.
            metrics: torchmetrics, of this library or any other.
            watch: the column that decides which epoch is best, the first metric if None; or
                `(column, "min" | "max")`.
            view: where to report to, a text bar if None.
            loss: `loss(preds, target)` for a plain network, which is wrapped as `Segmenter(model, loss)`.

        Returns:
            A row an epoch: `epoch, loss, lr`, every score, `images_per_second, seconds, peak_memory` (MiB).

        Raises:
            WorkbookError: something is wrong with what was given, or came up on the way; says what to do.
        """
        net = model if loss is None else Segmenter(model, loss=loss)
        given = {"train_data": train_data, "valid_data": valid_data, "metrics": metrics}
        given |= {"watch": watch, "view": view}
        self._given = {"model": net, **given}
        with own_randomness(), interrupts_noted() as stop:
            run = start_run(self.settings, self._runs, self.existing, self.notes, net, **given, stop=stop)
            self.existing = "continue"  # whoever restarted does not want to lose it by fitting again
            try:
                with memory_advice(run.sampler.batch_size, self.settings.accumulate):
                    check_sets(run)
                    message = self._train(run)
                self._runs.wait()
                self.finished = self._over(run.progress)
            finally:
                run.close()
            run.view.finish(message)
        import pandas as pd

        return pd.DataFrame(run.progress.rows)

    def resume(self, *given: Any, **named: Any) -> pd.DataFrame:
        """Go on exactly where the run was left; what `fit` takes need be given only to a new trainer.

        On machines that do not see the run's folder call `fit`, which goes on as well.

        Raises:
            CheckpointError: there is nothing to go on from, or nothing to go on with.
        """
        if not self._runs.begun():
            raise CheckpointError(f"{self.folder}: no checkpoint to go on from; call fit")
        if not given and not named:
            if not self._given:
                raise CheckpointError(
                    "this trainer has no model and data yet: resume(model, train_data, ...)"
                )
            named = self._given
        self.existing = "continue" if self.existing == "restart" else self.existing
        return self.fit(*given, **named)

    def _train(self, run: Run) -> str:
        """All epochs that are left; returns how it ended."""
        progress, ended = run.progress, "was finished already; existing='restart' trains anew"
        while not self._over(progress):
            if not (self.train_one_epoch(run) and self._finish_epoch(run)):
                run.save()
                return f"{self.folder}: stopped in epoch {progress.epoch + 1}, saved; fit again goes on"
            if run.stop() and not self._over(progress):
                return f"{self.folder}: stopped after epoch {progress.epoch}; fit again goes on"
            ended = "finished"
        if run.accelerator.is_main_process:
            run.folder.average(progress.top)
        if ended == "finished" and progress.epoch < self.settings.epochs:
            ended = f"stopped early, no better {run.watch} in {progress.waited} tests"
        best = "undefined" if progress.best is None else f"{progress.best:.4f} in epoch {progress.best_epoch}"
        return f"{self.folder}: {ended}; best {run.watch} {best}"

    def _over(self, progress: Progress) -> bool:
        early = 0 < self.settings.patience <= progress.waited
        return early or progress.epoch >= self.settings.epochs

    def train_one_epoch(self, run: Run) -> bool:
        """One pass over the training data, or what is left of it; False when it was asked to stop."""
        settings, progress, sampler = self.settings, run.progress, run.sampler
        sampler.set_epoch(progress.epoch, progress.batch)
        run.model.train()
        run.meter.restart()
        run.memory.restart()
        batches = read_batches(run.loader)
        while group := list(islice(batches, settings.accumulate)):
            numbers = range(progress.batch, progress.batch + len(group))
            images = sum(sampler.together(number) for number in numbers)
            names = [name for batch in group if isinstance(batch, Mapping) for name in batch.get("name", ())]
            try:
                loss, visual = self.train_step(run, group, [sampler.own(n) / images for n in numbers])
            except ModelError as error:
                raise ModelError(
                    f"{error} (step {progress.step + 1}, batch of {', '.join(names)})"
                ) from error
            progress.step += 1
            progress.batch += len(group)
            run.meter.add(Step(progress.step, images, names, loss))
            last = progress.batch >= len(sampler)
            save = settings.save_every and progress.step % settings.save_every == 0 and not last
            # Several processes stop together, so they ask one another, but only when they read the losses.
            stop = run.stop() and run.accelerator.num_processes == 1
            if run.meter.due() or last or save or stop:
                stop = self._report(run, visual)
            if stop and not last:
                return False
            if save:
                run.save()
        return True

    def train_step(
        self, run: Run, group: list[Any], shares: list[float]
    ) -> tuple[torch.Tensor, dict[str, Any]]:
        """One step of the optimiser over a group of batches.

        Args:
            run: what the training works with.
            group: `accumulate` batches as the loader gave them, fewer at the end of an epoch.
            shares: of each batch, the part of the step's images that this process has in it. The losses, so
                weighted and summed over batches and processes, make the mean over all images, however they
                are cut.

        Returns:
            The loss, still on the device, and the model's `visual_loss` of the last batch.
        """
        settings, progress, accelerator = self.settings, run.progress, run.accelerator
        for parameters in run.optimizer.param_groups:
            parameters["lr"] = run.rate(progress.step)
        losses, outputs = [], {}
        for number, (raw, share) in enumerate(zip(group, shares, strict=True)):
            # The model's own randomness (dropout) is a function of the step too: no state to save.
            seed_all(settings.seed, progress.epoch, progress.batch + number, accelerator.process_index, 1)
            batch = prepare_batch(raw, accelerator.device, memory_format=run.memory_format)
            waits = accelerator.num_processes > 1 and number < len(group) - 1
            with accelerator.no_sync(run.model) if waits else nullcontext():
                outputs = run_model(run.model, batch, run.signature, values=progress.step == 0)
                if "backward_loss" not in outputs:
                    raise DataError(
                        "the training data has no masks; give a dataset whose samples have a mask"
                    )
                # Data-parallel gradients are means over the processes; times their number, sums.
                weight = share * accelerator.num_processes
                loss = outputs["backward_loss"] if weight == 1 else outputs["backward_loss"] * weight
                (loss if accelerator.scaler is None else accelerator.scaler.scale(loss)).backward()
            losses.append(loss.detach())
        if progress.step == 0 and accelerator.num_processes > 1:
            check_all_used(run.net)
        take_step(run.optimizer, accelerator.scaler, settings.clip)
        if run.average is not None:
            run.average.update()
        return sum(losses[1:], losses[0]), outputs["visual_loss"]

    def _finish_epoch(self, run: Run) -> bool:
        """Test where a test is due, note the row, and save; False when the test was interrupted."""
        settings, progress = self.settings, run.progress
        row: Row = {
            "epoch": progress.epoch + 1,
            "loss": progress.loss / progress.images,
            "lr": run.rate(progress.step - 1),
        }
        speed = {
            "images_per_second": progress.images / max(progress.seconds, 1e-9),
            "seconds": progress.seconds,
            "peak_memory": run.memory.look()[1],
        }
        pictures: Pictures = {}
        best, keep = None, False
        if row["epoch"] % settings.test_every == 0 or row["epoch"] == settings.epochs:
            with run.tested_weights():
                try:
                    scores, pictures = score_sets(run)
                except Stopped:
                    return False
                row |= scores
                keep, listed = rank(progress, row, run.watch, higher=run.higher, keep=settings.average)
                best = copied(run.net.state_dict()) if keep or listed else None
        row |= speed
        progress.next_epoch(row)
        run.save(best, keep)
        if run.logs is not None:
            run.logs.rows(progress.rows)
            run.logs.epoch(progress.step, row, pictures, run.accelerator.device)
        run.view.epoch(row, pictures)
        return True

    def _report(self, run: Run, visual: dict[str, Any]) -> bool:
        """Read the losses that wait and tell the view and the log; True when it was asked to stop."""
        progress, meter = run.progress, run.meter
        losses, stop = meter.read(run.stop())
        for value, images in losses:
            progress.loss += value * images
            progress.images += images
        progress.seconds += meter.seconds()
        meter.restart()
        report = StepReport(
            progress.epoch,
            -(-progress.batch // self.settings.accumulate),
            sum(value for value, _ in losses) / len(losses),
            run.rate(progress.step - 1),
            meter.speed,
            *run.memory.look(),
        )
        run.view.step(report)
        if run.logs is not None and run.logs.writer is not None:
            run.logs.step(progress.step, report, {k: v.detach().item() for k, v in visual.items()})
        return stop
