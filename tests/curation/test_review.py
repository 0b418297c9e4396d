from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbook.core.errors import DataError
from workbook.curation import Fault, Plan, apply_plan, find_faults, make_plan
from workbook.curation.layouts import resolve_layout
from workbook.curation.review import PlannedFault, describe_repair, plan_of, possible_repairs

IMAGE, MASK = Path("d/Tp/a.jpg"), Path("d/Gt/a_gt.png")


def names(fault):
    return [describe_repair(possible) for possible in possible_repairs(fault)]


def test_a_mask_can_be_turned_either_way_and_the_proposed_way_comes_first():
    offered = names(Fault("size_mismatch", IMAGE, MASK, {"cause": "rotated", "degrees": 270}, "rotate"))
    assert offered[0] == "rotate: degrees 270"
    assert sorted(offered[1:3]) == ["rotate: degrees 180", "rotate: degrees 90"]
    assert {"drop", "keep", "treat_as_authentic", "rescale", "invert", "flip: axis vertical"} < set(offered)
    assert len(offered) == len(set(offered))


def test_what_has_no_parameters_here_is_not_offered():
    offered = " ".join(names(Fault("empty_mask", IMAGE, MASK, {}, "treat_as_authentic")))
    assert not any(
        word in offered for word in ("pad_or_crop", "shift", "use_mask", "rename", "move", "alpha")
    )
    shifted = Fault("misaligned", IMAGE, MASK, {"rows": 8, "columns": 0}, "shift")
    assert names(shifted)[0] == "shift: rows 8, columns 0"
    assert "pad_or_crop: rows 8, columns 0" in names(shifted)


def test_a_file_that_is_not_there_is_not_repaired():
    alone = names(Fault("image_without_mask", IMAGE, None, {}, "drop"))
    assert alone == ["drop", "treat_as_authentic", "keep"]
    orphan = names(
        Fault("mask_without_image", None, MASK, {"right_name": "b", "candidate": "b.jpg"}, "rename")
    )
    assert orphan[0] == "rename: right name b"
    assert "treat_as_authentic" not in orphan


def test_every_choice_makes_a_plan_that_can_be_applied(dataset, stem, tmp_path):
    mask = dataset / "Gt" / f"{stem}_gt.png"
    Image.fromarray(np.rot90(np.array(Image.open(mask)))).save(mask)
    report = find_faults(dataset, progress=False)
    (fault,) = report.faults
    written = {}
    for number, choice in enumerate(possible_repairs(fault)):
        plan = plan_of(report, [choice])
        assert [c.action for c in plan.corrections] == [choice.repair]
        copy = apply_plan(plan, dataset, tmp_path / f"copy{number}", progress=False)
        pair = next((pair for pair in copy.pairs if pair.image.stem == stem), None)
        written[describe_repair(choice)] = (
            None if pair is None or pair.mask is None else np.array(Image.open(pair.mask))
        )
    assert written["drop"] is None
    assert written["treat_as_authentic"] is None
    assert (written["rotate: degrees 90"] != written["rotate: degrees 270"]).any()
    assert written["keep"].shape == np.array(Image.open(mask)).shape


def test_untouched_choices_are_the_proposed_plan(dataset, stem):
    (dataset / "Gt" / f"{stem}_gt.png").unlink()
    report = find_faults(dataset, progress=False)
    assert plan_of(report, report.faults) == make_plan(report)
    kept = plan_of(report, [replace(fault, repair="keep") for fault in report.faults])
    assert {correction.action for correction in kept.corrections} == {"keep"}


def test_a_planned_correction_can_be_looked_at_and_changed(dataset, stem):
    layout = resolve_layout(dataset)
    other = "Sp_D_NNN_A_ani0002_pla0052_0002_gt.png"
    text = f"""{{"corrections": [{{"action": "use_mask", "image": "Tp/{stem}.png", "mask": "Gt/{stem}_gt.png",
        "parameters": {{"right_mask": "Gt/{other}"}}, "reason": "misaligned"}}]}}"""
    (correction,) = Plan.from_json(text).corrections
    planned = PlannedFault.of(correction, layout)
    assert planned.fault.image == dataset / "Tp" / f"{stem}.png"
    assert Path(planned.fault.detail["right_mask"]).is_file()
    assert planned.fault.kind == "misaligned"
    assert planned.corrected(planned.fault, layout) is correction
    third = replace(planned.fault, detail={"right_mask": str(dataset / "Gt/x_gt.png")})
    assert dict(planned.corrected(third, layout).parameters) == {"right_mask": "Gt/x_gt.png"}
    inverted = planned.corrected(replace(planned.fault, repair="invert"), layout)
    assert (inverted.action, dict(inverted.parameters)) == ("invert", {})
    outside = replace(planned.fault, detail={"right_mask": "/elsewhere/m.png"})
    with pytest.raises(DataError, match="lies outside"):
        planned.corrected(outside, layout)
