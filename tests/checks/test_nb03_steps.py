import pytest
import torch

from workbook.checks.nb03_steps import _descend, accumulated_step, train_step
from workbook.checks.verdict import WrongAnswer

BOTH = pytest.mark.parametrize("exercise", [train_step, accumulated_step], ids=["3.1", "3.3"])


@BOTH
def test_something_else_than_a_function_is_told(exercise):
    with pytest.raises(WrongAnswer, match="a function is expected"):
        exercise(0.5)


@pytest.mark.parametrize(
    ("exercise", "mistake"), [(e, m) for e in (train_step, accumulated_step) for m in e.mistakes]
)
def test_each_mistake_gets_its_hint(exercise, mistake):
    with pytest.raises(WrongAnswer) as caught:
        exercise(mistake.answer)
    assert f"Hint: {mistake.hint}" in str(caught.value)
    assert not exercise.passed


def test_another_wrong_answer_gets_the_general_hint():
    with pytest.raises(WrongAnswer, match=train_step.hint):
        train_step(lambda model, optimizer, batch: 1e9)
    with pytest.raises(WrongAnswer, match=accumulated_step.hint):
        accumulated_step(lambda model, optimizer, batches: None)


def test_the_reference_by_hand():
    one_pixel = {"weight": 0.0, "lr": 1.0, "steps": [[(2.0, 1)]]}  # slopes (0.5 - 1) * 2 and 0.5 - 1
    (row,) = _descend(one_pixel)
    assert (row["weight"], row["bias"]) == (1.0, 0.5)
    assert row["loss"] == pytest.approx(0.693147, abs=1e-6)


def test_a_step_that_reads_otherwise_passes():
    def answer(model, optimizer, batch):
        model.train()
        optimizer.zero_grad(set_to_none=False)
        outputs = model(**batch)
        outputs["backward_loss"].backward()
        optimizer.step()
        return outputs["backward_loss"].detach()

    assert repr(train_step(answer)) == "Exercise 3.1, a training step: right, on 20 inputs."


def test_a_step_without_optimizer_or_backward_passes():
    def answer(model, optimizer, batch):
        loss = model(batch["image"], batch["mask"])["backward_loss"]
        for parameter, slope in zip(
            model.parameters(), torch.autograd.grad(loss, [*model.parameters()]), strict=True
        ):
            parameter.data -= optimizer.param_groups[0]["lr"] * slope
        return float(loss)

    train_step(answer)


def test_accumulation_by_one_large_batch_passes():
    def answer(model, optimizer, batches):
        image, mask = (torch.cat([batch[name] for batch in batches]) for name in ("image", "mask"))
        loss = model(image, mask)["backward_loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    assert repr(accumulated_step(answer)) == "Exercise 3.3, accumulation: right, on 20 inputs."
