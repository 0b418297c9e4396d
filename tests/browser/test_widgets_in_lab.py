"""Each widget in a notebook of its own, in a real JupyterLab: moved from the keyboard, its effect seen."""

import json

import pytest
from nbformat.v4 import new_code_cell

from workbook.curation import find_faults, make_plan, sample

pytestmark = pytest.mark.browser
HEAD = """
from pathlib import Path
import torch
from workbook.core import predict
from workbook.curation import find_faults, find_pairs
from workbook.models import UNet
train, test = Path("embedded/casia-mini/train"), Path("embedded/casia-mini/test")
tampered = [pair for pair in find_pairs(test).pairs if not pair.authentic][:3]
torch.manual_seed(0)
model = UNet(features=8, depth=2, scale=2)
"""


@pytest.fixture(scope="session")
def dataset(lab):
    return sample("casia-mini", lab.folder / "embedded")


@pytest.fixture
def show(lab, dataset, open_notebook):
    """Shows the widget that some code ends with."""

    def run(name, code):
        lab.write(f"{name}.ipynb", [new_code_cell(HEAD), new_code_cell(code)])
        notebook = open_notebook(f"{name}.ipynb")
        saved = notebook.run_all()
        assert [o for cell in saved.cells for o in cell.outputs if o.output_type == "error"] == []
        panel = notebook.panel()
        panel.screenshot(f"{name}_before")
        return panel

    return run


def test_pair_browser(show):
    panel = show(
        "pair_browser", "from workbook.show import PairBrowser\nPairBrowser(find_pairs(train).pairs[-3:])"
    )
    assert panel.text.startswith("1 of 3: Sp_")
    panel.press("pair", "ArrowRight")
    assert panel.text.startswith("2 of 3: ")
    panel.click("Next")
    assert panel.text.startswith("3 of 3: ")
    panel.screenshot("pair_browser_after")
    panel.click("Previous")
    assert panel.text.startswith("2 of 3: ")


def test_a_single_pair_needs_no_slider(show):
    panel = show("one_pair", "from workbook.show import PairBrowser\nPairBrowser(tampered[:1])")
    assert panel.text.startswith("1 of 1: ")
    assert panel.sliders() == {}


def test_fault_reviewer_edits_and_saves_the_plan(show, lab, dataset):
    panel = show(
        "fault_reviewer",
        "from workbook.show import FaultReviewer\nFaultReviewer(find_faults(train, progress=False))",
    )
    report = find_faults(dataset / "train", progress=False)
    turned = next(i for i, fault in enumerate(report.faults) if fault.detail.get("cause") == "rotated")
    for _ in range(turned):
        panel.click("Accept")
    assert panel.text.startswith(f"{turned + 1} of {len(report.faults)}: size_mismatch")
    assert f"{turned} of {len(report.faults)} reviewed" in panel.text
    other = 360 - report.faults[turned].detail["degrees"]
    panel.choose("repair", f"rotate: degrees {other}")
    assert f"rotate: degrees {other} (chosen)" in panel.text
    panel.screenshot("fault_reviewer_after")
    panel.click("Accept")
    panel.click("Skip")
    panel.place.locator('button:has-text("Save plan")').click()
    panel.place.get_by_text("corrections to plan.json").wait_for()
    saved = json.loads((lab.folder / "plan.json").read_text())["corrections"]
    proposed = json.loads(make_plan(report).to_json())["corrections"]
    assert {c["parameters"]["degrees"] for c in saved if c["action"] == "rotate"} == {other}
    skipped = report.faults[turned + 1].image.name
    assert [c["action"] for c in saved if skipped in (c["image"] or "")] == ["keep"]
    assert [c["action"] for c in proposed if skipped in (c["image"] or "")] != ["keep"]


def test_threshold_slider(show):
    code = """
from workbook.show import ThresholdSlider
found = predict(model, tampered)
for each in found:
    each.pred_mask.copy_(0.6 * each.mask.roll(20, 2) + 0.4 * torch.rand(each.mask.shape))
ThresholdSlider(found)"""
    panel = show("threshold_slider", code)
    assert "all 3 images at 0.500: F1" in panel.text
    scores = panel.text.split("at 0.500: ")[1]
    panel.press("threshold", "ArrowRight", times=30)
    assert "at 0.500" not in panel.text
    assert scores not in panel.text
    panel.screenshot("threshold_slider_after")
    panel.press("image", "ArrowRight")
    assert panel.text.startswith("2 of 3: ")


def test_robustness_slider(show):
    panel = show(
        "robustness_slider",
        "from workbook.show import RobustnessSlider\nRobustnessSlider(model, tampered[0])",
    )
    assert "jpeg 100: " in panel.text
    panel.press("strength", "ArrowRight")
    assert "jpeg 100: " not in panel.text
    panel.screenshot("robustness_slider_after")
    panel.choose("kind", "blur")
    panel.press("strength", "ArrowRight")
    assert "blur 3: " in panel.text


def test_checkpoint_compare(show):
    code = """
from workbook.show import CheckpointCompare
other = UNet(features=8, depth=3)
CheckpointCompare({"last": predict(model, tampered), "best": predict(other, tampered)})"""
    panel = show("checkpoint_compare", code)
    assert [line.split(":")[0] for line in panel.text.splitlines()[1:]] == ["last", "best"]
    panel.choose("left", "best")
    assert [line.split(":")[0] for line in panel.text.splitlines()[1:]] == ["best", "best"]
    panel.press("image", "ArrowRight")
    assert panel.text.startswith("2 of 3: ")
    panel.press("threshold", "ArrowLeft", times=64, picture=False)
    panel.place.get_by_text("threshold 0.250").wait_for()
    assert "threshold 0.250" in panel.text
    panel.screenshot("checkpoint_compare_after")
