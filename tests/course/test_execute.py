import json
import os

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from workbook.core.errors import DataError, WorkbookError
from workbook.course.execute import execute_notebooks, read_summary, trimmed

FIGURE = """
from IPython.display import Image, display
import io
from PIL import Image as Picture
for grey in (0, 255):
    Picture.new("L", (8, 8), grey).save(file := io.BytesIO(), "PNG")
    display(Image(file.getvalue()))
"""
SUMMARY = """
import json, os, pathlib
pathlib.Path("runs").mkdir()
own = {name: os.environ.get(f"WORKBOOK_{name.upper()}") for name in ("data", "portraits")}
print(json.dumps(own | {"backend": os.environ["MPLBACKEND"]}))
"""


def write(path, *cells):
    path.parent.mkdir(exist_ok=True)
    notebook = new_notebook(cells=list(cells), metadata={"kernelspec": {"name": "gone", "display_name": "x"}})
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "mine"
    for name in ("Tp/a.png", "Gt/a_gt.png", "Au/b.png"):
        (folder / name).parent.mkdir(parents=True)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / name)
    return folder


def test_copies_figures_and_summary(tmp_path, data, monkeypatch):
    monkeypatch.setenv("WORKBOOK_DATA", "left over")
    monkeypatch.setenv("WORKBOOK_PORTRAITS", "left over")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    write(tmp_path / "nb/02_b.ipynb", new_code_cell(SUMMARY, metadata={"tags": ["summary"], "x": 1}))
    cells = (new_markdown_cell("a"), new_code_cell("1"), new_code_cell(FIGURE))
    write(tmp_path / "nb/01_a.ipynb", *cells)
    out, before, lines = tmp_path / "out", (tmp_path / "nb/01_a.ipynb").read_bytes(), []
    (out / "figures").mkdir(parents=True)
    (out / "figures/01_a_09_1.png").touch()  # of an earlier run
    summary = execute_notebooks(out, data, notebooks=tmp_path / "nb", report=lines.append)
    assert (summary["data"], summary["portraits"]) == (str(data), None)
    assert "inline" in summary["backend"]
    assert json.loads((out / "summary.json").read_text()) == summary
    assert sorted(path.name for path in (out / "figures").iterdir()) == ["01_a_02_1.png", "01_a_02_2.png"]
    with Image.open(out / "figures/01_a_02_2.png") as picture:
        assert picture.getpixel((0, 0)) == 255
    assert (out / "runs").is_dir()
    assert nbformat.read(out / "01_a.ipynb", 4).cells[1].outputs[0].data == {"text/plain": "1"}
    assert nbformat.read(out / "02_b.ipynb", 4).cells[0].metadata == {"tags": ["summary"]}
    assert (tmp_path / "nb/01_a.ipynb").read_bytes() == before
    assert lines[0] == "01_a.ipynb ..."
    assert sorted(path.name for path in data.rglob("*") if path.is_file()) == ["a.png", "a_gt.png", "b.png"]


def test_no_kernel_is_left_running(tmp_path):
    cell = new_code_cell("import os, pathlib; pathlib.Path('pid').write_text(str(os.getpid()))")
    write(tmp_path / "nb/01_a.ipynb", cell)
    execute_notebooks(tmp_path / "out", notebooks=tmp_path / "nb")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "out/pid").read_text()), 0)


def test_store_puts_the_outputs_back(tmp_path):
    file = write(
        tmp_path / "nb/01_a.ipynb", new_code_cell("import os; os.environ.get('WORKBOOK_DATA', 'none')")
    )
    execute_notebooks(tmp_path / "out", store=True, notebooks=tmp_path / "nb")
    stored = nbformat.read(file, 4)
    assert stored.cells[0].outputs[0].data["text/plain"] == "'none'"
    assert stored.metadata.language_info == {"name": "python"}


def test_an_error_names_notebook_and_cell(tmp_path):
    cells = (new_markdown_cell("a"), new_code_cell("1"), new_code_cell("raise KeyError('lost\\nthere')"))
    file = write(tmp_path / "nb/01_a.ipynb", *cells)
    before = file.read_bytes()
    with pytest.raises(WorkbookError, match=r"^01_a.ipynb, cell 2: KeyError: 'lost.*there'") as caught:
        execute_notebooks(tmp_path / "out", store=True, notebooks=tmp_path / "nb")
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == before
    assert not (tmp_path / "out/summary.json").exists()
    assert (tmp_path / "out/01_a.failed.ipynb").is_file()


