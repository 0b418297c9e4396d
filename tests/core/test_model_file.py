import sys

import pytest
import torch

from workbook.core.check import check_model
from workbook.core.errors import ModelError
from workbook.core.model_file import load_model_file
from workbook.core.registry import MODELS, create_model

OURS = """
import torch
from torch import nn
from workbook.core import register_model

@register_model
class {name}(nn.Module):
    def __init__(self, width: int = {width}):
        super().__init__()
        self.width = width
"""
THEIRS = """
from IMDLBenCo.registry import MODELS, POSTFUNCS
import torch.nn as nn
import torch

@POSTFUNCS.register_module()
def their_post_function(sample):
    return sample

@MODELS.register_module()
class {name}(nn.Module):
    def __init__(self, hidden:int = 4):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, hidden, 1), nn.Conv2d(hidden, 1, 1))
        self.bce = nn.BCEWithLogitsLoss()
    def forward(self, image, mask, label, *args, **kwargs):
        logits = self.net(image)
        loss = self.bce(logits, mask)
        pred_mask = torch.sigmoid(logits)
        return {{
            "backward_loss": loss,
            "pred_mask": pred_mask,
            "pred_label": torch.mean(pred_mask, dim=(1, 2, 3)),
            "visual_loss": {{"predict_loss": loss}},
            "visual_image": {{"pred_mask": pred_mask, "reverse_mask": 1 - mask}},
        }}
"""


def written(folder, text, name="my_model.py"):
    (folder / name).write_text(text)
    return folder / name


def test_a_file_registers_its_models_and_again_replaces_them(tmp_path):
    file = written(tmp_path, OURS.format(name="FileOne", width=1))
    assert load_model_file(file) == ["FileOne"]
    assert create_model("FileOne").width == 1
    written(tmp_path, OURS.format(name="FileOne", width=2))
    assert load_model_file(str(file)) == ["FileOne"]
    assert create_model("FileOne").width == 2


def test_an_imdl_benco_file_needs_neither_a_change_nor_that_package(tmp_path):
    assert load_model_file(written(tmp_path, THEIRS.format(name="FileTheirs"))) == ["FileTheirs"]
    assert check_model(create_model("FileTheirs"), size=16)["visual_loss"] == "predict_loss"
    assert "IMDLBenCo" not in sys.modules


def test_models_of_the_real_imdl_benco_registry_are_taken_over(tmp_path, monkeypatch):
    package = tmp_path / "site" / "IMDLBenCo"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "registry.py").write_text(
        "class R:\n"
        "    module_dict = {}\n"
        "    def register_module(self, **_):\n"
        "        return lambda c: self.module_dict.setdefault(c.__name__, c)\n"
        "MODELS, POSTFUNCS = R(), R()\n"
        "POSTFUNCS.module_dict = {}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    try:
        assert load_model_file(written(tmp_path, THEIRS.format(name="FileReal"), "real.py")) == ["FileReal"]
        assert "FileReal" in MODELS
    finally:
        for name in ("IMDLBenCo", "IMDLBenCo.registry"):
            sys.modules.pop(name, None)


def test_a_file_may_import_its_neighbours(tmp_path):
    (tmp_path / "neighbour_of_model.py").write_text("WIDTH = 7\n")
    file = written(
        tmp_path, "from neighbour_of_model import WIDTH\n" + OURS.format(name="FileTwo", width="WIDTH")
    )
    load_model_file(file)
    assert create_model("FileTwo").width == 7
    assert str(tmp_path) not in sys.path
    sys.modules.pop("neighbour_of_model")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import torch\n1 / 0\n", r"bad\.py: line 2: ZeroDivisionError: division by zero"),
        (
            "import no_such_package_here\n",
            "line 1: ModuleNotFoundError: No module named 'no_such_package_here'",
        ),
        ("from IMDLBenCo.modules import x\n", "ModuleNotFoundError: No module named 'IMDLBenCo.modules'"),
        ("def f(:\n", r"SyntaxError: .*line 1"),
        ("raise ValueError('one\\n  two')\n", "line 1: ValueError: one two; mend the file$"),
        ("assert False\n", "line 1: AssertionError; mend the file$"),
        ("import sys\nsys.exit(2)\n", "line 2: SystemExit: 2"),
        ("x = 1\n", "registers no model; put @register_model above the class"),
    ],
)
def test_a_file_that_fails_is_one_clear_error(tmp_path, text, message):
    path = list(sys.path)
    with pytest.raises(ModelError, match=message):
        load_model_file(written(tmp_path, text, "bad.py"))
    assert sys.path == path
    assert "IMDLBenCo" not in sys.modules


def test_two_folders_may_hold_files_of_one_name_but_not_models_of_one_name(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    load_model_file(written(tmp_path / "a", OURS.format(name="FileThree", width=1)))
    assert load_model_file(written(tmp_path / "b", OURS.format(name="FileFour", width=1))) == ["FileFour"]
    with pytest.raises(ModelError, match=r"FileThree: .* both register it"):
        load_model_file(written(tmp_path / "b", OURS.format(name="FileThree", width=1)))


def test_no_such_file_and_no_python_file(tmp_path):
    with pytest.raises(ModelError, match="no such Python file"):
        load_model_file(tmp_path / "absent.py")
    with pytest.raises(ModelError, match="no such Python file"):
        load_model_file(written(tmp_path, "x = 1", "model.txt"))


def test_a_file_of_a_built_in_name_wins(tmp_path):
    before = MODELS.get("MyModel")
    try:
        load_model_file(written(tmp_path, THEIRS.format(name="MyModel")))
        model = create_model("MyModel", hidden=2)
        assert model.net[0].out_channels == 2
        assert isinstance(model, torch.nn.Module)
    finally:
        MODELS.register_module(force=True)(before)
