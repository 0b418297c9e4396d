import hashlib
import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from workbook.curation.applying import correct
from workbook.curation.faults import find_faults
from workbook.curation.layouts import find_layout, find_pairs
from workbook.curation.planted import PORTRAIT_PLANTERS
from workbook.curation.portraits import PARTS, PEOPLE, SIZE, guided_filter, matte
from workbook.curation.sample import sample


@pytest.fixture(scope="module")
def portraits(tmp_path_factory):
    return sample("portraits-mini", tmp_path_factory.mktemp("portraits"))


def alpha(path):
    with Image.open(path) as picture:
        return np.asarray(picture.getchannel("A") if picture.mode == "RGBA" else picture)


def test_it_is_laid_out_as_aisegment_is(portraits):
    assert {path.name for path in portraits.iterdir()} == {"train", "test", "truth.json", ".version"}
    layout = find_layout(portraits / "test")
    assert layout.name == "aisegment"
    pairs = find_pairs(portraits / "test").pairs
    assert len(pairs) == 12
    for pair in pairs:
        group = pair.image.parts[-3]
        assert pair.image.parent.parts[-3:] == ("clip_img", group, "clip_00000000")
        assert pair.mask.parent.parts[-3:] == ("matting", group, "matting_00000000")
        with Image.open(pair.image) as image, Image.open(pair.mask) as mask:
            assert (image.format, image.mode, mask.mode) == ("JPEG", "RGB", "RGBA")
            assert image.size == mask.size == SIZE[::-1]
        values = alpha(pair.mask)
        soft = ((values > 0) & (values < 255)).mean()
        assert 0.01 < soft < 0.2
        assert 0.2 < (values > 127).mean() < 0.85


def test_no_person_and_no_background_is_in_both_parts():
    train, test = ({part.person, *part.backgrounds} for part in PARTS)
    assert not train & test


def test_made_twice_it_is_the_same(portraits, tmp_path):
    np.random.seed(7)
    again = sample("portraits-mini", tmp_path)

    def digests(folder):
        files = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    assert digests(again) == digests(portraits)


def test_the_audit_finds_what_was_planted_and_that_masks_are_in_alpha(portraits):
    report = find_faults(portraits / "test", soft=True, progress=False)
    assert report.counts() == {"alpha_only": 12}
    report = find_faults(portraits / "train", soft=True, progress=False)
    found = {
        (fault.kind, (fault.image or fault.mask).stem)
        for fault in report.faults
        if fault.kind != "alpha_only"
    }
    truth = json.loads((portraits / "truth.json").read_text())
    assert len(truth["faults"]) == len(PORTRAIT_PLANTERS)
    planted = {
        (fault["kind"], (fault.get("duplicate") or fault["image"] or fault["mask"]).split(".")[0])
        for fault in truth["faults"]
        if fault["kind"]
    }
    assert found == planted
    coded_as_grey = sum(fault.get("coding") == "grey" for fault in truth["faults"])
    assert report.counts()["alpha_only"] == report.pairs - coded_as_grey - 1  # one image is unreadable
    strays = [path for path in (portraits / "train").rglob("._*")]
    assert sorted(path.suffix for path in strays) == [".jpg", ".png"]


@pytest.mark.parametrize("soft", [True, False])
def test_repaired_its_mattes_stay_soft_or_become_binary(portraits, tmp_path, soft):
    pairs = correct(portraits / "train", tmp_path / "out", soft=soft, progress=False).pairs
    assert find_faults(tmp_path / "out", soft=soft, progress=False).clean
    # The pairs without an image, without a mask, and with half an image; the duplicate.
    assert len(pairs) == 36 - 3
    levels = Counter()
    for pair in pairs:
        with Image.open(pair.mask) as mask:
            assert mask.mode == "L"
            levels[len(np.unique(np.asarray(mask))) > 2] += 1
    assert levels == {soft: 33}


def test_a_matte_is_one_inside_zero_outside_and_soft_at_the_outline():
    for name, person in PEOPLE.items():
        values = matte(name)
        row, column = person.centre
        assert values[row, column] == 255
        assert values[5, 5] == values[5, -5] == 0
        assert ((values > 0) & (values < 255)).any()


def test_the_guided_filter_against_its_definition():
    rng = np.random.default_rng(0)
    guide, values = rng.random((9, 11)), rng.random((9, 11))
    radius, epsilon = 1, 0.01
    slopes, offsets = {}, {}
    for row in range(1, 8):
        for column in range(1, 10):
            window = np.s_[row - 1 : row + 2, column - 1 : column + 2]
            g, v = guide[window], values[window]
            slopes[row, column] = ((g * v).mean() - g.mean() * v.mean()) / (g.var() + epsilon)
            offsets[row, column] = v.mean() - slopes[row, column] * g.mean()
    got = guided_filter(guide, values, radius, epsilon)
    around = [(r, c) for r in (3, 4, 5) for c in (4, 5, 6)]
    expected = np.mean([slopes[p] for p in around]) * guide[4, 5] + np.mean([offsets[p] for p in around])
    assert got[4, 5] == pytest.approx(expected)
