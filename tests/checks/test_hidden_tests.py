"""Hidden tests: each notebook has some, they differ from what learners see, and change no stored output."""

import copy
import importlib
import math
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from nbgrader.preprocessors import ClearHiddenTests
from torch import nn
from torch.nn import functional as F

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("0[1-4]*.ipynb"))  # 05 has none
NAMES = {"copy": copy, "math": math, "np": np, "torch": torch, "nn": nn, "F": F}


def graded(notebook):
    return [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]


def run(source, names):
    *lines, last = source.splitlines()
    exec("\n".join(lines), names)
    return repr(eval(last, names))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_solutions_pass_them_and_the_output_stays_as_it_is_stored(path):
    names = NAMES | {"check": importlib.import_module(f"workbook.checks.nb{path.stem}")}
    seen = 0
    for cell in nbformat.read(path, as_version=4).cells:
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("solution"):
            exec(cell.source, names)
        if marks.get("grade"):
            (output,) = cell.outputs
            assert run(cell.source, names) == output.data["text/plain"]
            seen += 1
    assert seen >= 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nbgrader_leaves_of_each_check_what_the_learner_sees(path):
    whole = graded(nbformat.read(path, as_version=4))
    shown = graded(ClearHiddenTests().preprocess(nbformat.read(path, as_version=4), {})[0])
    for full, seen in zip(whole, shown, strict=True):
        assert re.fullmatch(r"check\.(\w+)\(\1\)", seen.source)
        name, seed = re.search(r"^check\.(\w+)\(\1, seed=(\d+)\)$", full.source, re.MULTILINE).groups()
        exercise = getattr(importlib.import_module(f"workbook.checks.nb{path.stem}"), name)
        assert drawn(exercise, int(seed)) != drawn(exercise, 0)
    assert any("assert " in cell.source for cell in whole)  # one of another kind


def drawn(exercise, seed):
    return [repr(case) for case in exercise.draw(np.random.default_rng(seed))]
