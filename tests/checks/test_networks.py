import pickle

import numpy as np
import pytest
import torch

from workbook.checks import nb01_data_prep, nb02_model, nb03_train, nb04_eval
from workbook.checks.networks import Outside, Tiny

EXERCISES = [
    each for module in (nb01_data_prep, nb02_model, nb03_train, nb04_eval) for each in module.EXERCISES
]


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.number)
def test_no_input_is_of_a_class_that_the_answers_process_cannot_import(exercise):
    for case in exercise.draw(np.random.default_rng(0)):
        assert b"workbook.checks.nb" not in pickle.dumps(case)


def test_what_they_return():
    image = torch.zeros(2, 3, 4, 6)
    assert Outside()(image)["out"].shape == (2, 2, 2, 3)
    assert set(Tiny()(image)) == {"pred_mask"}
    assert Tiny()(image, torch.ones(2, 1, 4, 6))["backward_loss"] > 0
