import json

import pytest
from torch import nn

from workbook.core import SoftIoU, model_from_options, model_from_run, register_model, save_checkpoint
from workbook.core.errors import CheckpointError, ModelError
from workbook.core.model_options import add_model_options, run_notes


@register_model
class WithOptions(nn.Module):
    """A model.

    Args:
        width: how wide.
        untyped: without an annotation.
        pretrained: fetches weights.
    """

    def __init__(self, width: int, untyped=3, size: int = 8, pretrained: bool = True):
        super().__init__()
        self.given = width, untyped, size, pretrained


def test_options_have_types_defaults_and_help_and_share_those_that_are_there():
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--size", type=int, default=64)
    shared, own = add_model_options(parser, "WithOptions", ["size", "lr"])
    assert (shared, own) == (["size"], ["width", "untyped", "pretrained"])
    text = " ".join(parser.format_help().split())
    assert "how wide. (required, type: int)" in text
    assert "fetches weights. (type: bool, default: True)" in text


def test_plain_values_become_a_model():
    assert model_from_options("WithOptions", {"width": 2, "untyped": "x"}).given == (2, "x", 8, True)
    made = model_from_options("MyModel", {"loss": {"class_path": "SoftIoU", "init_args": {}}})
    assert isinstance(made.loss, SoftIoU)


@pytest.mark.parametrize(
    ("options", "said"),
    [({}, "width"), ({"width": "wide"}, "width"), ({"width": 1, "widht": 2}, "widht")],
)
def test_wrong_values_are_one_line(options, said):
    with pytest.raises(ModelError, match=rf"^WithOptions: .*{said}") as caught:
        model_from_options("WithOptions", options)
    assert "\n" not in str(caught.value)


def test_the_model_of_a_run_fetches_nothing(tmp_path):
    options = {"width": 2, "untyped": 1, "size": 4, "pretrained": True}
    (tmp_path / "config.json").write_text(json.dumps({"notes": {"model": "WithOptions", "options": options}}))
    assert model_from_run(tmp_path, weights=False).given == (2, 1, 4, False)
    with pytest.raises(CheckpointError, match=r"no model\.safetensors there"):
        model_from_run(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="does not say how the model was made"):
        model_from_run(tmp_path)


def test_a_model_file_that_has_moved_and_other_weights(tmp_path):
    source = "from torch import nn\nfrom workbook.core import register_model\n\n@register_model\n"
    source += "class Moved(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    source += "        self.layer = nn.Linear(1, 1)\n"
    (tmp_path / "new.py").write_text(source)
    notes = {"model": "Moved", "options": {}, "model_file": str(tmp_path / "old.py"), "size": 32}
    (tmp_path / "config.json").write_text(json.dumps({"notes": notes}))
    assert run_notes(tmp_path)["size"] == 32
    with pytest.raises(ModelError, match=r"old\.py: no such Python file"):
        model_from_run(tmp_path)
    made = model_from_run(tmp_path, weights=False, model_file=tmp_path / "new.py")
    made.layer.weight.data.fill_(7)
    file = save_checkpoint(tmp_path / "other", made)
    loaded = model_from_run(tmp_path, weights=file, model_file=tmp_path / "new.py")
    assert loaded.layer.weight.item() == 7
