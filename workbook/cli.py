"""The `workbook` command: thin, every verb calls one library function.

A verb is a module, of `workbook.commands` or elsewhere, whose `build(parser)` gives a parser its arguments
and returns what runs it. Verbs whose options depend on a model's constructor have a parser of their own, and
`run(words)` instead.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NoReturn

Run = Callable[[argparse.Namespace], int]
Build = Callable[[argparse.ArgumentParser], Run]

WRONG, INTERRUPTED, PIPE_CLOSED = 2, 130, 141  # the last two as shells count signals: 128 + SIGINT, + SIGPIPE
OWN_PARSER = {"train": "workbook.commands.train", "complexity": "workbook.commands.complexity"}


class OneLineParser(argparse.ArgumentParser):
    """Says in one line what is wrong with its words."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        self.exit(WRONG, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(words: Sequence[str] | None = None) -> int:
    """Run the `workbook` command; returns its exit code.

    0: done. 1: done, and something was found that the verb's help names. 2: wrong use or input, one line on
    the standard error stream. 130: interrupted. 141: nobody reads on (`| head`). With `--traceback` among the
    words, errors show where they arose.
    """
    given = list(sys.argv[1:] if words is None else words)
    words = [word for word in given if word != "--traceback"]
    prefix = f"workbook {words[0]}" if words and words[0] in VERBS else "workbook"
    try:
        with warnings.catch_warnings():  # in one line, as errors are
            warnings.showwarning = lambda message, *_, **__: _tell(f"{prefix}: {message}")
            try:
                return _run(words)
            finally:
                sys.stdout.flush()
    except BrokenPipeError:  # of `workbook ... | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return _failed(f"{prefix}: interrupted", given, INTERRUPTED)
    except Exception as error:  # noqa: BLE001 (the last resort of a command: a line, and how to see more)
        return _failed(f"{prefix}: {_reason(error)}", given, WRONG)


def _run(words: Sequence[str]) -> int:
    if words and words[0] in OWN_PARSER:
        return int(import_module(OWN_PARSER[words[0]]).run(words[1:]))
    args = make_parser(words).parse_args(words)
    return int(args.run(args))


def make_parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of these words: what their verb imports is imported, nothing else."""
    width = max(map(len, VERBS))
    lines = [f"  {name:{width}}  {text}" for name, (text, _) in VERBS.items()]
    parser = OneLineParser(
        prog="workbook",
        usage="workbook VERB ...",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="\n".join(["verbs:", *lines]),
        epilog="workbook VERB --help has its options and an example; --traceback shows where an error arose",
        add_help=False,
    )
    parser.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    parser.add_argument("--version", action=_Version, nargs=0, help=argparse.SUPPRESS)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, help=argparse.SUPPRESS)
    for name, (text, build) in VERBS.items():
        verb = verbs.add_parser(
            name,
            prog=f"workbook {name}",
            help=text,
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if words and words[0] == name and build:
            verb.set_defaults(run=build(verb))
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from workbook import __version__

        sys.stdout.write(f"workbook {__version__}\n")
        raise SystemExit(0)


def _failed(line: str, given: Sequence[str], code: int) -> int:
    if "--traceback" in given:
        traceback.print_exc()
    _tell(line)
    return code


def _reason(error: Exception) -> str:
    from workbook.core.errors import WorkbookError

    text = " ".join(str(error).split())
    if isinstance(error, WorkbookError):
        return text
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}; check the path, its permissions and the disk"
    return f"{type(error).__name__}: {text or 'without a word'}; --traceback shows where it arose"


def _tell(line: str) -> None:
    sys.stderr.write(" ".join(line.split()) + "\n")


def _build_audit(parser: argparse.ArgumentParser) -> Run:
    from workbook.curation.audit import add_arguments, run

    add_arguments(parser)
    return run


def _builder(module: str) -> Build:
    """The `build` of a module that declares its own verb; imported when the verb is called."""

    def build(parser: argparse.ArgumentParser) -> Run:
        run: Run = import_module(module).build(parser)
        return run

    return build


VERBS: dict[str, tuple[str, Build | None]] = {
    "sample": ("Write an embedded dataset.", _builder("workbook.commands.sample")),
    "audit": ("Find every fault of a dataset; repair a copy of it.", _build_audit),
    "train": ("Train a model, or go on with a run.", None),
    "test": ("Score a run's checkpoints on datasets.", _builder("workbook.commands.test")),
    "robust": ("Score a run under JPEG, blur, noise, resizing.", _builder("workbook.commands.robust")),
    "predict": ("Mark what was tampered with in images.", _builder("workbook.commands.predict")),
    "complexity": ("Count a model's parameters, operations and memory.", None),
    "notebooks": (
        "Execute the notebooks; keep copies, figures, summary.",
        _builder("workbook.commands.notebooks"),
    ),
    "init": (
        "Lay out your folder: exercises, a model to change.",
        _builder("workbook.course.learner_folder"),
    ),
    "progress": ("Say which exercises pass, and which are next.", _builder("workbook.course.progress")),
    "release": ("Cut the learner's copies of the notebooks.", _builder("workbook.course.release")),
    "course": ("Lay out a course for nbgrader.", _builder("workbook.course.instructor_course")),
    "grade": ("Grade what learners handed in.", _builder("workbook.course.grade")),
    "doctor": ("Say whether everything works here, and what to do.", _builder("workbook.commands.doctor")),
    "completion": (
        "Print what makes a shell complete these words.",
        _builder("workbook.commands.completion"),
    ),
}
