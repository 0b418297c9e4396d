"""The audit hook cannot be taken back, so that each trial of it has a Python of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, os, sys, pathlib, shutil, socket, subprocess
from workbook.course.guard import stand_guard
refused = stand_guard(os.getcwd())
results = []
for source in json.loads(sys.argv[1]):
    try:
        exec(source)
        results.append("fine")
    except PermissionError as error:
        results.append(str(error))
print(json.dumps([results, refused]))
"""


def guarded(folder, *sources):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(sources)],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin"},
        check=True,
    )
    return json.loads(done.stdout)


def test_its_own_folder_the_packages_and_nothing_else(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.txt").write_text("42")
    (inside / "link").symlink_to(outside / "secret.txt")
    (inside / "own.txt").touch()
    (tmp_path / "inside too").mkdir()
    secret = str(outside / "secret.txt")
    allowed = [
        "open('mine.txt', 'w').write('1'); open('mine.txt').read(); os.listdir('.'); os.remove('mine.txt')",
        "import colorsys, sqlite3; import numpy.fft",
        "[os.listdir(place) for place in sys.path if os.path.isdir(place)]",
        "open('/dev/null', 'w').write('x'); open('/dev/urandom', 'rb').read(1)",
    ]
    forbidden = [
        f"open({secret!r}).read()",
        "open('link').read()",
        "open('../outside/secret.txt', 'a')",
        f"pathlib.Path({str(outside / 'new.txt')!r}).write_text('x')",
        f"os.listdir({str(outside)!r})",
        f"os.scandir({str(outside)!r})",
        f"open({str(tmp_path / 'inside too/new.txt')!r}, 'w')",
        "open(json.__file__, 'a')",
        "os.open(json.__file__, os.O_WRONLY)",
        f"os.remove({secret!r})",
        f"os.rename({secret!r}, 'mine.txt')",
        f"os.rename('own.txt', {secret!r})",
        f"os.link({secret!r}, 'mine.txt')",
        f"os.link('own.txt', {str(outside / 'new.txt')!r})",
        f"os.mkdir({str(outside / 'new')!r})",
        f"os.rmdir({str(outside)!r})",
        f"os.truncate({secret!r}, 0)",
        f"os.chmod({secret!r}, 0o600)",
        f"os.chown({secret!r}, -1, -1)",
        f"os.utime({secret!r})",
        f"import ctypes; ctypes.CDLL({secret!r})",
        f"shutil.rmtree({str(outside)!r})",
        f"os.symlink({str(outside)!r}, 'second')",
        "os.symlink('own.txt', 'second')",
        "os.fork()",
        "os.forkpty()",
        "os.execv('/bin/true', ['true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.spawnv(os.P_WAIT, '/bin/true', ['true'])",
        "import pty; pty.spawn('true')",
        "os.system('true')",
        "subprocess.run(['true'])",
        "os.kill(os.getppid(), 0)",
        "os.killpg(os.getpgid(0), 0)",
        "socket.socket().connect(('127.0.0.1', 9))",
        "socket.socket().bind(('127.0.0.1', 0))",
        "socket.getaddrinfo('127.0.0.1', 9)",
        "socket.create_connection(('127.0.0.1', 9))",
        "import workbook.checks.nb01_names",
        f"os.open({secret!r}, os.O_WRONLY)",
    ]
    if hasattr(os, "setxattr"):  # Linux
        forbidden += [f"os.setxattr({secret!r}, 'user.a', b'1')", f"os.removexattr({secret!r}, 'user.a')"]
    assert guarded(inside, *allowed) == [["fine"] * len(allowed), []]
    results, refused = guarded(inside, *allowed, *forbidden)
    assert results[: len(allowed)] == ["fine"] * len(allowed)
    assert [r for r in results[len(allowed) :] if not r.startswith("not in an exercise: ")] == []
    assert (outside / "secret.txt").read_text() == "42"
    assert refused[0] == f"reading {(outside / 'secret.txt').resolve()}"
    assert len(refused) == len(set(refused)) == 20  # so many are told, each once


@pytest.mark.parametrize("name", ["README.md", "notebooks/01_data_prep.ipynb"])
def test_the_project_around_the_package_is_outside(tmp_path, name):
    results, _ = guarded(tmp_path, f"open({str(Path(__file__).parents[2] / name)!r}).read()")
    assert results[0].startswith("not in an exercise: reading ")
