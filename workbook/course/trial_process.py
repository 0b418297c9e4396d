"""What runs in the limited process of a trial: answers and their checks, and word of what came of each."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from typing import Any

CUT = 2000  # characters of a message


def main() -> None:
    """Read a job from the standard input, and write a line for each of its tasks where the output was.

    A job holds `prepare` (sources that are run once, before the limits are set), `tasks`, `memory`,
    `file_size` and `key`. A task holds its `id`, `given` (definitions of the master), `answer` (sources of
    the submission), `names` (what the check may see of them), `setup` and `check` (of the master).
    """
    job = json.loads(sys.stdin.buffer.read())
    key = job.pop("key")
    out = silence()

    def say(message: dict[str, Any]) -> None:
        os.write(out, (json.dumps(message | {"key": key}) + "\n").encode())

    threads = prepare(job)
    say({"ready": True})
    for task in job["tasks"]:
        state, told = _try(task)
        # A thread that an answer left behind goes on beside the next one: the rest is for a fresh process.
        last = threading.active_count() > threads
        say({"id": task["id"], "state": state, "message": told[:CUT], "last": last})
        if last:
            break
    os._exit(0)  # waits for nothing that answers left


def silence() -> int:
    """Let answers print as much as they like, and read nothing; returns where the output was."""
    out = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    return out


def prepare(job: dict[str, Any]) -> int:
    """Run what a job prepares, then set its limits; returns the number of threads by then."""
    import torch

    torch.set_num_threads(1)
    for source in job["prepare"]:
        with contextlib.suppress(Exception):  # whoever needs it is told
            _run(source, {"__name__": "__main__"})
    limit_resources(job["memory"], job["file_size"])
    return threading.active_count()


def limit_resources(memory: int, file_size: int) -> None:
    """Let this process take no more than `memory` bytes beyond what it has, and write no larger files."""
    try:
        import resource  # not on Windows
    except ImportError:
        return
    import psutil

    taken = psutil.Process().memory_info().vms
    for kind, most in (("RLIMIT_AS", taken + memory), ("RLIMIT_FSIZE", file_size), ("RLIMIT_CORE", 0)):
        number = getattr(resource, kind)
        hard = resource.getrlimit(number)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS knows RLIMIT_AS and refuses it
            resource.setrlimit(number, (most, most))


def _try(task: dict[str, Any]) -> tuple[str, str]:
    """What came of one exercise: its state, and a message."""
    theirs = _names(task["given"])
    try:
        for source in task["answer"]:
            _run(source, theirs)
        missing = [name for name in task["names"] if name not in theirs]
        if missing:
            return "wrong", f"the answer's cell does not define {', '.join(missing)}"
        # The check sees what the answer defines, and nothing that it may have put in another name's place.
        ours = _names(task["setup"])
        ours |= {name: theirs[name] for name in task["names"]}
        _run(task["check"], ours)
    except NotImplementedError as error:
        return "not done", _told(error)
    except BaseException as error:  # noqa: BLE001 - SystemExit and all else that an answer may raise
        return "wrong", _told(error)
    return "passed", ""


def _names(sources: list[str]) -> dict[str, Any]:
    """What sources of the master define."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for source in sources:
        with contextlib.suppress(Exception):  # a definition that needs data, which a trial does without
            _run(source, names)
    return names


def _run(source: str, names: dict[str, Any]) -> None:
    exec(compile(source, "<cell>", "exec"), names)


def _told(error: BaseException) -> str:
    from workbook.checks.verdict import NotDone, WrongAnswer

    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - the error is the answer's own, too
        text = ""
    if isinstance(error, NotDone | WrongAnswer):
        return text
    return f"{type(error).__name__}: {' '.join(text.split())}" if text else type(error).__name__
