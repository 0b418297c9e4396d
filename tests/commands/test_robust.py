import json

import pytest
from PIL import Image

from workbook.cli import main


def test_a_table_a_figure_and_json(small_run, data, tmp_path, capsys):
    words = ["robust", "--run", str(small_run), "--data", str(data), "--perturbation", "jpeg"]
    files = ["--csv", str(tmp_path / "r.csv"), "--figure", str(tmp_path / "r.png")]
    assert main([*words, "--strengths", "90", "30", *files, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["scores"]
    found = [(row["dataset"], row["perturbation"], row["strength"]) for row in rows]
    assert found == [("data", "clean", None), ("data", "jpeg", 90), ("data", "jpeg", 30)]
    assert (tmp_path / "r.csv").read_text().count("\n") == 4
    with Image.open(tmp_path / "r.png") as figure:
        assert figure.width > 100


def test_several_sets_and_fields_that_follow_the_perturbed_image(run_with_fields, data, tmp_path, capsys):
    (tmp_path / "sets.json").write_text(json.dumps({"a": str(data), "b": str(data)}))
    words = ["robust", "--run", str(run_with_fields), "--data", str(tmp_path / "sets.json")]
    assert main([*words, "--perturbation", "blur"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines[1:]} == {"a", "b"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--strengths", "3"], "--strengths are of one perturbation"),
        (["--perturbation", "jpg"], "did you mean 'jpeg'?"),
    ],
)
def test_wrong_use_is_one_line(small_run, data, capsys, more, said):
    assert main(["robust", "--run", str(small_run), "--data", str(data), *more]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
