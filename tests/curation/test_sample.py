import hashlib
import json
import os
import shutil
import sys
import threading
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from workbook.core.errors import DataError
from workbook.curation.applying import correct
from workbook.curation.faults import find_faults
from workbook.curation.layouts import find_pairs
from workbook.curation.names import CasiaName, find_hosts
from workbook.curation.planted import PLANTERS
from workbook.curation.sample import TEST_PHOTOGRAPHS, TRAIN_PHOTOGRAPHS, Part, make_casia_mini, sample
from workbook.curation.splits import find_leaks

module = sys.modules[sample.__module__]  # whose name in the package is the function's


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L")).astype(int)


@pytest.fixture
def small(monkeypatch):
    """A maker of the least dataset in which every fault has a place."""
    kept = {name: TRAIN_PHOTOGRAPHS[name] for name in ("camera", "astronaut", "coffee")}
    part = Part("train", kept, authentic=4, spliced=len(PLANTERS), copy_moved=2, first_id=1, faults=True)
    monkeypatch.setattr(module, "PARTS", (part,))
    return make_casia_mini


def test_it_has_as_many_of_each_kind_as_it_says(casia_mini):
    kinds = {}
    for name in ("train", "test"):
        files = [path.name for folder in ("Tp", "Au") for path in (casia_mini / name / folder).iterdir()]
        kinds[name] = Counter(file[:4] if file.startswith("Sp") else file[:2] for file in files)
    # One of the 54 splices is in train a second time, as a duplicate.
    assert kinds == {"train": {"Au": 42, "Sp_D": 55, "Sp_S": 26}, "test": {"Au": 14, "Sp_D": 16, "Sp_S": 10}}
    assert {path.name for path in casia_mini.iterdir()} == {"train", "test", "truth.json", ".version"}
    assert {path.name for part in ("train", "test") for path in (casia_mini / part).iterdir()} == {
        "Tp", "Gt", "Au",
    }  # fmt: skip


def test_images_and_masks_are_as_casia_has_them(casia_mini):
    sizes = Counter()
    for pair in find_pairs(casia_mini / "test").pairs:
        with Image.open(pair.image) as picture:
            assert (picture.format, picture.mode) == ("JPEG", "RGB")
            sizes[picture.size] += 1
            size = picture.size
        if pair.mask:
            mask = pixels(pair.mask)
            assert mask.shape == size[::-1]
            assert set(mask.flat) == {0, 255}
            assert 0.005 < (mask > 0).mean() < 0.45
    assert set(sizes) == {(384, 256), (256, 384)}


def test_the_name_says_what_was_done_and_the_mask_says_where(casia_mini):
    pairs = find_pairs(casia_mini / "test").pairs
    hosts = find_hosts(pairs)
    tampered = [pair for pair in pairs if pair.mask]
    assert len(hosts) == len(tampered) == 26
    for pair in tampered:
        name = CasiaName.parse(pair.image)
        assert name.stem == pair.image.stem
        assert name.copy_move == (name.kind == "S")
        changed = np.abs(pixels(pair.image) - pixels(hosts[pair.image]))
        inside = pixels(pair.mask) > 0
        assert changed[inside].mean() > 2 * changed[~inside].mean(), pair.name


def test_no_photograph_is_in_both_parts(casia_mini):
    parts = {name: find_pairs(casia_mini / name).pairs for name in ("train", "test")}
    assert find_leaks(parts) == {}
    assert not set(TRAIN_PHOTOGRAPHS) & set(TEST_PHOTOGRAPHS)


def test_the_audit_finds_what_was_planted_and_nothing_else(casia_mini):
    assert find_faults(casia_mini / "test", progress=False).clean
    report = find_faults(casia_mini / "train", progress=False)
    found = {
        (fault.kind, (fault.image or fault.mask).name): fault.detail.get("fits", fault.detail.get("cause"))
        for fault in report.faults
    }
    assert len(found) == len(report.faults)
    truths = json.loads((casia_mini / "truth.json").read_text())["faults"]
    assert len(truths) == len(PLANTERS)
    expected = {}
    for truth in truths:
        if truth["kind"] is not None:
            expected[truth["kind"], truth.get("duplicate", truth["image"])] = truth.get("cause")
        if "right_name" in truth:  # one misspelt name is three faults
            expected["mask_without_image", truth["mask"]] = None
            expected["contradictory_name", truth["image"]] = None
    assert found.keys() == expected.keys()
    for fault, cause in expected.items():
        assert cause is None or found[fault].startswith(cause), fault


