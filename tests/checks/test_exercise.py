import pytest

from workbook.checks.exercise import Exercise, Mistake, progress
from workbook.checks.verdict import NotDone, WrongAnswer


def make(**more):
    return Exercise(
        "1.1",
        "squares",
        reference=lambda x: x * x,
        draw=lambda rng: [(0,), *((int(rng.integers(1, 99)),) for _ in range(9)), (5,)],
        mistakes=[Mistake(lambda x: 2 * x, "That doubles."), Mistake(lambda x: -x, "That is below 0.")],
        hint="Read the task again.",
        **more,
    )


def test_a_right_answer_by_another_way_passes():
    exercise = make()
    assert repr(exercise(lambda x: float(x) ** 2)) == "Exercise 1.1, squares: right, on 11 inputs."
    assert exercise.passed


@pytest.mark.parametrize(
    ("answer", "hint"),
    [(lambda x: x + x, "That doubles."), (lambda x: -x, "below 0"), (lambda x: x + 7, "Read the task")],
)
def test_a_wrong_answer_gets_the_hint_meant_for_it(answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        make()(answer)


def test_the_counter_example_is_told():
    with pytest.raises(WrongAnswer, match=r"for 5\n  26 where 25 is expected"):
        make()(lambda x: 26 if x == 5 else x * x)


def stub(x):
    raise NotImplementedError


def test_a_stub_is_not_done_and_a_failure_takes_the_pass_back():
    exercise = make()
    exercise(lambda x: x * x)
    with pytest.raises(NotDone):
        exercise(stub)
    assert not exercise.passed


def test_a_picture_comes_with_the_counter_example():
    with pytest.raises(WrongAnswer) as caught:
        make(picture=lambda case, expected, given: (case, expected, given))(lambda x: x + 1)
    assert caught.value.picture == ((0,), 0, 1)


def drains(answer):
    return lambda x: list(answer(x))


def generator_exercise():
    mistakes = [Mistake(lambda x: iter(range(x + 1)), "One too many.")]
    return Exercise("1.2", "counting", lambda x: list(range(x)), lambda rng: [(3,)], mistakes, wrap=drains)


def test_an_answer_that_cannot_be_compared_is_wrapped():
    exercise = generator_exercise()
    exercise(lambda x: (i for i in range(x)))
    assert exercise.passed
    with pytest.raises(WrongAnswer, match="One too many"):
        exercise(lambda x: (i for i in range(x + 1)))
    with pytest.raises(NotDone):
        exercise(stub)
    with pytest.raises(WrongAnswer, match="7 where a function is expected"):
        exercise(7)


def test_progress_names_the_next():
    done, left = make(), make()
    done(lambda x: x * x)
    assert progress([done, left]) == "1 of 2 exercises solved; next: 1.1, squares"
    assert progress([done]) == "1 of 1 exercises solved"
