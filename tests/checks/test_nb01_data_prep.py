"""Each exercise of notebook 1: what passes, what does not, and which hint a mistake earns."""

from collections import Counter
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from workbook.checks import nb01_data_prep as check
from workbook.checks.exercise import progress
from workbook.checks.verdict import NotDone, WrongAnswer

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_data_prep.ipynb"
CELLS = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
GRADED = [cell for cell in CELLS if cell.metadata.get("nbgrader", {}).get("grade")]
SOLUTIONS = [cell.source for cell in CELLS if cell.metadata.get("nbgrader", {}).get("solution")]
BY_NAME = {name: exercise for name, exercise in vars(check).items() if exercise in check.EXERCISES}
MISTAKES = [(exercise, mistake) for exercise in check.EXERCISES for mistake in exercise.mistakes]


def defined(source, name):
    names = {"np": np}
    exec(source, names)
    return names[name]


def stub(source):
    """What the learner gets: the lines of the solution give way to an error."""
    head, rest = source.split("    ### BEGIN SOLUTION\n")
    return head + "    raise NotImplementedError()" + rest.split("### END SOLUTION")[1]


@pytest.mark.parametrize("exercise", check.EXERCISES, ids=lambda exercise: exercise.number)
def test_the_reference_passes(exercise):
    assert exercise(exercise.reference).inputs >= 20


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("exercise", check.EXERCISES, ids=lambda exercise: exercise.number)
def test_the_notebooks_solution_passes_and_its_stub_is_not_done(exercise, seed):
    name = next(name for name, each in BY_NAME.items() if each is exercise)
    (source,) = [source for source in SOLUTIONS if f"def {name}(" in source]
    assert exercise(defined(source, name), seed).inputs >= 20
    with pytest.raises(NotDone, match=f"Exercise {exercise.number}: not done yet"):
        exercise(defined(stub(source), name))


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES)
def test_a_mistake_earns_its_own_hint(exercise, mistake):
    with pytest.raises(WrongAnswer) as caught:
        exercise(mistake.answer)
    assert str(caught.value).splitlines()[-1] == f"  Hint: {mistake.hint}"


def rule_by_lengths(images, masks):
    found = Counter()
    for image in images:
        for mask in masks:
            place = mask.find(image)
            found[(mask[:place], mask[place + len(image) :])] += place >= 0
    return list(max(found.items(), key=lambda item: item[1])[0])


def cause_by_fractions(image, mask):
    ratios = [one / other for one, other in zip(mask, image, strict=True)]
    if ratios == [1, 1]:
        return "same"
    if tuple(reversed(image)) == tuple(mask):
        return "rotated"
    if abs(ratios[0] - ratios[1]) < 1e-9:
        return "scaled"
    return "unrelated" if np.abs(np.subtract(image, mask)).max() > 16 else "cropped"


def mask_as_tensor(rgba, soft):
    rgba = torch.from_numpy(rgba)
    channel = 3 if len(rgba[..., 3].unique()) > 1 else 1
    level = rgba[..., channel].float().div(255)[None]
    return level if soft else level.round()


def repair_by_table(changed, mask):
    names = ["keep", "flip horizontal", "flip vertical", "rotate 180", "invert", "drop"]
    tried = [mask, mask[:, ::-1], mask[::-1], np.flip(mask), mask ^ True]
    scores = [np.sum(one & changed) / np.sum(one | changed) for one in tried]
    return names[int(np.argmax([*scores, 0.5 - 1e-9]))]


def groups_by_merging(photographs):
    groups = []
    for index, ids in enumerate(photographs):
        joined = {index}, set(ids)
        for group in [group for group in groups if group[1] & set(ids)]:
            groups.remove(group)
            joined = joined[0] | group[0], joined[1] | group[1]
        groups.append(joined)
    return np.array([min(members) for i in range(len(photographs)) for members, _ in groups if i in members])


def flip_by_concatenation(image, mask, seed):
    if np.random.default_rng(seed).random() >= 0.5:
        return [image, mask]
    both = torch.cat([image.float(), mask]).flip(2)
    return [both[:3].to(torch.uint8), both[3:]]


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (check.find_rule, rule_by_lengths),
        (check.size_cause, cause_by_fractions),
        (check.alpha_to_mask, mask_as_tensor),
        (check.choose_repair, repair_by_table),
        (check.group_images, groups_by_merging),
        (check.joint_flip, flip_by_concatenation),
    ],
)
def test_a_right_answer_by_another_way_passes(exercise, answer):
    assert exercise(answer).inputs >= 20


def test_the_notebook_checks_every_exercise_once_in_order():
    assert [cell.source.splitlines()[-1] for cell in GRADED] == [
        f"check.{name}({name})" for name in solved_in_order()
    ]
    assert len(SOLUTIONS) == len(GRADED) == 6
    assert CELLS[-1].source == "check.progress()"


def solved_in_order():
    return [next(n for n, each in BY_NAME.items() if each is exercise) for exercise in check.EXERCISES]


def test_progress_counts_them():
    for exercise in check.EXERCISES:
        exercise(exercise.reference)
    assert check.progress() == progress(check.EXERCISES) == "6 of 6 exercises solved"