def test_made_twice_it_is_the_same_and_repaired_it_is_what_was_spoilt(small, tmp_path, monkeypatch):
    plant = module.plant_faults

    def keep_and_plant(folder, *given):
        shutil.copytree(folder / "train", tmp_path / "sound")
        plant(folder, *given)

    np.random.seed(1)
    small(tmp_path / "one")
    np.random.seed(2)
    monkeypatch.setattr(module, "plant_faults", keep_and_plant)
    small(tmp_path / "two")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")

    truths = json.loads((tmp_path / "one/truth.json").read_text())["faults"]
    assert sorted(truth["part"] for truth in truths) == ["train"] * len(PLANTERS)
    pairing = correct(tmp_path / "one/train", tmp_path / "fixed", progress=False)
    assert find_faults(tmp_path / "fixed", progress=False).clean
    masks = {pair.image.name: pair.mask for pair in pairing.pairs if pair.mask}
    lost = {truth["image"] for truth in truths} - masks.keys()
    kinds = {truth["image"]: truth["kind"] for truth in truths if truth["image"] in lost}
    misnamed = next(truth for truth in truths if "right_name" in truth)
    assert kinds.pop(misnamed["image"]) == "image_without_mask"
    assert misnamed["right_name"] in masks  # renamed, not dropped
    assert sorted(kinds.values()) == ["empty_mask", "image_without_mask", "unreadable"]
    for name, mask in masks.items():
        wrong = (pixels(mask) > 127) != (pixels(tmp_path / "sound/Gt" / mask.name) > 127)
        assert wrong.mean() < 0.03, name  # a scaled or softened mask cannot come back to the pixel


def test_a_folder_that_is_there_is_returned_as_it_is(tmp_path):
    (tmp_path / "casia-mini").mkdir()
    (tmp_path / "casia-mini/.version").write_text(module.VERSION)
    assert sample("casia-mini", tmp_path) == tmp_path / "casia-mini"
    assert sample(root=str(tmp_path)) == tmp_path / "casia-mini"
    assert os.listdir(tmp_path / "casia-mini") == [".version"]


@pytest.mark.parametrize("version", [None, "1\n", "none"])
def test_a_folder_of_another_version_is_kept_with_a_warning(tmp_path, version):
    (tmp_path / "casia-mini").mkdir()
    if version is not None:
        (tmp_path / "casia-mini/.version").write_text(version)
    with pytest.warns(UserWarning, match="casia-mini: was written by another version"):
        assert sample(root=tmp_path) == tmp_path / "casia-mini"
    assert os.listdir(tmp_path / "casia-mini") == ([] if version is None else [".version"])


def one_line(error):
    return "\n" not in str(error.value)


def test_an_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(DataError, match=r"'casia'; choose from casia-mini") as error:
        sample("casia", tmp_path)
    assert one_line(error)
    assert not any(tmp_path.iterdir())


def test_a_root_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for root in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(DataError, match=rf"{root.name}: cannot write .*choose another") as error:
            sample("casia-mini", root)
        assert one_line(error)


def test_asked_for_twice_at_once_it_appears_whole(tmp_path, monkeypatch):
    both, built = threading.Barrier(2), []

    def slowly(folder):
        built.append(folder.stat().st_ino)
        both.wait(10)
        (folder / "one").write_text("1")
        both.wait(10)
        (folder / "two").write_text("2")
        assert not (tmp_path / "deep/casia-mini").exists()
        both.wait(10)

    monkeypatch.setitem(module.MAKERS, "casia-mini", slowly)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(sample("casia-mini", tmp_path / "deep"))) for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [tmp_path / "deep/casia-mini"] * 2
    assert sorted(os.listdir(tmp_path / "deep")) == ["casia-mini"]
    assert sorted(os.listdir(found[0])) == [".version", "one", "two"]
    assert found[0].stat().st_ino in built  # moved there, not copied file by file


def test_what_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    def failing(folder):
        (folder / "one").write_text("1")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(module.MAKERS, "casia-mini", failing)
    with pytest.raises(DataError, match=r"cannot write .*No space left on device.*choose another") as error:
        sample("casia-mini", tmp_path)
    assert one_line(error)
    assert not any(tmp_path.iterdir())
