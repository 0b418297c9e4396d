import pytest

from workbook.commands.model_parser import ModelParser, dashed
from workbook.core.errors import ModelError, WorkbookError


def parser(*words):
    return ModelParser("try", "Tries.", "example:\n  workbook try", words)


def test_a_models_parameters_become_options_and_share_those_that_are_there():
    made = parser("--model", "UNet", "--features", "8", "--lr", "0.5")
    made.parser.add_argument("--lr", type=float, default=1.0)
    made.parser.add_argument("--depth", type=int, default=2)
    given = made.parse(["lr", "depth"])
    assert (given.features, given.lr, given.depth) == (8, 0.5, 2)
    assert made.shared == ["depth"]
    assert "features" in made.options


@pytest.mark.parametrize("content", ["- a", "3"])
def test_a_file_that_holds_no_options_is_named(tmp_path, content):
    (tmp_path / "c.yaml").write_text(content)
    with pytest.raises(WorkbookError, match=r"c\.yaml: holds no options"):
        parser("--config", str(tmp_path / "c.yaml"))


def test_without_a_model():
    with pytest.raises(ModelError, match="which model"):
        parser().parse()


def test_options_are_shown_as_they_are_typed():
    assert dashed("unknown --min_lr in a_name, see --help") == "unknown --min-lr in a_name, see --help"
