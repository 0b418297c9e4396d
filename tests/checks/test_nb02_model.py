import ast
from pathlib import Path

import nbformat
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from workbook.checks import nb02_model as check
from workbook.checks.verdict import NotDone, WrongAnswer
from workbook.core import BCE, Dice, Segmenter, SoftIoU, WeightedSum

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "02_model.ipynb"
MISTAKES = [(exercise, number) for exercise in check.EXERCISES for number in range(len(exercise.mistakes))]


def named(exercise):
    return next(name for name, value in vars(check).items() if value is exercise)


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def stub_cell(notebook, number):
    wanted = f"ex-{number.replace('.', '-')}"
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == wanted)


def imports(notebook):
    """The notebook's own imports, so that a solution that needs another fails here."""
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    nodes = [n for n in ast.parse(first.source).body if isinstance(n, ast.Import | ast.ImportFrom)]
    return ast.unparse(ast.Module(nodes, []))


def defined(source, head, name):
    space = {}
    exec(compile(head + "\n" + source, "solution", "exec"), space)
    return space[name]


@pytest.mark.parametrize("exercise", check.EXERCISES, ids=named)
def test_the_notebooks_solution_passes_and_its_stub_is_not_done(exercise, notebook):
    source, head = stub_cell(notebook, exercise.number).source, imports(notebook)
    exercise(defined(source, head, named(exercise)))
    assert exercise.passed
    before, rest = source.split("    ### BEGIN SOLUTION")
    after = rest.split("### END SOLUTION")[1]
    assert after.strip() == ""
    with pytest.raises(NotDone, match=f"Exercise {exercise.number}: not done yet"):
        exercise(defined(f"{before}    raise NotImplementedError()", head, named(exercise)))
    assert not exercise.passed


@pytest.mark.parametrize(
    ("exercise", "number"), MISTAKES, ids=[f"{named(exercise)}-{number}" for exercise, number in MISTAKES]
)
def test_each_mistake_gets_its_hint(exercise, number):
    mistake = exercise.mistakes[number]
    with pytest.raises(WrongAnswer) as caught:
        exercise(mistake.answer)
    assert f"Hint: {mistake.hint}" in str(caught.value)


def other_forward(layer, image, mask=None):
    """Another loss on the same numbers, labels (B,) by another way, and curves, which are no matter."""
    prob = 1 / (1 + torch.exp(-layer(image)))
    outputs = {"pred_mask": prob, "pred_label": prob.flatten(1).max(dim=1).values, "visual_loss": {}}
    outputs["backward_loss"] = None if mask is None else BCE()(prob, mask)
    return outputs


def other_shapes(channels, height, width, stride):
    feature = torch.nn.MaxPool2d(stride, ceil_mode=True)(torch.zeros(1, height, width))
    shapes = [(channels, *feature.shape[1:])]
    for _ in range(len(bin(stride)) - 3):
        channels, height, width = shapes[-1]
        shapes.append((16 if channels < 32 else channels // 2, height * 2, width * 2))
    return tuple(shapes)


def other_join(decoder_map, encoder_map):
    rows = torch.arange(encoder_map.shape[2]) * decoder_map.shape[2] // encoder_map.shape[2]
    columns = torch.arange(encoder_map.shape[3]) * decoder_map.shape[3] // encoder_map.shape[3]
    return torch.cat([decoder_map[:, :, rows][..., columns], encoder_map], 1)


def other_iou(pred_mask, mask):
    losses = []
    for p, t in zip(pred_mask, mask, strict=True):
        losses.append(
            1 - torch.minimum(p, t).sum() / torch.maximum(p, t).sum().clamp(min=1e-9) if t.any() else p.mean()
        )
    return sum(losses) / len(losses)


class Enlarged(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return F.interpolate(self.net(x)["out"], scale_factor=2, mode="bilinear", align_corners=False)


def other_wrap(net):
    return Segmenter(Enlarged(net), loss=nn.CrossEntropyLoss(), activation="softmax")


def other_overfit(model, image, mask, steps, lr):
    model.train(True)
    losses = []
    for _ in range(steps):
        model.zero_grad()
        losses.append(model(image=image, mask=mask)["backward_loss"])
        losses[-1].backward()
        for parameter in model.parameters():
            parameter.data -= lr * parameter.grad
    return [loss.detach() for loss in losses]


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (check.forward, other_forward),
        (check.decoder_shapes, other_shapes),
        (check.join_skip, other_join),
        (check.soft_iou, other_iou),
        (check.soft_iou, SoftIoU()),
        (check.wrap, other_wrap),
        (check.overfit, other_overfit),
    ],
    ids=lambda value: getattr(value, "number", getattr(value, "__name__", "library")),
)
def test_a_right_answer_by_another_way_passes(exercise, answer):
    exercise(answer)
    assert exercise.passed


def by_reference(exercise):
    """The reference as an answer: where results are wrapped, it gives the numbers, so only those compare."""
    plain = type(exercise)(**{
        field: getattr(exercise, field) for field in ("number", "title", "reference", "draw", "tolerance")
    })  # fmt: skip
    return plain(exercise.reference)


@pytest.mark.parametrize("exercise", check.EXERCISES, ids=named)
def test_the_reference_passes_its_own_check(exercise):
    assert by_reference(exercise).inputs >= 8


@pytest.mark.parametrize(
    ("exercise", "answer", "told"),
    [
        (check.forward, lambda layer, image, mask=None: layer(image), "dictionary is expected"),
        (check.forward, lambda layer, image, mask=None: {"pred_masks": layer(image)}, "no 'pred_mask'"),
        (check.soft_iou, lambda p, t: WeightedSum((BCE(), 1.0), (Dice(), 1.0))(p, t), "'loss'"),
        (check.soft_iou, lambda p, t: SoftIoU()(p.detach(), t), "'gradient': 'none'"),
        (check.soft_iou, lambda p, t: 1 - p * t, "'loss'"),
        (check.wrap, lambda net: net, "ModelError"),
        (check.wrap, lambda net: net.forward, "a method, not an nn.Module"),
        (check.wrap, lambda net: Segmenter(net, activation="softmax"), "enlarge it in the net"),
        (check.overfit, lambda *case: [], "0 values where"),
    ],
)
def test_other_wrong_answers_are_told_in_words(exercise, answer, told):
    with pytest.raises(WrongAnswer, match=told):
        exercise(answer)


def test_progress_counts_this_notebooks_exercises():
    assert [exercise.number for exercise in check.EXERCISES] == [f"2.{n}" for n in range(1, 7)]
    for exercise in check.EXERCISES:
        exercise.passed = True
    assert check.progress() == "6 of 6 exercises solved"
    check.wrap.passed = False
    assert check.progress() == "5 of 6 exercises solved; next: 2.5, wrap an outside network"


def test_the_notebook_checks_each_exercise_under_its_name(notebook):
    lines = [
        cell.source.splitlines()[-1]  # above it are the hidden tests
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id", "").startswith("check-")
    ]
    assert lines == [f"check.{named(exercise)}({named(exercise)})" for exercise in check.EXERCISES]
