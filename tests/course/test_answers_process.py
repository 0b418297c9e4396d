"""One process for most of it, since its start takes seconds; a second for what ends it."""

import io
import os
import time
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from workbook.checks.verdict import NotDone, WrongAnswer
from workbook.course.answers_process import AnswersProcess, Lost
from workbook.course.limited_process import Limits

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the limits are those of POSIX")
SOURCE = """
def where(): return os.getcwd(), os.listdir("."), dict(os.environ)
def total(net, image): return net(image).sum()
def stub(): raise NotImplementedError()
def greedy(): return bytearray(3 * 2**30)
def loss(pred_mask, mask): return (pred_mask * mask).sum()
def endless():
    while True: pass
def shouts():
    os.write(4, b"x" * 2**20); print("x" * 2**20); return 1
def asks(): return input()
def holds_itself():
    found = []; found.append(found); return found
def ends(): os._exit(3)
"""
WRAPS = {"2.4": ("workbook.checks.nb02_model", "soft_iou")}


@pytest.fixture(scope="module")
def process():
    with AnswersProcess(["import os"], WRAPS, Limits(seconds=300.0)) as process:
        process.load(["import os"], [SOURCE], "Exercise 1.1")
        yield process


def test_it_works_in_an_empty_folder_with_a_bare_environment(process, monkeypatch):
    folder, held, environment = process.call("where", (), "")
    assert os.path.basename(folder).startswith("trial-")
    assert [name for name in held if not name.startswith("torchinductor")] == []  # torch's own
    assert set(environment) & {"GITHUB_TOKEN", "SSH_AUTH_SOCK"} == set()
    assert environment["HOME"] == environment["TMPDIR"] == folder


def test_modules_go_in_and_tensors_come_out(process):
    net = nn.Conv2d(1, 1, 1)
    image = torch.ones(1, 1, 2, 2)
    assert torch.allclose(process.call("total", (net, image), ""), net(image).sum().detach())


def test_a_wrapped_exercise_is_wrapped_over_there(process):
    outputs = process.call("loss", (torch.ones(1, 1, 1, 2), torch.ones(1, 1, 1, 2)), "", "2.4")
    assert outputs["gradient"].tolist() == [[[[1, 1]]]]


def test_stubs_and_failures_are_told(process):
    with pytest.raises(NotDone):
        process.call("stub", (), "Exercise 1.1")
    with pytest.raises(WrongAnswer, match=r"Exercise 1\.1: the answer stops with MemoryError"):
        process.call("greedy", (), "Exercise 1.1")
    with pytest.raises(WrongAnswer, match="reading /etc/hostname"):
        process.load([], ["open('/etc/hostname')"], "")
    with pytest.raises(WrongAnswer, match="does not define where"):  # of the answer before
        process.call("where", (), "")
    assert process.take_refused() == ["reading /etc/hostname"]
    assert process.take_refused() == []
    process.load(["import os"], [SOURCE], "")


def test_what_it_writes_beside_its_replies_is_passed_over(process):
    assert process.call("shouts", (), "") == 1
    with pytest.raises(WrongAnswer, match="EOFError"):  # the questions are not for answers to read
        process.call("asks", (), "Exercise 1.1")
    with pytest.raises(WrongAnswer, match="cannot be read: RecursionError"):
        process.call("holds_itself", (), "Exercise 1.1")


def said(**changed):
    """A process that has not been started, and what it is taken to say."""
    process = AnswersProcess([], {}, Limits(seconds=60.0))
    process._process, process._ready = SimpleNamespace(stdin=io.BytesIO()), True
    process._end_of_exercise = time.monotonic() + 60
    message = {"late": False, "refused": [], "reply": '{"dict": [["result", 1]]}'} | changed
    process.next_message = lambda seconds: message
    return process


@pytest.mark.parametrize(
    "changed", [{"reply": "["}, {"reply": None}, {"reply": '{"dict": []}'}, {"refused": 3}]
)
def test_what_the_process_itself_would_not_say_loses_it(changed):
    assert said().call("f", (), "") == 1
    with pytest.raises(Lost, match="writes where only the process itself should"):
        said(**changed).call("f", (), "")


def test_what_comes_late_and_what_was_refused():
    with pytest.raises(Lost, match="never ends"):
        said(late=True).call("f", (), "")
    process = said(refused=["x" * 999] * 99)
    process.call("f", (), "")
    assert process.take_refused() == ["x" * 200] * 20
    process._end_of_exercise = time.monotonic() - 1
    with pytest.raises(Lost, match="all inputs together take longer than 60 s"):
        process.call("f", (), "")


def test_a_process_that_ends_or_never_answers_is_lost():
    with AnswersProcess(["import os"], {}, Limits(seconds=3.0)) as process:
        process.load(["import os"], [SOURCE], "")
        with pytest.raises(Lost, match="never ends"):
            process.call("endless", (), "")
        process.load(["import os"], [SOURCE], "")
        with pytest.raises(Lost, match="ends the process"):
            process.call("ends", (), "")
        with pytest.raises(Lost):
            process.call("where", (), "")
        folder = process._folder.name
    assert not os.path.exists(folder)
