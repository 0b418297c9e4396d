import json

import numpy as np
import pytest
from PIL import Image

from workbook.core.errors import DataError
from workbook.curation import Fault, FaultReport, Plan, apply_plan, find_faults, find_layout, make_plan
from workbook.show import FaultReviewer
from workbook.show.fault_reviewer import repaired_pane


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def root(tmp_path):
    """Three pairs: a turned mask, a mask coded 0/1, an image that lacks its mask."""
    random = np.random.default_rng(0)
    folder = tmp_path / "data"
    mask = np.zeros((20, 30))
    mask[2:8, 3:9] = 255
    for name, content in (("a", np.rot90(mask)), ("b", mask / 255), ("c", None), ("d", mask)):
        write(folder / f"Tp/{name}.png", random.integers(0, 255, (20, 30, 3)))
        if content is not None:
            write(folder / f"Gt/{name}_gt.png", content)
    return folder


@pytest.fixture
def report(root):
    report = find_faults(root, progress=False)
    assert [fault.kind for fault in report.faults] == ["image_without_mask", "size_mismatch", "coded_01"]
    return report


def actions(plan):
    return {correction.image or correction.mask: correction.action for correction in plan.corrections}


def test_what_was_not_touched_is_as_proposed(report):
    assert FaultReviewer(report).plan == make_plan(report)


def test_accept_goes_through_all_and_changes_nothing(report):
    reviewer = FaultReviewer(report)
    seen = []
    for _ in report.faults:
        seen.append(reviewer.text.value)
        reviewer.accept.click()
    assert len(set(seen)) == 3
    assert reviewer.plan == make_plan(report)
    assert "3 of 3 reviewed" in reviewer.text.value
    assert reviewer.number.value == 3


def test_a_choice_changes_plan_and_picture(report, drawn):
    reviewer = FaultReviewer(report)
    reviewer.number.value = 2
    before, proposed = drawn(reviewer), reviewer.repair.value
    other = next(
        label for label in reviewer.repair.options if label.startswith("rotate") and label != proposed
    )
    reviewer.repair.value = other
    assert f"{other} (chosen)" in reviewer.text.value
    assert not np.array_equal(before, drawn(reviewer))
    rotated = next(c for c in reviewer.plan.corrections if c.action == "rotate")
    assert f"degrees {rotated.parameters['degrees']}" in other
    reviewer.number.value = 3
    reviewer.number.value = 2
    assert reviewer.repair.value == other  # remembered, and turning pages chose nothing
    assert set(reviewer.reviewed) == {1}


def test_skip_leaves_a_fault_as_it_is(report, root, tmp_path):
    reviewer = FaultReviewer(report)
    reviewer.number.value = 2
    reviewer.skip.click()
    assert reviewer.number.value == 3
    assert actions(reviewer.plan)["Tp/a.png"] == "keep"
    assert "stays as it is" in repaired_pane(reviewer.choices[1]).pixels
    apply_plan(reviewer.plan, root, tmp_path / "copy", progress=False)
    assert (tmp_path / "copy/Gt/a_gt.png").read_bytes() == (root / "Gt/a_gt.png").read_bytes()
    reviewer.skip.click()  # the last one
    assert "(skipped)" in reviewer.text.value


def test_the_plan_is_saved_as_json_and_read_again(report, tmp_path):
    reviewer = FaultReviewer(report, file=tmp_path / "plan.json")
    reviewer.repair.value = "treat_as_authentic"
    reviewer.save_button.click()
    assert reviewer.message.value == f"saved 3 corrections to {tmp_path / 'plan.json'}"
    assert Plan.load(tmp_path / "plan.json") == reviewer.plan
    assert (
        json.loads((tmp_path / "plan.json").read_text())["corrections"][2]["action"] == "treat_as_authentic"
    )
    (tmp_path / "file").write_text("")
    reviewer.file.value = str(tmp_path / "file/plan.json")
    reviewer.save_button.click()
    assert reviewer.message.value.startswith("not saved: ")


def test_a_plan_is_reviewed_like_a_report(report, root):
    plan = make_plan(report)
    reviewer = FaultReviewer(plan, root)
    assert reviewer.plan == plan
    reviewer.number.value = 1
    assert "a.png" in reviewer.text.value
    reviewer.repair.value = "drop"
    assert [c.action for c in reviewer.plan.corrections] == [
        "drop",
        *(c.action for c in plan.corrections[1:]),
    ]
    with pytest.raises(DataError, match=r"FaultReviewer\(plan, folder\)"):
        FaultReviewer(plan)


def test_a_clean_dataset_has_nothing_to_review(report, root, tmp_path):
    apply_plan(make_plan(report), root, tmp_path / "clean", progress=False)
    reviewer = FaultReviewer(find_faults(tmp_path / "clean", progress=False))
    assert "the dataset is clean" in reviewer.text.value
    assert reviewer.accept.disabled
    assert reviewer.plan.corrections == []
    assert reviewer._repr_mimebundle_()["image/png"]
    assert repr(reviewer) == "FaultReviewer: 0 faults"


def test_the_result_of_a_repair_is_what_the_copy_will_hold(report, root, tmp_path):
    apply_plan(make_plan(report), root, tmp_path / "copy", progress=False)
    for fault in report.faults[1:]:
        pane = repaired_pane(fault)
        written = np.asarray(Image.open(tmp_path / "copy/Gt" / fault.mask.name)) / 255
        np.testing.assert_array_equal(pane.mask, written)
        assert f"{(written > 0.5).mean():.1%} marked" in pane.title


def test_what_has_no_picture_is_said_in_words(root, tmp_path):
    image, mask = root / "Tp/d.png", root / "Gt/d_gt.png"
    broken = tmp_path / "broken.png"
    broken.write_bytes(mask.read_bytes()[:50])

    def pixels(repair, image=image, mask=mask, **detail):
        return repaired_pane(Fault("misaligned", image, mask, detail, repair)).pixels

    assert pixels("drop") == "left out of the copy"
    assert pixels("rename", right_name="z") == "becomes z"
    assert pixels("invert", image=None) == "no image"
    assert "cannot be read" in pixels("invert", mask=broken)
    assert pixels("treat_as_authentic").shape == (20, 30, 3)
    other = repaired_pane(Fault("misaligned", image, mask, {"right_mask": str(mask)}, "use_mask"))
    assert other.mask.sum() == 36


def test_the_host_is_found_for_a_misaligned_mask(report, root):
    write(root / "Au/d_au.png", np.zeros((20, 30, 3)))
    fault = Fault("misaligned", root / "Tp/d.png", root / "Gt/d_gt.png", {"axis": "horizontal"}, "flip")
    found = FaultReport(find_layout(root), 5, 3, 3, [fault])
    assert "unlike the host" in FaultReviewer(found).scene().rows[0][2].title
    assert "unlike the host" not in FaultReviewer(found, hosts={}).scene().rows[0][2].title
