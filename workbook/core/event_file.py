"""TensorBoard events, written by the thread that has them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

_numbers = count()  # of the files of this process, which may be of one second
FLUSH_SECONDS = 10.0  # TensorBoard shows no more than what has reached the file


class EventFile:
    """A file of TensorBoard events.

    TensorBoard's own writer has a thread, which takes a turn from the training at each event and, when the
    disk is full, prints a traceback that nobody can catch. Here an event goes into a buffer, and an error
    rises where it was made.

    Args:
        folder: gets the file; is made.
        purge_step: when a run goes on: events from this step on are of work that was lost, and are hidden.

    Raises:
        ImportError: TensorBoard is not installed.
        OSError: the file cannot be written; so do the methods.
    """

    def __init__(self, folder: Path, purge_step: int = 0) -> None:
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder.mkdir(parents=True, exist_ok=True)
        which = f"{int(time.time()):010}.{socket.gethostname()}.{os.getpid()}.{next(_numbers):06}"
        self.file = folder / f"events.out.tfevents.{which}"
        self._records = RecordWriter(self.file.open("wb"))
        self._flushed, self._failed = time.monotonic(), False
        self._event(file_version="brain.Event:2")
        if purge_step:
            self._event(step=purge_step, session_log=SessionLog(status=SessionLog.START))
        self.flush()

    def add(self, summary: Any, step: int = 0) -> None:
        """Write a summary (curves, pictures, text) of a step."""
        self._event(summary=summary, step=step)
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Let TensorBoard see what there is."""
        with self._noted():
            self._records.flush()
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Write out what is held back, and end; a failure that was told before is not told again."""
        try:
            self._records.close()
        except OSError:
            if not self._failed:
                raise

    def _event(self, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        with self._noted():
            self._records.write(Event(wall_time=time.time(), **content).SerializeToString())

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self._failed = True
            raise
