import os
import queue
import time
from types import SimpleNamespace

import psutil
import pytest

from workbook.course import limited_process
from workbook.course.limited_process import MARK, LimitedProcess, Limits, Stopped

SLEEPER = [__import__("sys").executable, "-c", "import time; time.sleep(100)"]
posix = pytest.mark.skipif(os.name != "posix", reason="sessions and process groups")


def running(code, **limits):
    return LimitedProcess("limited_jobs", {"code": code}, Limits(**limits))


def is_alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_its_folder_is_empty_and_goes_with_it(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    code = "import os; say(folder=os.getcwd(), files=os.listdir(), env=dict(os.environ)); open('a', 'w')"
    with running(code) as process:
        said = process.next_message(60)
    assert said["files"] == []
    assert not os.path.exists(said["folder"])
    assert os.path.realpath(said["env"]["HOME"]) == os.path.realpath(said["folder"])
    assert "SECRET_TOKEN" not in said["env"]


def test_only_messages_with_the_key_are_read():
    forged = """import sys
print('nonsense'); print('[1]'); print('{"key": "guess", "n": 0}'); print('[' * 100000)
sys.stdout.write('x' * (3 << 20) + '\\n')
say(n='x' * (1 << 20))  # longer than any of ours
say(n=1)"""
    with running(forged) as process:
        assert process.next_message(60)["n"] == 1


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import time; time.sleep(100)", "no answer in time"),
        ("import os; os._exit(0)", "ends the process"),
        ("raise SystemExit", "ends the process"),
        ("while True: print('x' * 1000)", "no answer in time"),
    ],
)
def test_silence_and_an_end_are_told(code, told):
    with running(code) as process, pytest.raises(Stopped, match=told):
        process.next_message(2 if "time" in told else 60)
    assert not is_alive(process._process.pid)


@posix
def test_what_it_started_ends_with_it_also_in_another_session():
    code = f"""import subprocess
kinds = ({{}}, {{"start_new_session": True}}, {{"env": {{}}}})  # by mark and session, by mark, by session
say(pids=[subprocess.Popen({SLEEPER!r}, **kind).pid for kind in kinds])
"""
    with running(code) as process:
        pids = process.next_message(60)["pids"]
        assert all(map(is_alive, pids))
    assert not any(map(is_alive, pids))


@posix
def test_what_gets_away_holds_nobody_up():
    code = f"import subprocess; say(pid=subprocess.Popen({SLEEPER!r}, env={{}}, start_new_session=True).pid)"
    started = time.monotonic()
    with running(code) as process:
        pid = process.next_message(60)["pid"]
    assert time.monotonic() - started < 90  # it sleeps for 100
    os.kill(pid, 9)


@posix
@pytest.mark.parametrize("session", [False, True])
def test_too_many_processes_are_stopped_at_once(session):
    code = f"""import subprocess, time
for _ in range(12): subprocess.Popen({SLEEPER!r}, start_new_session={session})
time.sleep(100)"""
    started = time.monotonic()
    with running(code, processes=4) as process, pytest.raises(Stopped, match="too many processes"):
        process.next_message(90)
    assert time.monotonic() - started < 90
    marks = [p.info["environ"] for p in psutil.process_iter(["environ"])]
    assert not any((mark or {}).get(MARK) == process._mark for mark in marks)


def test_a_message_waits_for_nobody_longer_than_asked(monkeypatch):
    waited = []

    def get(timeout):
        waited.append(timeout)
        raise queue.Empty

    monkeypatch.setattr(limited_process, "LOOK_EVERY", 10.0)
    process = running("")
    process._lines = SimpleNamespace(get=get)
    process._others = lambda marked: []
    with pytest.raises(Stopped, match="no answer in time"):
        process.next_message(0.2)
    assert 0 <= min(waited) <= max(waited) <= 0.2
