import dataclasses
import inspect
import json

import numpy as np
import pytest

from workbook.core.errors import WorkbookError
from workbook.core.settings import ELSEWHERE, FREE, TrainSettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0}, {"epochs": 2.5}, {"epochs": True}, {"lr": -1e-3}, {"lr": 0}, {"lr": float("nan")},
        {"lr": "1e-3"}, {"min_lr": 1.0}, {"min_lr": -1}, {"batch_size": 0}, {"accumulate": 0}, {"ema": 1.0},
        {"precision": "fp8"}, {"ema": -0.1}, {"workers": -1}, {"device": "gpu"}, {"seed": 0.5}, {"clip": -1},
        {"warmup_epochs": -1}, {"patience": -1}, {"average": -2}, {"test_every": 0}, {"log_every": 0},
        {"save_every": -1}, {"weight_decay": float("inf")}, {"compile": "yes"}, {"channels_last": 1},
    ],
)  # fmt: skip
def test_what_no_run_can_have_is_refused_by_name(wrong):
    name = next(iter(wrong))
    with pytest.raises(WorkbookError, match=f"^{name}="):
        TrainSettings(**wrong)


def test_an_unknown_setting_gets_a_suggestion():
    with pytest.raises(WorkbookError, match="'epoch'; did you mean 'epochs'"):
        TrainSettings.from_keywords(epoch=3)
    with pytest.raises(WorkbookError, match="'accum_iter'; did you mean 'accumulate'"):
        TrainSettings.from_keywords(accum_iter=8)
    with pytest.raises(WorkbookError, match="known are epochs, lr"):
        TrainSettings.from_keywords(xyzzy=1)


def test_a_dictionary_keywords_or_both():
    made = TrainSettings(epochs=3, lr=0.5)
    for given, keywords in (({"epochs": 3, "lr": 0.5}, {}), ({"epochs": 9, "lr": 0.5}, {"epochs": 3})):
        assert TrainSettings.from_keywords(given, **keywords) == made
    assert TrainSettings.from_keywords(TrainSettings(lr=0.5), epochs=3) == made
    with pytest.raises(WorkbookError, match="'epoch'; did you mean 'epochs'"):
        TrainSettings.from_keywords({"epoch": 3})


def test_numbers_of_numpy_become_plain_ones():
    made = TrainSettings.from_keywords(epochs=np.int64(3), lr=np.float32(0.5), compile=np.bool_(False))
    assert made == TrainSettings(epochs=3, lr=0.5)
    assert json.loads(json.dumps(made.as_dict()))["epochs"] == 3


def test_the_names_of_elsewhere_lead_to_settings_and_are_none():
    known = {field.name for field in dataclasses.fields(TrainSettings)}
    assert set(ELSEWHERE.values()) <= known
    assert not set(ELSEWHERE) & known
    assert set(FREE) <= known


def test_every_setting_is_documented():
    described = inspect.getdoc(TrainSettings)  # indented alike by all versions of Python
    for field in dataclasses.fields(TrainSettings):
        assert f"\n    {field.name}: " in described
    assert TrainSettings(**TrainSettings(lr=0.1).as_dict()) == TrainSettings(lr=0.1)
