"""The exercises as notebook 3 has them: their cells, their solutions, their stubs; and exercise 3.4."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
import torch

from workbook.checks import nb03_train as check
from workbook.checks.verdict import NotDone, WrongAnswer

NOTEBOOK = nbformat.read(Path(__file__).parents[2] / "notebooks/03_train.ipynb", as_version=4)
CODE = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]
NAMES = ("train_step", "warmup_cosine", "accumulated_step", "snapshot", "read_curve")
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?### END SOLUTION *$", re.DOTALL | re.MULTILINE)
EACH = pytest.mark.parametrize(("number", "name"), [*enumerate(NAMES, start=1)], ids=NAMES)


def cell(grade_id):
    (found,) = [c for c in CODE if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id]
    return found


def defined(source, name):
    """What a cell defines, run after the notebook's imports."""
    names = {}
    exec(CODE[0].source, names)
    exec(source, names)
    return names[name]


def used_names():
    """The names that cells outside of the exercises use."""
    cells = [
        re.sub(r"^( *)%.*", r"\1pass", c.source, flags=re.M) for c in CODE if "nbgrader" not in c.metadata
    ]
    return {node.id for source in cells for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


@EACH
def test_the_notebooks_solution_passes(number, name):
    answer = defined(cell(f"ex-3-{number}").source, name)
    result = getattr(check, name)(answer)
    assert repr(result).startswith(f"Exercise 3.{number}, ")
    stored = "".join(output["data"]["text/plain"] for output in cell(f"check-3-{number}").outputs)
    assert stored == repr(result)


@EACH
def test_the_stub_is_not_done_and_breaks_nothing_else(number, name):
    source, cuts = SOLUTION.subn(r"\1raise NotImplementedError()", cell(f"ex-3-{number}").source)
    assert cuts == 1
    assert source.rstrip().endswith('"""\n    raise NotImplementedError()')
    with pytest.raises(NotDone, match=f"Exercise 3.{number}: not done yet"):
        getattr(check, name)(defined(source, name))
    assert name not in used_names()


@EACH
def test_cells_carry_what_nbgrader_asks_for(number, name):
    common = {"schema_version": 3, "task": False}
    stub = {"solution": True, "grade": False, "locked": False, "grade_id": f"ex-3-{number}"}
    assert cell(f"ex-3-{number}").metadata.nbgrader == common | stub
    test = dict(cell(f"check-3-{number}").metadata.nbgrader)
    assert test.pop("points") > 0
    locked = {"solution": False, "grade": True, "locked": True, "grade_id": f"check-3-{number}"}
    assert test == common | locked
    assert cell(f"check-3-{number}").source.splitlines()[-1] == f"check.{name}({name})"


def test_the_last_cell_tells_the_progress():
    assert CODE[-1].source == "check.progress()"
    for exercise in check.EXERCISES:
        exercise.passed = False
    assert check.progress() == "0 of 5 exercises solved; next: 3.1, a training step"


@pytest.mark.parametrize("mistake", check.snapshot.mistakes)
def test_each_wrong_snapshot_gets_its_hint(mistake):
    with pytest.raises(WrongAnswer) as caught:
        check.snapshot(mistake.answer)
    assert f"Hint: {mistake.hint}" in str(caught.value)


def test_no_snapshot_gets_the_general_hint():
    with pytest.raises(WrongAnswer, match=r"None where a dictionary(.|\n)*" + check.snapshot.hint):
        check.snapshot(lambda model, optimizer, step: None)


def test_a_snapshot_copied_by_hand_passes():
    def answer(model, optimizer, step):
        state = optimizer.state_dict()
        moments = {
            index: {name: value.clone() for name, value in values.items()}
            for index, values in state["state"].items()
        }
        groups = [dict(group) for group in state["param_groups"]]
        weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
        return {"step": step, "model": weights, "optimizer": {"state": moments, "param_groups": groups}}

    assert repr(check.snapshot(answer)) == "Exercise 3.4, a snapshot to go on from: right, on 15 inputs."


def test_adam_by_hand_is_torchs():
    case = {"weight": 0.3, "lr": 0.5, "batches": [[(1.0, 1), (0.5, 0)], [(2.0, 0)], [(-1.0, 1)]]}
    model, optimizer = check._with_adam(case["weight"])
    for step in range(3):
        check._adam_step(model, optimizer, case, step)
    expected = check._unbroken(case)
    assert model.numbers() == pytest.approx({name: expected[name] for name in ("weight", "bias")}, abs=1e-12)
    assert torch.is_tensor(model.weight)
