import pytest

from workbook.curation.applying import apply_plan
from workbook.curation.corrections import make_plan
from workbook.curation.errata import read_errata
from workbook.curation.errata_plans import errata_plan
from workbook.curation.faults import find_faults


@pytest.fixture
def published(tmp_path, make):
    """CASIA v1 as downloaded, in small: original names of images, corrected names of masks."""
    root = tmp_path / "published"
    for number, (wrong, right) in enumerate(read_errata("casia-v1").renames.items()):
        make.save(root / "Tp" / wrong.with_suffix(".png"), make.photograph(number))
        make.save(root / "CASIA 1.0 groundtruth" / right.parent / f"{right.stem}_gt.png", make.region())
    make.save(root / "Tp/CM/Sp_S_CND_A_pla0016_pla0016_0196.png", make.photograph(77))
    make.save(root / "CASIA 1.0 groundtruth/CM/Sp_S_CND_A_pla0016_pla0016_0196_gt.png", make.region())
    return root


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))


def test_errata_yield_the_corrected_tree_and_back(published, tmp_path):
    errata = read_errata("casia-v1")
    apply_plan(errata_plan(errata, published), published, tmp_path / "corrected", progress=False)
    expected = {str(right.with_suffix(".png")) for right in errata.renames.values()}
    assert expected < set(names(tmp_path / "corrected/Tp"))
    assert find_faults(tmp_path / "corrected", progress=False).clean
    back = errata_plan(errata, tmp_path / "corrected", reverse=True)
    apply_plan(back, tmp_path / "corrected", tmp_path / "back", progress=False)
    assert names(tmp_path / "back") == names(published)


def test_an_audit_with_errata_knows_the_right_names(published, tmp_path):
    report = find_faults(published, errata="casia-v1", progress=False)
    assert report.counts() == {"image_without_mask": 33, "mask_without_image": 33, "contradictory_name": 33}
    apply_plan(make_plan(report), published, tmp_path / "out", progress=False)
    after = find_faults(tmp_path / "out", errata="casia-v1", progress=False)
    assert (after.clean, after.pairs) == (True, 34)


def test_without_errata_the_masks_tell_the_right_names(published, tmp_path):
    plan = make_plan(find_faults(published, progress=False))
    assert len(apply_plan(plan, published, tmp_path / "out", progress=False).pairs) == 34
