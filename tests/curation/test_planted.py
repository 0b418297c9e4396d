import json

import numpy as np
import pytest
from PIL import Image

from workbook.curation import planted
from workbook.curation.faults import find_faults
from workbook.curation.planted import PLANTERS, PORTRAIT_PLANTERS, plant_faults, plant_portrait_faults


def audit(folder):
    return find_faults(folder, progress=False)


@pytest.mark.parametrize("planter", PLANTERS)
def test_each_fault_is_there_and_is_told_as_it_is(dataset, make, stem, planter):
    image, mask = dataset / f"Tp/{stem}.jpg", dataset / f"Gt/{stem}_gt.png"
    with Image.open(image.with_suffix(".png")) as picture:
        picture.save(image, quality=98)
    image.with_suffix(".png").unlink()
    assert audit(dataset).clean
    truth = planter(image, mask)
    report = audit(dataset)
    if planter is planted.misnamed_image:  # which three faults tell
        assert {fault.repair for fault in report.faults} == {"rename", "keep"}
        assert set(report.counts()) == {"image_without_mask", "mask_without_image", "contradictory_name"}
    else:
        assert report.counts() == ({truth["kind"]: 1} if truth["kind"] else {})
    for fault in report.faults:
        if fault.kind == truth["kind"] and "cause" in truth:
            assert fault.detail.get("fits", fault.detail.get("cause")).startswith(truth["cause"])
    if planter is planted.rgba_mask:
        with Image.open(mask) as picture:
            assert picture.mode == "RGBA"


def test_every_fault_spoils_another_splice_and_is_written_down(tmp_path, make, monkeypatch):
    kept = (planted.missing_mask, planted.empty_mask, planted.inverted_mask)
    monkeypatch.setattr(planted, "PLANTERS", kept)
    for number in range(1, 5):
        for name in (f"Sp_D_N_A_pla0001_ani{number:04d}_{number:04d}", f"Sp_S_N_A_{number}"):
            make.save(tmp_path / f"train/Tp/{name}.jpg", make.photograph(number))
            make.save(tmp_path / f"train/Gt/{name}_gt.png", make.region())
    plant_faults(tmp_path, ["train"], np.random.default_rng(0))
    truths = json.loads((tmp_path / "truth.json").read_text())["faults"]
    assert [truth["kind"] for truth in truths] == ["image_without_mask", "empty_mask", "inverted_mask"]
    assert len({truth["image"] for truth in truths}) == 3
    assert all(truth["image"].startswith("Sp_D") and truth["part"] == "train" for truth in truths)
    spoilt = {
        path.name
        for path in (tmp_path / "train/Gt").iterdir()
        if not np.array_equal(np.asarray(Image.open(path)), make.region())
    }
    assert spoilt == {truth["mask"] for truth in truths[1:]}
    assert len(list((tmp_path / "train/Gt").iterdir())) == 7


def test_every_fault_of_the_portraits_spoils_another_one_and_is_written_down(tmp_path, make):
    for number in range(9):
        colours = Image.fromarray(make.photograph(number))
        colours.putalpha(Image.fromarray(make.region()))
        for folder, suffix in (("clip_img/1/clip_00000000", "jpg"), ("matting/1/matting_00000000", "png")):
            target = tmp_path / "train" / folder / f"{number}.{suffix}"
            target.parent.mkdir(parents=True, exist_ok=True)
            (colours if suffix == "png" else colours.convert("RGB")).save(target)
    plant_portrait_faults(tmp_path, ["train"], np.random.default_rng(0))
    truths = json.loads((tmp_path / "truth.json").read_text())["faults"]
    kinds = [truth["kind"] for truth in truths]
    assert len(kinds) == len(PORTRAIT_PLANTERS)
    report = find_faults(tmp_path / "train", soft=True, progress=False)
    found = [fault.kind for fault in report.faults if fault.kind != "alpha_only"]
    assert sorted(found) == sorted(kind for kind in kinds if kind)
