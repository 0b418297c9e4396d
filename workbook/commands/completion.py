"""The `workbook completion` verb: a script that makes a shell complete the command's words."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

EPILOG = """examples:
  workbook completion bash > ~/.local/share/bash-completion/completions/workbook
  workbook completion zsh > ~/.zfunc/_workbook       (with fpath+=~/.zfunc before compinit)"""


def build(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Give a parser the arguments of `workbook completion`; returns what runs it."""
    parser.epilog = EPILOG
    parser.add_argument("shell", choices=["bash", "zsh", "tcsh"])
    return run


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    sys.stdout.write(shtab.complete(whole_parser(), args.shell) + "\n")
    return 0


def whole_parser() -> argparse.ArgumentParser:
    """A parser with every verb's options; those of models' constructors are not known to it."""
    from workbook.cli import OWN_PARSER, VERBS, make_parser
    from workbook.commands.complexity import ComplexityParser
    from workbook.commands.model_parser import dashed
    from workbook.commands.train import TrainParser

    parser = make_parser([])
    of_verbs = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    of_verbs.help = "what to do"  # what has no help is not completed
    verbs = of_verbs.choices
    own = {"train": TrainParser, "complexity": ComplexityParser}
    for name, (_, build) in VERBS.items():
        if name not in OWN_PARSER and build:
            build(verbs[name])
            continue
        for action in own[name]([]).parser._actions:
            options = [dashed(option) for option in action.option_strings]
            if not options or "--help" in options:
                continue
            takes = {"action": "store_true"} if action.nargs == 0 else {"nargs": action.nargs}
            verbs[name].add_argument(*options, help=action.help, **takes).choices = _choices(action)
    return parser


def _choices(action: argparse.Action) -> Any:
    """What may follow an option: as argparse has it, or as jsonargparse keeps it in the option's type."""
    hint = getattr(action, "_typehint", None)
    return get_args(hint) if get_origin(hint) is Literal else action.choices
