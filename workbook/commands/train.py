"""The `workbook train` verb: a model by name, data by path, an option for each setting, from signatures."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from workbook.commands.model_parser import ModelParser
from workbook.core.errors import WorkbookError

TEXT = "Train a model, or go on with a run; with --model NAME, --help has its options too."
EPILOG = """example:
  workbook train --model UNet --features 16 --data train --test-data test --size 256 --out runs/first
on several GPUs, or as two processes on a CPU:
  torchrun --nproc_per_node=2 -m workbook train ...
  accelerate launch --multi_gpu --num_processes 2 -m workbook train ...
on two machines that both have the data (rank 1 on the second; the first one keeps the run):
  torchrun --nnodes=2 --node-rank=0 --nproc-per-node=1 --master-addr=FIRST --master-port=29500 \\
    -m workbook train ...
  accelerate launch --multi_gpu --num_machines 2 --machine_rank 0 --num_processes 2 \\
    --main_process_ip FIRST --main_process_port 29500 -m workbook train ...
The same command again goes on with a run that was interrupted (exit code 130)."""
METRICS = ["PixelF1", "ImageAUC"]
INTERRUPTED = 130


def _options(  # only its signature and docstring are used: they are the options
    data: str,
    out: str,
    size: int | None = 512,
    fit: Literal["resize", "pad"] = "resize",
    edge_width: int | None = None,
    augment: bool = True,
    watch: str | None = None,
    existing: Literal["continue", "restart", "accept"] = "continue",
) -> None:
    """What it trains on, and where the run goes.

    Args:
        data: folder of images and masks (Tp, Gt and maybe Au; images and masks; ...), JSON list of pairs, or
            IMDL-BenCo's list of `[class name, path]`, which are drawn from equally.
        out: folder of the run.
        size: side that images are fitted to; null keeps their sizes and pads within a batch.
        fit: resize to the size, or pad to it and cut off what is larger.
        edge_width: width of the boundary band for models that take an `edge_mask`, odd.
        augment: change the training images at random, as IMDL-BenCo does.
        watch: score that decides which epoch is best; null for the first metric.
        existing: of a run that is there already: continue it if its configuration is the same, restart it, or
            accept that the configuration differs and continue.
    """


class TrainParser(ModelParser):
    """The options of `workbook train`.

    Args:
        words: as typed behind the verb.
    """

    def __init__(self, words: Sequence[str]) -> None:
        from workbook.core.settings import TrainSettings

        super().__init__("train", TEXT, EPILOG, words)
        self.own += self.parser.add_function_arguments(_options, None)
        add = self.parser.add_argument
        add(
            "--test_data",
            nargs="+",
            default=[],
            help="data as above, or a JSON dictionary of names and paths",
        )
        add(
            "--post_func",
            nargs="+",
            default=[],
            help="adds fields to each sample: `jpeg` (quantisation table and DCT coefficients, as CAT-Net "
            "takes them), package.module:function or FILE.py:function",
        )
        add("--metrics", nargs="+", default=METRICS, help="classes of workbook.core (default: %(default)s)")
        add("--json", action="store_true", help="print the last epoch as JSON, for programs")
        self.own += ["test_data", "post_func", "metrics", "json"]
        self.settings = self.add_class(TrainSettings)


def run(words: Sequence[str]) -> int:
    """Run `workbook train` on the words behind it; returns 0, or 130 when it was interrupted and saved.

    Raises:
        WorkbookError: wrong use or input, in one line.
    """
    parser = TrainParser(words)
    given = parser.parse()
    last, finished = _fit(parser, given)
    if last and given.json:
        sys.stdout.write(json.dumps({"run": given.out, **last}) + "\n")
    elif last:
        from workbook.core.progress import NOT_SCORES

        scores = ", ".join(f"{name} {value:.4f}" for name, value in last.items() if name not in NOT_SCORES)
        sys.stdout.write(f"{given.out}: epoch {last['epoch']}: {scores}\n")
    if not finished:
        sys.stderr.write(f"workbook train: {given.out}: interrupted and saved; the same command goes on\n")
    return 0 if finished else INTERRUPTED


def _fit(parser: TrainParser, given: Any) -> tuple[dict[str, Any], bool]:
    """Open the data, build the model, train; returns the last row, an empty one but on the main process."""
    from accelerate import PartialState

    import workbook.core as core
    from workbook.core.post_funcs import find_post_funcs, settled
    from workbook.core.sampling import own_randomness, seed_all
    from workbook.curation.reading import open_data, open_sets

    settings = core.TrainSettings(**{name: given[name] for name in parser.settings})
    fitted = {"size": given.size, "fit": given.fit, "edge_width": given.edge_width}
    added = {"post_func": find_post_funcs(given.post_func)} if given.post_func else {}
    changes = (
        core.train_transforms(crop=given.size if given.fit == "pad" else None) if given.augment else None
    )
    train_data = open_data(given.data, transforms=changes, **fitted, **added)
    tests = open_sets(given.test_data, **fitted, **added)
    metrics = [_metric(name) for name in given.metrics] if tests or given.metrics != METRICS else []

    plain = json.loads(parser.parser.dump(given, format="json", skip_unset=False))
    options = {name: plain[name] for name in [*parser.options, *parser.shared]}
    with own_randomness():
        seed_all(settings.seed)  # the same first weights each time, and in each process
        model = core.model_from_options(str(parser.model), options)
    notes = {"model": parser.model, "options": options, **fitted, "augment": given.augment}
    if given.post_func:
        notes["post_func"] = settled(given.post_func)
    if given.model_file:
        notes["model_file"] = str(Path(given.model_file).absolute())
    out = Path(given.out)
    trainer = core.Trainer(out.name, out.parent, existing=given.existing, notes=notes, **settings.as_dict())
    view = core.TextView(quiet=None if sys.stderr.isatty() else True)
    valid_data = tests if len(tests) > 1 else next(iter(tests.values()), None)
    history = trainer.fit(model, train_data, valid_data, metrics, given.watch, view)
    if history.empty or not PartialState().is_main_process:
        return {}, trainer.finished
    last = history.iloc[-1].dropna().to_dict()
    return last | {"epoch": int(last["epoch"])}, trainer.finished


def _metric(name: str) -> Any:
    import workbook.core as core
    from workbook.core import metrics

    known = [metric for metric in metrics.__all__ if metric[0].isupper()]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise WorkbookError(f"--metrics {name}: no such metric; {hint}")
    return getattr(core, name)()
