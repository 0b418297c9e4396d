import json

import pytest

from workbook.cli import main


def test_the_models_options_are_the_verbs(capsys):
    words = ["complexity", "--model", "UNet", "--features", "32", "--size", "32", "--device", "cpu"]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["parameters"], found["height"], found["device"]) == (7_763_041, 32, "cpu")
    assert main(words) == 0
    assert "parameters   7,763,041 (7,763,041 trainable)\n" in capsys.readouterr().out


def test_no_weights_are_fetched(capsys):
    words = ["complexity", "--model", "MyConvNeXt", "--backbone", "convnext_atto", "--size", "32", "--json"]
    assert main([*words, "--weights", "nowhere.safetensors"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"] > 3e6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "which model? give --model NAME"),
        (["--model", "UNet", "--size", "0"], "size=0: must be"),
        (["--model", "UNet", "--feature", "8"], "did you mean --features?"),
    ],
)
def test_wrong_use_is_one_line(words, said, capsys):
    assert main(["complexity", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("workbook complexity: ")
    assert said in error
    assert error.count("\n") == 1
