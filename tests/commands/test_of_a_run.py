import pytest

from workbook.cli import main


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--run", "nowhere"], "config.json: does not say how the model was made"),
        (["--checkpoint", "worst"], "--checkpoint worst: the run has best, last, average, epoch_0001"),
        (["--size", "0"], "argument --size: 0: give a whole number from 1 up"),
        (["--batch-size", "many"], "argument --batch-size: many: give a whole number"),
        (["--data", "nowhere"], "nowhere: "),
        (["--model-file", "nowhere.py"], "nowhere.py: no such Python file"),
    ],
)
def test_wrong_use_is_one_line_and_2(small_run, data, capsys, more, said):
    try:
        code = main(["test", "--run", str(small_run), "--data", str(data), *more])
    except SystemExit as caught:
        code = caught.code
    assert code == 2
    error = capsys.readouterr().err
    assert error.startswith("workbook test: ")
    assert said in error
    assert error.count("\n") == 1


def test_a_file_of_weights_another_size_and_a_name_that_torchrun_does_not_take(small_run, data, capsys):
    file = str(small_run / "last" / "model.safetensors")
    words = [
        "test",
        "--run-folder",
        str(small_run),
        "--data",
        str(data),
        "--checkpoint",
        file,
        "--size",
        "own",
    ]
    assert main(words) == 0
    assert "pixel_f1" in capsys.readouterr().out
