"""A disk that is full soon, for the tests of what is written."""

import resource
import signal
from contextlib import contextmanager


@contextmanager
def small_files(largest):
    """Within it, this process writes no file of more bytes; the system says "File too large"."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
