"""What holds for every exercise of notebook 4, its solution in the notebook included."""

from pathlib import Path

import nbformat
import pytest

from workbook.checks import nb04_eval as check
from workbook.checks.verdict import NotDone, WrongAnswer

NOTEBOOK = Path(__file__).parents[2] / "notebooks/04_eval.ipynb"
NAMES = {exercise.number: name for name, exercise in vars(check).items() if exercise in check.EXERCISES}
EXERCISES = pytest.mark.parametrize("exercise", check.EXERCISES, ids=lambda exercise: exercise.number)
MISTAKES = pytest.mark.parametrize(
    ("exercise", "mistake"),
    [(exercise, mistake) for exercise in check.EXERCISES for mistake in exercise.mistakes],
    ids=lambda value: getattr(value, "number", getattr(value, "hint", "")[:24]),
)


def cell(grade_id):
    (found,) = (
        cell
        for cell in nbformat.read(NOTEBOOK, as_version=4).cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id
    )
    return found


def answer_of(exercise, source):
    """The function that a stub cell defines, given what the notebook's first cell imports."""
    names = {}
    code = [one for one in nbformat.read(NOTEBOOK, as_version=4).cells if one.cell_type == "code"]
    exec(code[0].source, names)
    exec(source, names)
    return names[NAMES[exercise.number]]


def solution(exercise):
    return cell(f"ex-{exercise.number.replace('.', '-')}").source


@EXERCISES
def test_the_reference_passes(exercise):
    plain = {"4.5": lambda image, factor: exercise.reference(image, factor)["levels"]}
    exercise(plain.get(exercise.number, exercise.reference))
    assert exercise.passed


@EXERCISES
def test_the_notebooks_solution_passes(exercise):
    told = exercise(answer_of(exercise, solution(exercise)))
    stored = cell(f"check-{exercise.number.replace('.', '-')}").outputs
    assert [output.data["text/plain"] for output in stored] == [repr(told)]


@EXERCISES
def test_the_stub_is_not_done_yet(exercise):
    head, rest = solution(exercise).split("    ### BEGIN SOLUTION")
    assert rest.rstrip().endswith("### END SOLUTION")
    with pytest.raises(NotDone, match=f"{exercise.number}: not done yet"):
        exercise(answer_of(exercise, head + "    raise NotImplementedError()"))


@MISTAKES
def test_a_mistake_gets_its_hint(exercise, mistake):
    with pytest.raises(WrongAnswer) as caught:
        exercise(mistake.answer)
    assert f"Hint: {mistake.hint}" in str(caught.value)


def test_the_notebook_asks_for_each():
    sources = [cell(f"check-4-{number}").source.splitlines()[-1] for number in range(1, 6)]
    assert sources == [f"check.{NAMES[f'4.{number}']}({NAMES[f'4.{number}']})" for number in range(1, 6)]
