"""The notebooks in a real JupyterLab: Run All, no error, and each widget that they show answers to a key.

In one folder and in order, because notebook 4 evaluates the run that notebook 3 leaves. Data and runs that an
earlier execution left in `notebooks/` are copied along.
"""

import shutil
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.browser
WIDGETS = ("PairBrowser", "FaultReviewer", "ThresholdSlider", "RobustnessSlider", "CheckpointCompare")
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
SECONDS = 1500  # notebook 3 trains


@pytest.fixture(scope="module")
def work(lab):
    """The folder of the Lab with a copy of the notebooks, and of what an earlier run of them has left."""
    for file in NOTEBOOKS.glob("*.ipynb"):
        lab.write(file.name, nbformat.read(file, as_version=4).cells)
    for folder in ("data", "runs"):
        if (NOTEBOOKS / folder).is_dir():
            shutil.copytree(NOTEBOOKS / folder, lab.folder / folder)
    return lab.folder


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n.startswith("03") else n for n in NAMES]
)
def test_run_all(name, work, open_notebook):
    if name.startswith("04") and not any((work / "runs").glob("*/best")):
        pytest.skip("needs a run of notebook 3: make test-browser, or pytest --nbval notebooks before")
    notebook = open_notebook(name)
    saved = notebook.run_all(SECONDS)
    code = [cell for cell in saved.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, start=1):
        failed = [output.ename for output in cell.outputs if output.output_type == "error"]
        expected = "raises-exception" in cell.metadata.get("tags", [])
        assert bool(failed) == expected, f"cell {number}: {failed}"
        assert cell.execution_count == number
    sources = "\n".join(cell.source for cell in code)
    panels = notebook.panels()
    assert bool(panels) == any(f"{widget}(" in sources for widget in WIDGETS)
    for number, panel in enumerate(panels):
        stem = f"{Path(name).stem}_{number + 1}"
        panel.screenshot(f"{stem}_before")
        for label, can_go_on in panel.sliders().items():
            before = panel.text
            panel.press(label, "ArrowRight" if can_go_on else "ArrowLeft", picture=False)
            assert panel.text != before, f"{label} of widget {number + 1} changes no text"
        panel.screenshot(f"{stem}_after")
