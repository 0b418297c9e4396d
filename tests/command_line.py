"""Runs the command as a user does, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def command(*words, launcher=("-m",), cwd=None, code=0, stdin=None):
    """`python -m workbook WORDS`; the exit code must be `code` or one of it, and no traceback appears."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}
    done = subprocess.run(
        [sys.executable, *launcher, "workbook", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
        stdin=stdin,
        timeout=200,
    )
    codes = code if isinstance(code, tuple) else (code,)
    assert done.returncode in codes, (words, done.returncode, done.stdout[-1500:], done.stderr[-3000:])
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done
