import json
import subprocess
import sys

import pytest

from workbook.cli import main
from workbook.commands import doctor


def test_all_is_well_here(capsys):
    assert main(["doctor", "--json"]) == 0
    found = {one["what"]: one for one in json.loads(capsys.readouterr().out)}
    assert {"python", "torch", "device", "memory", "disk", "notebooks", "widgets"} <= found.keys()
    assert "missing" not in {one["state"] for one in found.values()}
    import torch

    assert found["torch"]["found"].split("+")[0] == torch.__version__.split("+")[0]
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(found)
    assert all(line.startswith(("ok", "advice")) for line in lines)


def test_without_torch_it_says_so_and_what_to_do():
    # what is not installed cannot be imported, nor has it a version
    code = """
import importlib.metadata as metadata, sys
for name in ("torch", "psutil", "ipywidgets"): sys.modules[name] = None
version = metadata.version
def gone(name):
    if name in ("torch", "psutil", "ipywidgets"): raise metadata.PackageNotFoundError(name)
    return version(name)
metadata.version = gone
from workbook.cli import main
sys.exit(main(["doctor"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert any(line.startswith("MISSING  torch        not installed; pip install 'torch>=") for line in lines)
    assert any(line.startswith("MISSING  device       torch cannot be imported") for line in lines)
    assert any("widgets" in line and line.startswith("MISSING") for line in lines)
    assert done.stderr == ""


def test_an_old_version_is_missing(monkeypatch):
    monkeypatch.setattr(
        doctor.importlib.metadata, "requires", lambda name: ["numpy>=999", 'ruff; extra == "dev"']
    )
    found = [one for one in doctor.examine() if one.what == "numpy"]
    assert [one.state for one in found] == ["missing"]
    assert found[0].remedy == "pip install --upgrade 'numpy>=999'"


@pytest.mark.parametrize(
    ("name", "value", "what", "said"),
    [
        ("MEMORY", 10**9, "memory", "use a smaller --batch-size"),
        ("DISK", 10**9, "disk", "free some before you train"),
    ],
)
def test_little_room_is_advised_of(monkeypatch, name, value, what, said):
    monkeypatch.setattr(doctor, name, value)
    (found,) = [one for one in doctor.examine() if one.what == what]
    assert found.state == "advice"
    assert said in found.remedy


def test_a_look_that_fails_is_a_finding(monkeypatch):
    def _broken():
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(doctor, "_disk", _broken)
    found = [one for one in doctor.examine() if one.what == "broken"]
    assert [one.found for one in found] == ["cannot be looked at (RuntimeError: two lines)"]
