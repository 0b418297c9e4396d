"""Execute the notebooks headless: keep the copies, their figures, and what they measured."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nbformat
from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from workbook.core.errors import DataError, WorkbookError
from workbook.core.whole_files import write_whole
from workbook.course.figures import read_figures
from workbook.curation.layouts import find_pairs

CELL_SECONDS = 3600  # training on someone's own data may take long; the tests have a limit of their own
# What a stored notebook says about its kernel: what a reader needs, and nothing that differs by machine.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
LIVE_WIDGET = "application/vnd.jupyter.widget-view+json"
KEPT_CELL_METADATA = ("tags", "nbgrader", "deletable", "editable")

PathLike = str | os.PathLike[str]


class _CurrentEnvironment(KernelSpecManager):
    """Finds one kernel whatever is asked for: the interpreter that runs this."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


def execute_notebooks(
    out: PathLike,
    data: PathLike | None = None,
    store: bool = False,
    notebooks: PathLike = "notebooks",
    report: Callable[[str], None] | None = None,
    portraits: PathLike | None = None,
) -> dict[str, Any]:
    """Run all notebooks of a folder in the order of their names, each in a fresh kernel of this interpreter.

    The kernels work in `out`, so that the notebooks' own `data/` and `runs/` land there. Written are
    `out/<notebook>.ipynb` (executed), `out/figures/<notebook>_<cell>_<n>.png` (code cells counted from 1) and
    `out/summary.json`.

    Args:
        out: the folder for all that comes of it; made when missing.
        data: a folder with Tp/ Gt/ [Au/] to use in place of the embedded dataset.
        store: also put the executed notebooks, with trimmed metadata, back where they came from.
        notebooks: the folder of the notebooks.
        report: called with a line before each notebook and after it.
        portraits: a folder of portraits for notebook 5, in place of its embedded ones.

    Returns:
        What `summary.json` holds: the JSON objects that cells tagged `summary` printed, merged.

    Raises:
        DataError: `data` or `portraits` is no folder of images with masks, or `out` lies in it; nothing has
            run.
        WorkbookError: a cell failed; names the notebook and the cell.
    """
    files = sorted(Path(notebooks).glob("*.ipynb"))
    if not files:
        raise DataError(f"{notebooks}: holds no notebooks; run this at the root of the project")
    own = {"WORKBOOK_DATA": data, "WORKBOOK_PORTRAITS": portraits}
    if store and (given := data or portraits) is not None:
        raise DataError(f"{given}: stored outputs are those of the embedded dataset; leave it or STORE out")
    environment = _environment(own, Path(out))
    try:
        Path(out, "figures").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror}); choose another folder") from error
    summary: dict[str, Any] = {}
    for file in files:
        started = time.monotonic()
        if report:
            report(f"{file.name} ...")
        notebook = _execute(file, Path(out), environment)
        write_whole(Path(out, file.name), nbformat.writes(trimmed(notebook)).encode())
        _write_figures(notebook, Path(out, "figures"), file.stem)
        summary |= read_summary(notebook, file.name)
        if report:
            report(f"{file.name}: {time.monotonic() - started:.0f} s")
    write_whole(Path(out, "summary.json"), (json.dumps(summary, indent=1) + "\n").encode())
    if store:
        for file in files:
            write_whole(file, Path(out, file.name).read_bytes())
    return summary


def _environment(own: Mapping[str, PathLike | None], out: Path) -> dict[str, str]:
    """The kernels' environment; raises when a folder of one's own holds no data, before anything runs."""
    # The kernel's inline figures need its own backend.
    environment = {key: value for key, value in os.environ.items() if key not in (*own, "MPLBACKEND")}
    for name, data in own.items():
        if data is None:
            continue
        if not any(pair.mask for pair in find_pairs(data).pairs):
            raise DataError(f"{data}: no mask belongs to any image by its name; name them <image>_gt.png")
        folder = Path(os.path.abspath(data))
        if os.path.commonpath([folder, os.path.abspath(out)]) == str(folder):
            raise DataError(f"{out}: lies inside the data, which are never written to; choose another OUT")
        environment[name] = str(folder)
    return environment


def _execute(file: Path, out: Path, environment: dict[str, str]) -> nbformat.NotebookNode:
    """The notebook with the outputs of a run in `out`."""
    notebook = nbformat.read(file, as_version=4)
    manager = AsyncKernelManager(kernel_spec_manager=_CurrentEnvironment())
    client = NotebookClient(notebook, km=manager, timeout=CELL_SECONDS, record_timing=False)
    try:
        # nbclient leaves a kernel whose manager it was handed running unless it is told to clean up.
        # A cell's stderr comes as its output; the kernel's own remarks on its sockets help nobody.
        kernel = {"cwd": str(out.resolve()), "env": environment, "stderr": subprocess.DEVNULL}
        client.execute(cleanup_kc=True, **kernel)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        failed = out / f"{file.stem}.failed.ipynb"
        write_whole(failed, nbformat.writes(notebook).encode())
        raise WorkbookError(f"{file.name}, {_where(notebook, error)} (see {failed})") from error
    return notebook


def _where(notebook: nbformat.NotebookNode, error: Exception) -> str:
    """The code cell at which a run ended, and why, in one line."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    number = sum(cell.execution_count is not None for cell in cells)
    if isinstance(error, CellExecutionError):
        reason = f"{error.ename}: {error.evalue}"
    else:
        reason = str(error) or type(error).__name__
    return f"cell {number}: {' '.join(reason.split())}"


def trimmed(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy without what changes from machine to machine, so that a diff shows what changed."""
    copy = nbformat.from_dict(json.loads(nbformat.writes(notebook)))
    copy.metadata = nbformat.from_dict(METADATA)
    for cell in copy.cells:
        cell.metadata = {key: cell.metadata[key] for key in KEPT_CELL_METADATA if key in cell.metadata}
        # Without its kernel a widget would show an error in place of the picture that is stored beside it.
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(LIVE_WIDGET, None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _moving(output)]
    return copy


def _moving(output: nbformat.NotebookNode) -> bool:
    """Whether it is one state of a progress bar, which the next one was written over."""
    text = "".join(output.get("text", ""))  # a list of lines, as files hold it
    return text.startswith("\r") and "\n" not in text


def read_summary(notebook: nbformat.NotebookNode, name: str) -> dict[str, Any]:
    """The JSON objects that the cells tagged `summary` printed, merged.

    Raises:
        WorkbookError: such a cell printed something else.
    """
    merged: dict[str, Any] = {}
    for cell in notebook.cells:
        if "summary" not in cell.metadata.get("tags", ()):
            continue
        text = "".join(output.text for output in cell.outputs if output.get("name") == "stdout")
        try:
            merged |= json.loads(text)
        except (ValueError, TypeError) as error:
            raise WorkbookError(
                f"{name}: a cell tagged summary prints one JSON object, not {text!r}"
            ) from error
    return merged


def _write_figures(notebook: nbformat.NotebookNode, folder: Path, stem: str) -> None:
    """Write the pictures of a notebook, and remove those of an earlier run."""
    for old in folder.glob(f"{stem}_[0-9]*_[0-9]*.png"):
        old.unlink()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, start=1):
        for count, png in enumerate(read_figures(cell.outputs), start=1):
            (folder / f"{stem}_{number:02d}_{count}.png").write_bytes(png)
