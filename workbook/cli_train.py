"""The `workbook train` verb: a model by name, data by path, an option for each setting, from signatures."""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from workbook.core.errors import ModelError, WorkbookError

EPILOG = """example:
  workbook train --model UNet --features 16 --data train --test-data test --size 256 --out runs/first
on several GPUs or machines:
  torchrun --nproc_per_node=2 -m workbook train ...      accelerate launch -m workbook train ...
The same command again goes on with a run that was interrupted."""
METRICS = ["PixelF1", "ImageAUC"]


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


class _Parser:
    """The options of the verb and, where a model is named, of its constructor.

    Args:
        model: name of a registered model.
    """

    def __init__(self, model: str | None) -> None:
        from jsonargparse import ActionConfigFile, ArgumentParser, DefaultHelpFormatter

        from workbook.core.model_options import add_model_options
        from workbook.core.settings import TrainSettings

        self.model, raw = model, argparse.RawDescriptionHelpFormatter
        self.parser = parser = ArgumentParser(
            prog="workbook train",
            description="Train a model, or go on with a run; with --model NAME, --help has its options too.",
            epilog=EPILOG,
            exit_on_error=False,
            allow_abbrev=False,
            formatter_class=type("Formatter", (DefaultHelpFormatter, raw), {}),
        )
        add = parser.add_argument
        add("--config", action=ActionConfigFile, help="YAML file of options, as --print-config prints it")
        add("--model", default=model, help="name of a model, of the library or of --model-file")
        add("--model_file", help="Python file with @register_model above a class")
        own = ["config", "print_config", "model", "model_file", "test_data", "metrics", "json"]
        own += parser.add_function_arguments(_options, None)
        add(
            "--test_data",
            nargs="+",
            default=[],
            help="data as above, or a JSON dictionary of names and paths",
        )
        add("--metrics", nargs="+", default=METRICS, help="classes of workbook.core (default: %(default)s)")
        add("--json", action="store_true", help="print the last epoch as JSON, for programs")
        self.settings = parser.add_class_arguments(TrainSettings, None)
        own += self.settings
        self.shared, self.options = add_model_options(parser, model, own) if model else ([], [])

    def parse(self, words: Sequence[str]) -> Any:
        """The options as given, checked and of their types."""
        try:
            return self.parser.parse_args(list(words))
        except argparse.ArgumentError as error:
            raise WorkbookError(self._reason(str(error))) from error

    def _reason(self, text: str) -> str:
        text = " ".join(text.split())
        if unknown := re.match(r"unrecognized arguments: (?:--)?(\w+)", text):
            from workbook.core.settings import ELSEWHERE

            known = [action.dest for action in self.parser._actions]
            near = [ELSEWHERE[unknown[1]]] if unknown[1] in ELSEWHERE else []
            near = near or difflib.get_close_matches(unknown[1], known, n=1, cutoff=0.6)
            hint = f"did you mean --{near[0]}?" if near else "see --help"
            return dashed(f"unknown option --{unknown[1]}; {hint}")
        if required := re.match(r"the following arguments are required: (.*)", text):
            missing = ", ".join(f"--{name}" for name in required[1].split(", "))
            return dashed(f"missing: {missing}; see --help")
        text = re.sub(r"<class '(\w+)'>", r"\1", re.sub(r'^Parser key "(\w+)":', r"--\1:", text))
        return dashed(text)


def run(words: Sequence[str]) -> int:
    """Run `workbook train` on the words behind it; returns 0.

    Raises:
        WorkbookError: wrong use or input, in one line.
    """
    words = [
        re.sub(r"^--[\w-]+", lambda found: "--" + found[0][2:].replace("-", "_"), word) for word in words
    ]
    parser = _Parser(_model(words))
    if {"-h", "--help"} & {*words}:
        sys.stdout.write(dashed(parser.parser.format_help()))
        raise SystemExit(0)
    given = parser.parse(words)
    if parser.model is None:
        raise ModelError("which model? give --model NAME, or --model-file FILE that registers one")
    with warnings.catch_warnings():  # in one line, as errors are
        warnings.showwarning = _tell
        last = _fit(parser, given)
    if last and given.json:
        sys.stdout.write(json.dumps({"run": given.out, **last}) + "\n")
    elif last:
        from workbook.core.progress import NOT_SCORES

        scores = ", ".join(f"{name} {value:.4f}" for name, value in last.items() if name not in NOT_SCORES)
        sys.stdout.write(f"{given.out}: epoch {last['epoch']}: {scores}\n")
    return 0


