import os

import pytest
from small_training import tiny_folder

from workbook.cli import main

FIELD_MODEL = """
from torch import nn
from workbook.core import register_model


@register_model
class TakesFields(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 1)

    def forward(self, image, DCT_coef, qtables, twice, mask=None):
        assert DCT_coef.shape == (len(image), *image.shape[-2:]) and qtables.shape == (len(image), 8, 8)
        assert twice.shape == image.shape
        pred = (self.conv(image) + 0.01 * DCT_coef[:, None]).sigmoid()
        found = {"pred_mask": pred}
        return found if mask is None else found | {"backward_loss": (pred - mask).square().mean()}


def double(sample):
    return {"twice": sample["image"].float() * 2}
"""


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return tiny_folder(tmp_path_factory.mktemp("commands") / "data")


def _trained(folder, data, *more):
    fixed = "--size 32 --epochs 1 --warmup-epochs 0 --tensorboard false --average 1 --augment false"
    sets = ["--data", str(data), "--test-data", str(data), "--out", str(folder / "run")]
    assert main(["train", *more, *fixed.split(), *sets]) == 0
    return folder / "run"


@pytest.fixture(scope="session")
def small_run(data, tmp_path_factory):
    return _trained(tmp_path_factory.mktemp("small"), data, "--model", "MyModel")


@pytest.fixture(scope="session")
def run_with_fields(data, tmp_path_factory):
    """A run of a model that takes fields which a post_func adds, named by a relative path."""
    folder, before = tmp_path_factory.mktemp("fields"), os.getcwd()
    (folder / "own.py").write_text(FIELD_MODEL)
    os.chdir(folder)
    try:
        words = ["--model", "TakesFields", "--model-file", "own.py", "--post-func", "jpeg", "own.py:double"]
        words += ["--metrics", "PixelF1"]
        return _trained(folder, data, *words)
    finally:
        os.chdir(before)
