"""Stored outputs are real: every cell was run, in order, without an error, and the files stay small."""

from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
TAGS = {"summary", "recipe", "data", "figures-vary", "nbval-ignore-output", "nbval-skip", "raises-exception"}


def complaints(notebook):
    """What is not as it must be, one line each."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    run = [cell for cell in code if "nbval-skip" not in cell.metadata.get("tags", [])]
    if [cell.execution_count for cell in run] != [code.index(cell) + 1 for cell in run]:
        yield "cells were not run once each, in order"
    for number, cell in enumerate(code, start=1):
        tags = set(cell.metadata.get("tags", []))
        if not cell.source.strip():
            yield f"cell {number} is empty"
        if unknown := tags - TAGS:
            yield f"cell {number} has tags that nothing reads: {sorted(unknown)}"
        errors = [output for output in cell.outputs if output.output_type == "error"]
        if bool(errors) != ("raises-exception" in tags):
            yield f"cell {number} stores {len(errors)} errors, tags {sorted(tags)}"
    if "version" in notebook.metadata.get("language_info", {}):
        yield "metadata name a Python version; make notebooks STORE=1 trims them"


def test_there_are_five():
    names = ["01_data_prep", "02_model", "03_train", "04_eval", "05_portraits"]
    assert [path.stem for path in NOTEBOOKS] == names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_outputs_are_real(path):
    assert list(complaints(nbformat.read(path, as_version=4))) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_files_stay_small(path):
    assert path.stat().st_size < 3_000_000


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p.stem[:2] in ("03", "04")], ids=lambda p: p.stem)
def test_what_was_measured_is_summed_up(path):
    cells = nbformat.read(path, as_version=4).cells
    assert sum("summary" in cell.metadata.get("tags", []) for cell in cells) == 1


def test_notebook_4_trains_as_notebook_3_does():
    recipes = [
        [cell.source for cell in nbformat.read(path, 4).cells if "recipe" in cell.metadata.get("tags", ())]
        for path in NOTEBOOKS[2:4]
    ]
    assert len(recipes) == 2
    assert len(recipes[0]) == 1
    assert recipes[0] == recipes[1]


def spoiled(change):
    make = nbformat.v4
    output = make.new_output("stream", name="stdout", text="1\n")
    cells = [make.new_code_cell(f"print({n})", execution_count=n, outputs=[output]) for n in (1, 2)]
    notebook = make.new_notebook(cells=cells)
    change(notebook)
    return notebook


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda nb: None, []),
        (lambda nb: nb.cells[1].update(execution_count=None), ["in order"]),
        (lambda nb: nb.cells.reverse(), ["in order"]),
        (lambda nb: nb.cells[0].update(source=" "), ["is empty"]),
        (lambda nb: nb.cells[0].metadata.update(tags=["nbval_skip"]), ["nothing reads"]),
        (lambda nb: nb.cells[0].outputs.append(nbformat.v4.new_output("error")), ["stores 1 errors"]),
        (lambda nb: nb.metadata.update(language_info={"version": "3.11.7"}), ["Python version"]),
    ],
)
def test_each_complaint_is_made(change, told):
    found = list(complaints(spoiled(change)))
    assert len(found) == len(told)
    assert all(words in line for words, line in zip(told, found, strict=True))