def _tell(message: Warning | str, *_: Any, **__: Any) -> None:
    sys.stderr.write(f"workbook train: {message}\n")


def _model(words: Sequence[str]) -> str | None:
    """The name of the model, looked for first since the other options depend on it; its file is run."""
    look = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in ("--model", "--model_file", "--config"):
        look.add_argument(name)
    try:
        found = vars(look.parse_known_args(list(words))[0])
    except argparse.ArgumentError as error:
        raise WorkbookError(dashed(str(error))) from error
    if found["config"]:
        import yaml

        try:
            content = yaml.safe_load(Path(found["config"]).read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            reason = " ".join(str(error).split())
            raise WorkbookError(f"{found['config']}: cannot be read as YAML ({reason})") from error
        found = {key: found[key] or (content or {}).get(key) for key in ("model", "model_file")}
    if not found["model_file"]:
        return found["model"]
    from workbook.core.model_file import load_model_file

    registered = load_model_file(found["model_file"])
    return found["model"] or (registered[0] if len(registered) == 1 else None)


def _fit(parser: _Parser, given: Any) -> dict[str, Any]:
    """Open the data, build the model, train; returns the last row, an empty one but on the main process."""
    from accelerate import PartialState

    import workbook.core as core
    from workbook.core.sampling import own_randomness, seed_all
    from workbook.curation.reading import open_data, open_sets

    settings = core.TrainSettings(**{name: given[name] for name in parser.settings})
    fitted = {"size": given.size, "fit": given.fit, "edge_width": given.edge_width}
    changes = (
        core.train_transforms(crop=given.size if given.fit == "pad" else None) if given.augment else None
    )
    train_data = open_data(given.data, transforms=changes, **fitted)
    tests = open_sets(given.test_data, **fitted)
    metrics = [_metric(name) for name in given.metrics] if tests or given.metrics != METRICS else []

    plain = json.loads(parser.parser.dump(given, format="json", skip_unset=False))
    options = {name: plain[name] for name in [*parser.options, *parser.shared]}
    with own_randomness():
        seed_all(settings.seed)  # the same first weights each time, and in each process
        model = core.model_from_options(str(parser.model), options)
    notes = {"model": parser.model, "options": options, **fitted, "augment": given.augment}
    if given.model_file:
        notes["model_file"] = str(Path(given.model_file).absolute())
    out = Path(given.out)
    trainer = core.Trainer(out.name, out.parent, existing=given.existing, notes=notes, **settings.as_dict())
    view = core.TextView(quiet=None if sys.stderr.isatty() else True)
    valid_data = tests if len(tests) > 1 else next(iter(tests.values()), None)
    history = trainer.fit(model, train_data, valid_data, metrics, given.watch, view)
    if history.empty or not PartialState().is_main_process:
        return {}
    last = history.iloc[-1].dropna().to_dict()
    return last | {"epoch": int(last["epoch"])}


def _metric(name: str) -> Any:
    import workbook.core as core
    from workbook.core import metrics

    known = [metric for metric in metrics.__all__ if metric[0].isupper()]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise WorkbookError(f"--metrics {name}: no such metric; {hint}")
    return getattr(core, name)()


def dashed(text: str) -> str:
    """The options in a text as people type them.

    >>> dashed("--batch_size BATCH_SIZE")
    '--batch-size BATCH_SIZE'
    """
    return re.sub(r"(?<![\w-])--\w+", lambda option: option[0].replace("_", "-"), text)