def nowhere(folder):
    return folder / "nowhere", "no such folder"


def a_file(folder):
    return folder / "Tp/a.png", "is a file"


def empty(folder):
    (folder / "new").mkdir()
    return folder / "new", "is empty"


def no_masks(folder):
    (folder / "Gt/a_gt.png").unlink()
    return folder, "no masks"


def strange_masks(folder):
    (folder / "Gt/a_gt.png").rename(folder / "Gt/z.png")
    return folder, "no mask belongs"


@pytest.mark.parametrize("spoil", [nowhere, a_file, empty, no_masks, strange_masks])
def test_bad_data_fail_before_anything_runs(tmp_path, data, spoil):
    write(tmp_path / "nb/01_a.ipynb", new_code_cell("1"))
    folder, why = spoil(data)
    with pytest.raises(DataError, match=why) as caught:
        execute_notebooks(tmp_path / "out", folder, notebooks=tmp_path / "nb")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_into_the_data(tmp_path, data):
    write(tmp_path / "nb/01_a.ipynb", new_code_cell("1"))
    with pytest.raises(DataError, match="inside the data"):
        execute_notebooks(data / "out", data, notebooks=tmp_path / "nb")
    assert not (data / "out").exists()


def test_portraits_reach_the_notebook(tmp_path, data):
    write(tmp_path / "nb/05_a.ipynb", new_code_cell(SUMMARY, metadata={"tags": ["summary"]}))
    summary = execute_notebooks(tmp_path / "out", notebooks=tmp_path / "nb", portraits=data)
    assert (summary["data"], summary["portraits"]) == (None, str(data))


@pytest.mark.parametrize("name", ["data", "portraits"])
def test_own_data_are_never_stored(tmp_path, data, name):
    write(tmp_path / "nb/01_a.ipynb", new_code_cell("1"))
    with pytest.raises(DataError, match="leave it or STORE out"):
        execute_notebooks(tmp_path / "out", store=True, notebooks=tmp_path / "nb", **{name: data})


def test_no_notebooks_and_no_place(tmp_path):
    with pytest.raises(DataError, match="holds no notebooks"):
        execute_notebooks(tmp_path / "out", notebooks=tmp_path)
    write(tmp_path / "nb/01_a.ipynb", new_code_cell("1"))
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        execute_notebooks(tmp_path / "file", notebooks=tmp_path / "nb")


def test_trimming_leaves_tags_and_outputs():
    cell = new_code_cell("1", metadata={"tags": ["t"], "execution": {"iopub.execute_input": "now"}})
    notebook = new_notebook(cells=[cell], metadata={"language_info": {"name": "python", "version": "3.11.7"}})
    small = trimmed(notebook)
    assert small.cells[0].metadata == {"tags": ["t"]}
    assert "version" not in small.metadata.language_info
    assert notebook.cells[0].metadata.execution


def test_of_a_widget_the_picture_is_stored_and_the_live_view_is_not():
    data = {
        "text/plain": "w",
        "image/png": "AA==",
        "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
    }
    cell = new_code_cell("1", outputs=[nbformat.v4.new_output("display_data", data)])
    kept = trimmed(new_notebook(cells=[cell])).cells[0].outputs[0].data
    assert sorted(kept) == ["image/png", "text/plain"]


def test_of_a_bar_its_moving_states_are_left_out():
    texts = ["\repoch 1:  50%", "\r         ", "\repoch 1, loss 0.5\n", "done\n", "no end of line"]
    outputs = [new_output("stream", name="stderr", text=text) for text in texts]
    (cell,) = trimmed(new_notebook(cells=[new_code_cell("fit()", outputs=outputs)])).cells
    assert ["".join(output.text) for output in cell.outputs] == texts[2:]


def test_a_summary_is_json():
    cell = new_code_cell("", metadata={"tags": ["summary"]})
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="nonsense")]
    with pytest.raises(WorkbookError, match="one JSON object"):
        read_summary(new_notebook(cells=[cell]), "03")
