"""Runs the command as a user does, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


# Several commands in one process, since each start of Python imports torch anew.
ONE_AFTER_THE_OTHER = """
import contextlib, io, json, sys
from workbook.cli import main
found = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = main(words)
    found.append([code, said.getvalue()])
print(json.dumps(found))
"""


def command(*words, launcher=("-m",), cwd=None, code=0):
    """`python -m workbook WORDS`; the exit code must be `code` or one of it, and no traceback appears."""
    done = _python([*launcher, "workbook", *map(str, words)], cwd)
    codes = code if isinstance(code, tuple) else (code,)
    assert done.returncode in codes, (words, done.returncode, done.stdout[-1500:], done.stderr[-3000:])
    return done


def commands(*several, cwd=None):
    """Several `workbook WORDS` in one process: each one's exit code and standard output."""
    words = json.dumps([[str(word) for word in one] for one in several])
    done = _python(["-c", ONE_AFTER_THE_OTHER, words], cwd)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def _python(words, cwd):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}
    done = subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
        timeout=200,
    )
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done
