import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbook.checks.nb03_curves import _all_rates, _read, draw_curves, read_curve, warmup_cosine
from workbook.checks.verdict import WrongAnswer
from workbook.core import warmup_cosine as library
from workbook.core.run_folder import Progress
from workbook.core.validation import rank

BOTH = pytest.mark.parametrize("exercise", [warmup_cosine, read_curve], ids=["3.2", "3.5"])


@pytest.mark.parametrize(
    ("exercise", "mistake"), [(e, m) for e in (warmup_cosine, read_curve) for m in e.mistakes]
)
def test_each_mistake_gets_its_hint_and_a_picture(exercise, mistake):
    with pytest.raises(WrongAnswer) as caught:
        exercise(mistake.answer)
    assert f"Hint: {mistake.hint}" in str(caught.value)
    assert caught.value.picture.size == (360, 176)


@pytest.mark.parametrize("answer", [lambda *_: "a lot", lambda *_: None, lambda *_: [1, 2]])
@BOTH
def test_nonsense_is_told_with_a_picture_of_what_can_be_drawn(exercise, answer):
    with pytest.raises(WrongAnswer, match=exercise.hint) as caught:
        exercise(answer)
    assert caught.value.picture is not None


def test_the_library_passes():
    def answer(step, total, lr, min_lr, warmup):
        return library(step, total, lr=lr, min_lr=min_lr, warmup=warmup)

    assert repr(warmup_cosine(answer)) == "Exercise 3.2, warm-up and cosine: right, on 20 inputs."


def test_rates_by_hand():
    case = {"total": 6, "lr": 1.0, "min_lr": 0.2, "warmup": 2}
    half = [0.2 + 0.8 * share for share in (1, 0.853553, 0.5, 0.146447, 0, 0, 0)]
    assert _all_rates(case) == pytest.approx([1 / 3, 2 / 3, *half], abs=1e-6)


def test_a_reading_by_tables_passes():
    def answer(scores, patience):
        tests = pd.Series(scores, index=range(1, len(scores) + 1)).dropna()
        best_so_far = tests.cummax()
        since = tests.groupby(best_so_far, sort=False).cumcount()  # tests since the best one was reached
        ends = since[since >= patience].index
        stop = None if ends.empty else int(ends[0])
        return int(tests.loc[:stop].idxmax()), stop

    assert repr(read_curve(answer)) == "Exercise 3.5, reading a curve: right, on 100 inputs."


@given(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, math.nan]), min_size=1, max_size=12), st.integers(1, 4)
)
def test_the_reading_is_the_trainers(scores, patience):
    progress, stop = Progress(), None
    for epoch, score in enumerate(scores, start=1):
        if not math.isnan(score):  # an epoch that is not tested is not ranked
            rank(progress, {"epoch": epoch, "f1": score}, "f1", higher=True, keep=0)
        if progress.waited >= patience:
            stop = epoch
            break
    assert _read(scores, patience) == (progress.best_epoch, stop)


def test_curves_are_drawn_and_nonsense_is_left_out():
    def ink(values):
        return int(
            (np.asarray(draw_curves([("a", values, "-")], xlabel="x", ylabel="y").convert("L")) < 200).sum()
        )

    assert ink([0.0, 1.0, 0.0]) > ink("nonsense") + 100
