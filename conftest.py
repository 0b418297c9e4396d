"""Makes `pytest --nbval` the whole command: kernel, sanitizing, time limit, and figures compared."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
CELL_SECONDS = 600  # nbval's own limit is 33 minutes


def pytest_configure(config):
    # The stored outputs are of the embedded dataset, and a kernel draws inline unless it is told otherwise.
    for name in ("WORKBOOK_DATA", "WORKBOOK_PORTRAITS", "MPLBACKEND"):
        os.environ.pop(name, None)
    if getattr(config.option, "nbval", False):
        config.option.nbval_current_env = True
        config.option.nbval_sanitize_with = str(ROOT / "tests/nbval_sanitize.cfg")
        config.option.nbval_cell_timeout = CELL_SECONDS


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Unit tests draw on no screen and share the cores; notebook cells use no fixtures, so not for them."""
    import torch

    monkeypatch.setenv("MPLBACKEND", "Agg")
    torch.set_num_threads(1)  # small tensors crawl when two threads wait for two busy cores


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """After nbval has compared a cell's text, compare its figures, unless it is tagged `figures-vary`."""
    result = yield
    cell = getattr(item, "cell", None)
    if cell is not None and "figures-vary" not in cell.metadata.get("tags", ()):
        from workbook.course.figures import compare_figures

        if difference := compare_figures(cell.outputs, item.test_outputs):
            raise AssertionError(f"{item.nodeid}: {difference}; look at it, then: make notebooks STORE=1")
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """All notebooks on one worker, in order: the fourth evaluates the run that the third leaves behind.

    They are the largest scope, so they start first, and the other worker has the unit tests meanwhile.
    """
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class NotebooksInOrder(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return "notebooks" if nodeid.startswith("notebooks/") else super()._split_scope(nodeid)

    return NotebooksInOrder(config, log)
