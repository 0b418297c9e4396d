"""A parser whose options follow from signatures: a verb's own, and those of a model's constructor."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from workbook.core.errors import ModelError, WorkbookError


class ModelParser:
    """The options of a verb and, where a model is named, of the model's constructor.

    Args:
        verb: of the command.
        text: what it does.
        epilog: below the options; has an example.
        words: as typed behind the verb.

    Attributes:
        parser: a `jsonargparse.ArgumentParser`; give it the verb's options, then call `parse`.
        model: the name of the model; None where none is named.
        shared: the model's parameters whose value is that of an option of the verb.
        options: those that have an option of their own.
    """

    def __init__(self, verb: str, text: str, epilog: str, words: Sequence[str]) -> None:
        from jsonargparse import ActionConfigFile, ArgumentParser, DefaultHelpFormatter

        self.words = [
            re.sub(r"^--[\w-]+", lambda found: "--" + found[0][2:].replace("-", "_"), word) for word in words
        ]
        self.model = _model(self.words)
        raw = argparse.RawDescriptionHelpFormatter
        self.parser = ArgumentParser(
            prog=f"workbook {verb}",
            description=text,
            epilog=epilog,
            exit_on_error=False,
            allow_abbrev=False,
            formatter_class=type("Formatter", (DefaultHelpFormatter, raw), {}),
        )
        add = self.parser.add_argument
        add("--config", action=ActionConfigFile, help="YAML file of options, as --print-config prints it")
        add("--model", default=self.model, help="name of a model, of the library or of --model-file")
        add("--model_file", help="Python file with @register_model above a class")
        self.own = ["config", "print_config", "model", "model_file"]
        self.shared: list[str] = []
        self.options: list[str] = []

    def add_class(self, cls: type) -> list[str]:
        """Options of a class's constructor, such as `TrainSettings`; returns their names."""
        added = self.parser.add_class_arguments(cls, None)
        self.own += added
        return added

    def parse(self, own: Iterable[str] = ()) -> Any:
        """The options as given, checked and of their types; with `--help` among the words, print it and exit.

        Args:
            own: names of options that were added to the parser one by one.

        Raises:
            WorkbookError: wrong use, in one line; or no model is named.
        """
        if self.model is not None:
            from workbook.core.model_options import add_model_options

            self.shared, self.options = add_model_options(self.parser, self.model, [*self.own, *own])
        if {"-h", "--help"} & {*self.words}:
            sys.stdout.write(dashed(self.parser.format_help()))
            raise SystemExit(0)
        try:
            given = self.parser.parse_args(self.words)
        except argparse.ArgumentError as error:
            raise WorkbookError(self._reason(str(error))) from error
        if self.model is None:
            raise ModelError("which model? give --model NAME, or --model-file FILE that registers one")
        return given

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
        if content is not None and not isinstance(content, dict):
            raise WorkbookError(f"{found['config']}: holds no options; see --print-config for how they look")
        found = {key: found[key] or (content or {}).get(key) for key in ("model", "model_file")}
    if not found["model_file"]:
        return found["model"]
    from workbook.core.model_file import load_model_file

    registered = load_model_file(found["model_file"])
    return found["model"] or (registered[0] if len(registered) == 1 else None)


def dashed(text: str) -> str:
    """The options in a text as people type them.

    >>> dashed("--batch_size BATCH_SIZE")
    '--batch-size BATCH_SIZE'
    """
    return re.sub(r"(?<![\w-])--\w+", lambda option: option[0].replace("_", "-"), text)
