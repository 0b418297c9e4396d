import json

import pandas as pd
import pytest

from workbook.cli import main


def test_scores_of_one_checkpoint_and_of_all(small_run, data, tmp_path, capsys):
    assert main(["test", "--run", str(small_run), "--data", str(data), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["run"], said["unreadable"]) == (str(small_run), [])
    scores = {(row["kind"], row["score"]): row["value"] for row in said["scores"]}
    logged = json.loads((small_run / "log.jsonl").read_text().splitlines()[-1])
    assert scores["all", "pixel_f1"] == pytest.approx(logged["pixel_f1"], abs=1e-9)
    assert {row["checkpoint"] for row in said["scores"]} == {"best"}

    files = [tmp_path / name for name in ("scores.csv", "images.csv", "scores.tex")]
    words = ["--csv", files[0], "--images-csv", files[1], "--latex", files[2], "--all-checkpoints"]
    assert main(["test", "--run", str(small_run), "--data", str(data), *map(str, words)]) == 0
    said = capsys.readouterr()
    table, images = pd.read_csv(files[0]), pd.read_csv(files[1])
    assert set(table["checkpoint"]) == {"best", "last", "average", "epoch_0001"}
    assert len(images) == 4 * 7
    assert "pixel_f1" in said.out
    assert said.err == ""  # no terminal, so no progress
    assert files[2].read_text().startswith(r"\begin{tabular}")


def test_other_peoples_protocols(small_run, data, capsys):
    words = [
        "test",
        "--run",
        str(small_run),
        "--data",
        str(data),
        "--json",
        "--protocol",
        "IMDL-BenCo",
        "FOCAL",
    ]
    assert main(words) == 0
    rows = json.loads(capsys.readouterr().out)["scores"]
    assert {row["protocol"] for row in rows} == {"IMDL-BenCo", "FOCAL"}


def test_the_fields_of_a_post_func_arrive(run_with_fields, data, capsys):
    notes = json.loads((run_with_fields / "config.json").read_text())["notes"]
    assert notes["post_func"] == ["jpeg", f"{run_with_fields.parent / 'own.py'}:double"]
    assert main(["test", "--run", str(run_with_fields), "--data", str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"]


def test_an_image_that_cannot_be_read_is_1(small_run, data, tmp_path, capsys):
    (tmp_path / "broken.png").write_bytes(b"no image")
    pairs = [[str(data / "Tp/0.png"), str(data / "Gt/0_gt.png")], [str(tmp_path / "broken.png"), "Negative"]]
    (tmp_path / "list.json").write_text(json.dumps(pairs))
    assert main(["test", "--run", str(small_run), "--data", str(tmp_path / "list.json")]) == 1
    error = capsys.readouterr().err
    assert "workbook test: left out: " in error
    assert "1 images could not be read" in error
