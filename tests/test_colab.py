"""The setup of the notebooks' first cells: on Colab, which has torch and not the workbook, and elsewhere."""

import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import types
import venv
from pathlib import Path

import nbformat
import pytest
import torch

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
END = "# End of the setup, which is the same in all notebooks.\n"
LIBRARY = '"imdl-workbook @ git+https://github.com/imdl-workbook/workbook"'
KEPT = ("torch", "torchvision", "numpy")


def first_cell(path):
    return next(cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code")


def setup(drive=False):
    source = first_cell(NOTEBOOKS[0]).source.split(END)[0]
    assert source.count("DRIVE = False") == source.count(LIBRARY) == 1
    return source.replace("DRIVE = False", "DRIVE = True") if drive else source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_all_notebooks_begin_with_the_same_setup(path):
    cell = first_cell(path)
    assert cell.source.split(END)[0] == setup()
    assert cell.outputs[0].text.startswith("runs on the CPU\n")


@pytest.fixture
def installs(monkeypatch):
    """The commands that the setup would run."""
    commands = []
    monkeypatch.setattr(subprocess, "run", lambda command, **options: commands.append(command))
    monkeypatch.setenv("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    return commands


def test_elsewhere_it_installs_nothing_and_names_the_device(installs, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    exec(setup(), {})
    assert installs == []
    assert capsys.readouterr().out == "runs on the CPU\n"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    exec(setup(), {})
    assert capsys.readouterr().out == "runs on 1 GPU(s)\n"


def test_what_is_there_is_asked_for_as_it_is(installs, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    exec(setup(), {})
    (command,) = installs
    assert command[:5] == [sys.executable, "-m", "pip", "install", "-q"]
    assert command[5:-1] == [f"{name}=={importlib.metadata.version(name)}" for name in KEPT]
    assert command[-1] == json.loads(LIBRARY)


def test_drive_holds_data_and_runs(installs, monkeypatch):
    mounted, made, entered = [], [], []
    colab = types.SimpleNamespace(drive=types.SimpleNamespace(mount=mounted.append))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    monkeypatch.setattr(os, "makedirs", lambda path, exist_ok: made.append(path))
    monkeypatch.setattr(os, "chdir", entered.append)
    exec(setup(drive=True), {})
    assert mounted == ["/content/drive"]
    assert made == entered == ["/content/drive/MyDrive/workbook"]


def run(*words, **options):
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def build_wheel(folder):
    """The project as a wheel, made of a copy so that nothing is left behind."""
    source = folder / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("workbook", "exercises"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = project.replace('version = "0.1.0"', 'version = "0.1.0+here"')  # not the one that tests run in
    (source / "pyproject.toml").write_text(project, encoding="utf-8")
    code = f"from setuptools.build_meta import build_wheel; build_wheel({str(folder)!r})"
    run(sys.executable, "-c", code, cwd=source)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="as Colab is")
def test_a_runtime_with_torch_gets_the_workbook_and_keeps_its_torch(tmp_path):
    """An environment with all packages of this one but the workbook, and no network; then the first cell."""
    wheel = build_wheel(tmp_path)
    venv.create(tmp_path / "colab")
    python = tmp_path / "colab/bin/python"
    (own,) = (tmp_path / "colab").glob("lib/python*/site-packages")
    packages = {str(Path(module.__file__).parents[1]) for module in (torch, nbformat)}
    (own / "there.pth").write_text("\n".join(packages))  # no .pth in them is read: the workbook is not found
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PIP"))}
    environment |= {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "MPLBACKEND": "Agg"}
    options = {"cwd": tmp_path, "env": environment}
    cell = first_cell(NOTEBOOKS[0]).source.replace(LIBRARY, repr(str(wheel)))
    told = "import torch, workbook\nprint(torch.__version__, torch.__file__, workbook.__file__, sep='|')"
    show = cell.split("DATA = ")[0] + told  # what comes after the imports writes the dataset
    said = run(python, "-c", show, **options).splitlines()
    version, torch_file, workbook_file = said[-1].split("|")
    assert said[-2].startswith("runs on ")
    assert (version, torch_file) == (torch.__version__, torch.__file__)
    assert Path(workbook_file).is_relative_to(own)
    names = {path.name.split("-")[0] for path in own.glob("*.dist-info")}
    assert names == {"imdl_workbook"}
    # The wheel brings the exercises: an installation lays out the same folder as a clone.
    run(python, "-m", "workbook", "init", "mine", **options)
    assert (tmp_path / "mine/01_data_prep.ipynb").read_bytes() == (
        ROOT / "exercises/01_data_prep.ipynb"
    ).read_bytes()
    assert (tmp_path / "mine/my_model.py").is_file()
