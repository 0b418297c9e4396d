"""A process for code that nobody has read: an empty folder, limits of time and memory, and a sure end."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import site
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any

import psutil

from workbook.core.errors import WorkbookError

LOOK_EVERY = 0.1  # seconds between two looks at how many processes there are
THOROUGH = 10  # looks until one by the mark, which takes longer
LINE = 2**20  # bytes of one message; a longer one is none of ours
WAITING = 1000  # messages that may wait to be read; whoever writes more has to wait
ROUNDS = 50  # of ending what is left; a process that forks meanwhile is found in the next
PATIENCE = 1.0  # seconds for the last lines
MARK = "WORKBOOK_TRIAL"  # in the environment of the process and of all that it starts
# What Python and the libraries need of the environment; the rest, keys and tokens among it, is not theirs.
KEPT = (
    "PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP",
    "VIRTUAL_ENV", "CONDA_PREFIX",
)  # fmt: skip
START = "import sys; sys.path[:] = {path}; from {module} import main; main()"
POSIX = os.name == "posix"


@dataclass(frozen=True)
class Limits:
    """What the process may use.

    Attributes:
        seconds: of each step, by the clock.
        start_seconds: until it is ready, imports included.
        memory: bytes beyond what the imports take.
        file_size: bytes of a file that it writes.
        processes: that it may start.
    """

    seconds: float = 60.0
    start_seconds: float = 180.0
    memory: int = 2 * 2**30
    file_size: int = 64 * 2**20
    processes: int = 16


class Stopped(WorkbookError):
    """The process was stopped, or ended by itself, before it said what it was asked for."""


class LimitedProcess:
    """Runs `main()` of a module, which reads a job from its standard input and writes a JSON object a line.

    It works in an empty folder of its own, which is removed afterwards, and its environment holds nothing but
    what Python needs. What it starts is ended with it, also what left its session. Not kept from it: reading
    files and using the network as far as its user may, and a process that clears its own environment.

    Args:
        module: full name of the module.
        job: what it reads, as JSON; `key` is added, and only messages that hold the same `key` are read.
        limits: time and processes are watched from here; memory and file size the module sets itself.
    """

    def __init__(self, module: str, job: dict[str, Any], limits: Limits) -> None:
        self.limits = limits
        self._module, self._key, self._mark = module, uuid.uuid4().hex, uuid.uuid4().hex
        self._job = json.dumps(job | {"key": self._key}).encode()
        self._lines: queue.Queue[bytes] = queue.Queue(WAITING)
        self._ended = threading.Event()

    def __enter__(self) -> LimitedProcess:
        self._folder = tempfile.TemporaryDirectory(prefix="trial-", ignore_cleanup_errors=True)
        path = [os.path.abspath(place) for place in sys.path]
        self._process = subprocess.Popen(
            [sys.executable, "-c", START.format(path=path, module=self._module)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._folder.name,
            env=self._environment(),
            start_new_session=POSIX,
        )
        threading.Thread(target=self._write, daemon=True).start()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._folder.cleanup()

    def next_message(self, seconds: float) -> dict[str, Any]:
        """The next message.

        Raises:
            Stopped: none came in time, the process ended, or it has too many processes.
        """
        end = time.monotonic() + seconds
        for look in count():
            left = end - time.monotonic()
            try:
                line = self._lines.get(timeout=max(0.0, min(LOOK_EVERY, left)))
            except queue.Empty:
                if left <= 0:
                    raise Stopped("no answer in time; is there a loop that never ends?") from None
                if len(self._others(marked=look % THOROUGH == THOROUGH - 1)) > self.limits.processes:
                    raise Stopped("it starts too many processes") from None
                continue
            if not line:
                raise Stopped("it ends the process that it runs in")
            message = self._message(line)
            if message is not None:
                return message
        raise AssertionError  # `count` does not end

    def _environment(self) -> dict[str, str]:
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        return environment | {
            "HOME": self._folder.name,
            "PYTHONUSERBASE": site.getuserbase(),  # found by HOME otherwise
            "MPLBACKEND": "Agg",
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            MARK: self._mark,
        }

    def _message(self, line: bytes) -> dict[str, Any] | None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return None
        return message if isinstance(message, dict) and message.get("key") == self._key else None

    def _write(self) -> None:
        assert self._process.stdin is not None
        with (
            contextlib.suppress(OSError),
            self._process.stdin,
        ):  # it ended before it read its job; _read tells
            self._process.stdin.write(self._job)

    def _read(self) -> None:
        assert self._process.stdout is not None
        while line := self._process.stdout.readline(LINE):
            if self._put(line):
                return
        self._put(b"")

    def _put(self, line: bytes) -> bool:
        """Hand a line on; whether nobody wants it any more."""
        while not self._ended.is_set():
            with contextlib.suppress(queue.Full):
                self._lines.put(line, timeout=LOOK_EVERY)
                return False
        return True

    def _others(self, marked: bool = False) -> list[int]:
        """What it has started and is still there: by its session and, which takes longer, by the mark."""
        if not POSIX:
            with contextlib.suppress(psutil.Error):
                return [child.pid for child in psutil.Process(self._process.pid).children(recursive=True)]
            return []
        return [pid for pid in psutil.pids() if pid != self._process.pid and self._is_its(pid, marked)]

    def _is_its(self, pid: int, marked: bool) -> bool:
        try:
            if os.getsid(pid) == self._process.pid:
                return not marked or psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
            return marked and psutil.Process(pid).environ().get(MARK) == self._mark
        except (OSError, psutil.Error):  # it is gone, or somebody else's
            return False

    def _end(self) -> None:
        # Not waited for before the end, so that its number, which is its session's too, is not given away.
        for _ in range(ROUNDS):
            others = self._others(marked=True)
            for pid in self._signalled(others):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if POSIX else signal.SIGTERM)
            if not others:
                break
        self._process.kill()
        self._process.wait()
        self._ended.set()
        self._reader.join(PATIENCE)
        if not self._reader.is_alive() and self._process.stdout is not None:
            self._process.stdout.close()  # would wait for ever for what got away and holds the other end

    def _signalled(self, others: list[int]) -> Iterator[int]:
        if POSIX:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # at once, faster than any of them can fork
        yield from others
