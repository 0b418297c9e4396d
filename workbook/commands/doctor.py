"""The `workbook doctor` verb: what is installed and there, whether it is enough, and what to do if not.

Imports nothing that may be missing without being ready for that: it is for machines on which things are
broken.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from workbook.commands.output import add_json, print_json

EPILOG = """exit code: 0 all that is needed is there, 1 something is missing
examples:
  workbook doctor
  workbook doctor --json > report.json"""
GIB = 2**30
MEMORY, DISK = 2, 2  # GiB: what the notebooks take, and what they and a few runs write
SIGNS = {"ok": "ok     ", "advice": "advice ", "missing": "MISSING"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: it is.
        state: "ok", "advice" (works without it, or slowly) or "missing" (something needed is not there).
        found: what is there.
        remedy: what to do about it; empty where all is well.
    """

    what: str
    state: str
    found: str
    remedy: str = ""


def build(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Give a parser the arguments of `workbook doctor`; returns what runs it."""
    parser.epilog = EPILOG
    add_json(parser)
    return run


def run(args: argparse.Namespace) -> int:
    """Look at everything and print it; returns 1 where something needed is missing."""
    found = examine()
    if args.json:
        print_json([asdict(one) for one in found])
    else:
        for one in found:
            remedy = f"; {one.remedy}" if one.remedy else ""
            sys.stdout.write(f"{SIGNS[one.state]}  {one.what:12} {one.found}{remedy}\n")
    return int(any(one.state == "missing" for one in found))


def examine() -> list[Finding]:
    """All findings, in an order to read them in; a look that fails is a finding itself."""
    found: list[Finding] = []
    for look in (_python, _packages, _device, _memory, _disk, _notebooks, _widgets, _pictures, _extras):
        try:
            found += look()
        except Exception as error:  # noqa: BLE001 (whatever is broken here is what this is for)
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            found.append(Finding(look.__name__.strip("_"), "missing", f"cannot be looked at ({reason})"))
    return found


def _python() -> Iterator[Finding]:
    yield Finding("system", "ok", f"{platform.platform()}, {os.cpu_count()} CPU cores")
    version = platform.python_version()
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        yield Finding("python", "missing", version, "needs Python 3.10 to 3.13: make an environment of one")
    else:
        yield Finding("python", "ok", f"{version} ({sys.executable})")


def _packages() -> Iterator[Finding]:
    """The package itself, and each of its dependencies with the version that it asks for."""
    try:
        version = importlib.metadata.version("imdl-workbook")
        requirements = importlib.metadata.requires("imdl-workbook") or []
    except importlib.metadata.PackageNotFoundError:
        yield Finding("workbook", "missing", "not installed", "pip install -e . in its folder")
        return
    yield Finding("workbook", "ok", f"{version} ({Path(__file__).parents[1]})")
    for requirement in requirements:
        if "extra ==" in requirement:
            continue
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        bound = requirement.split(";")[0].strip()
        try:
            there = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "missing", "not installed", f"pip install '{bound}'")
            continue
        if _fits(bound, there):
            yield Finding(name, "ok", there)
        else:
            yield Finding(name, "missing", f"{there}, too old", f"pip install --upgrade '{bound}'")


def _fits(bound: str, version: str) -> bool:
    try:
        from packaging.requirements import Requirement
    except ImportError:  # then only that it is there can be said
        return True
    return Requirement(bound).specifier.contains(version, prereleases=True)


def _device() -> Iterator[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a library of it is broken
        reason = " ".join(str(error).split())
        yield Finding(
            "device", "missing", f"torch cannot be imported ({reason})", "pip install torch torchvision"
        )
        return
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            card = torch.cuda.get_device_properties(number)
            yield Finding("device", "ok", f"cuda:{number} {card.name}, {card.total_memory / GIB:.0f} GiB")
    elif torch.backends.mps.is_available():
        yield Finding("device", "ok", "mps (Apple GPU)")
    elif shutil.which("nvidia-smi"):
        built = (
            f"torch is built for CUDA {torch.version.cuda}"
            if torch.version.cuda
            else "torch is built for CPUs"
        )
        remedy = "see if nvidia-smi works, then install the torch build that fits its driver"
        yield Finding("device", "advice", f"cpu, though there is an NVIDIA driver; {built}", remedy)
    else:
        threads = torch.get_num_threads()
        yield Finding("device", "ok", f"cpu, {threads} threads; all notebooks run, training is small")


def _memory() -> Iterator[Finding]:
    if importlib.util.find_spec("psutil") is None:
        yield Finding("memory", "advice", "cannot be told", "pip install psutil")
        return
    memory = importlib.import_module("psutil").virtual_memory()
    said = f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free"
    short = memory.available < MEMORY * GIB
    remedy = f"below {MEMORY} GiB: close other programs, or use a smaller --batch-size" if short else ""
    yield Finding("memory", "advice" if short else "ok", said, remedy)


def _disk() -> Iterator[Finding]:
    here = Path.cwd()
    free = shutil.disk_usage(here).free
    said = f"{free / GIB:.1f} GiB free at {here}"
    if not os.access(here, os.W_OK):
        yield Finding(
            "disk", "advice", f"{here} cannot be written", "change to a folder of yours, or give --out"
        )
    elif free < DISK * GIB:
        yield Finding("disk", "advice", said, f"below {DISK} GiB: free some before you train")
    else:
        yield Finding("disk", "ok", said)


def _notebooks() -> Iterator[Finding]:
    missing = _not_importable("jupyterlab", "nbclient", "nbformat", "ipykernel")
    if missing:
        yield Finding(
            "notebooks", "missing", f"without {', '.join(missing)}", f"pip install {' '.join(missing)}"
        )
        return
    from jupyter_client.kernelspec import KernelSpecManager

    kernels = KernelSpecManager().find_kernel_specs()
    if "python3" not in kernels:
        remedy = "python -m ipykernel install --sys-prefix"
        yield Finding("notebooks", "missing", "no kernel called python3", remedy)
    else:
        yield Finding("notebooks", "ok", f"JupyterLab, kernel python3 at {kernels['python3']}")


def _widgets() -> Iterator[Finding]:
    missing = _not_importable("ipywidgets")
    if missing:
        yield Finding(
            "widgets", "missing", "without ipywidgets", "pip install ipywidgets, and restart JupyterLab"
        )
        return
    folders = [Path(sys.prefix) / "share" / "jupyter"]
    if not _not_importable("jupyter_core"):
        from jupyter_core.paths import jupyter_path

        folders = [Path(folder) for folder in jupyter_path()]
    extension = Path("labextensions", "@jupyter-widgets", "jupyterlab-manager")
    if any((folder / extension).is_dir() for folder in folders):
        yield Finding("widgets", "ok", "ipywidgets and its JupyterLab extension")
    else:
        remedy = "pip install --force-reinstall jupyterlab-widgets, and restart JupyterLab"
        yield Finding("widgets", "missing", "JupyterLab's extension for them is not there", remedy)


def _pictures() -> Iterator[Finding]:
    missing = _not_importable("matplotlib", "skimage", "tensorboard")
    if missing:
        yield Finding(
            "pictures", "advice", f"without {', '.join(missing)}", "pip install -e . in the project"
        )
    else:
        yield Finding("pictures", "ok", "figures, the embedded datasets, TensorBoard")


def _extras() -> Iterator[Finding]:
    extras = {"nbgrader": ("grading", "teach"), "jpeglib": ("DCT coefficients", "jpeg")}
    for module, (what, extra) in extras.items():
        if _not_importable(module):
            remedy = f"only if you want it: pip install 'imdl-workbook[{extra}]'"
            yield Finding(module, "ok", f"not installed (for {what})", remedy)
        else:
            yield Finding(module, "ok", f"there, for {what}")


def _not_importable(*modules: str) -> list[str]:
    """Those of the modules that Python does not find; none is imported."""

    def found(module: str) -> bool:
        try:
            return importlib.util.find_spec(module) is not None
        except (ImportError, ValueError):
            return False

    return [module for module in modules if not found(module)]
