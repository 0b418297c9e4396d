import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbook.curation.audit import add_arguments, run


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        for folder, pixels in (("p", rng.integers(0, 255, (40, 60, 3))), ("q", np.eye(40, 60) * 255)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / folder / f"{name}.png")
    return tmp_path


def audit(*words):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(word) for word in words]))


def spoil(folders):
    path = folders / "q/b.png"
    with Image.open(path) as mask:
        mask.transpose(Image.Transpose.ROTATE_90).save(path)


def test_clean_is_0(folders, capsys):
    assert audit(folders / "p", folders / "q") == 0
    assert "2 images, 2 masks, 2 pairs: no fault found" in capsys.readouterr().out


def test_faults_are_1_and_a_plan_mends_them(folders, capsys):
    spoil(folders)
    report, plan, out = (folders / name for name in ("report.json", "plan.json", "fixed"))
    source = (folders / "p", folders / "q")
    assert audit(*source, "--json", report, "--plan", plan) == 1
    written = json.loads(report.read_text())
    assert {key: written[key] for key in ("images", "masks", "pairs")} == {
        "images": 2,
        "masks": 2,
        "pairs": 2,
    }
    assert [(f["kind"], f["detail"]["cause"]) for f in written["faults"]] == [("size_mismatch", "rotated")]
    assert [Path(f["mask"]).name for f in written["faults"]] == ["b.png"]
    assert audit(*source, "--apply", plan, "--out", out) == 2  # inside the folder that holds both
    assert "beside it" in capsys.readouterr().err


def test_apply_writes_a_clean_copy(folders, tmp_path_factory):
    spoil(folders)
    work = tmp_path_factory.mktemp("work")
    source = (folders / "p", folders / "q")
    audit(*source, "--plan", work / "plan.json")
    assert audit(*source, "--apply", work / "plan.json", "--out", work / "fixed") == 0
    assert audit(work / "fixed/p", work / "fixed/q") == 0


def test_json_to_standard_output_is_nothing_but_json(folders, capsys):
    assert audit(folders / "p", folders / "q", "--json", "-", "--headers") == 0
    assert json.loads(capsys.readouterr().out)["faults"] == []


@pytest.mark.parametrize(
    "words",
    [
        ("nowhere",),
        ("p", "nowhere"),
        ("p/a.png", "q"),
        ("p",),
        ("p", "q", "--apply", "plan.json"),
        ("p", "q", "--apply", "none.json", "--out", "x"),
        ("p", "q", "--authentic", "nowhere"),
        ("pairs.json",),
        ("list.json",),
        ("outside.json",),
    ],
)
def test_wrong_use_is_2_and_one_line(folders, capsys, monkeypatch, words):
    monkeypatch.chdir(folders)
    Path("pairs.json").write_text("{]")
    Path("list.json").write_text('{"a": 1}')
    Path("outside.json").write_text('[["../../a.png", "Negative"]]')
    assert audit(*words) == 2
    error = capsys.readouterr().err
    assert error.startswith("workbook audit: ")
    assert error.count("\n") == 1


def test_errata_must_be_known(folders, capsys):
    with pytest.raises(SystemExit) as caught:
        audit(folders / "p", folders / "q", "--errata", "casia-v9")
    assert caught.value.code == 2


def test_report_to_a_place_that_cannot_be_written(folders, capsys):
    assert audit(folders / "p", folders / "q", "--json", folders / "p/a.png/report.json") == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("workbook audit: ")
    assert "a.png" in last
