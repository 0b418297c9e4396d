import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbook.core.errors import DataError
from workbook.core.pairs import pair_by_name
from workbook.curation.layouts import find_layout, find_pairs, list_images, resolve_layout


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


LAYOUTS = {
    "mani": ["Tp/a.jpg", "Gt/a_gt.png", "Au/b.jpg"],
    "casia-v1": [
        "Tp/CM/a.jpg",
        "Tp/Sp/a.jpg",
        "CASIA 1.0 groundtruth/CM/a_gt.png",
        "CASIA 1.0 groundtruth/Sp/a_gt.png",
        "CASIA 1.0 groundtruth/list.txt",
        "Au/b.jpg",
    ],
    "casia-v2": ["Tp/Tp_a.tif", "CASIA 2 Groundtruth/Tp_a_gt.png", "Au/b.jpg", "Au/Thumbs.db"],
    "aisegment": [
        "clip_img/1/clip_00000000/7.jpg",
        "clip_img/2/clip_00000000/7.jpg",
        "clip_img/2/clip_00000000/._7.jpg",
        "matting/1/matting_00000000/7.png",
        "matting/2/matting_00000000/7.png",
        "matting/2/matting_00000000/._7.png",
    ],
    "folders": ["images/x/a.jpg", "masks/x/a.png"],
    "flat": ["a.jpg", "a_gt.png"],
}
PAIRS = {
    "mani": [("Au/b.jpg", None), ("Tp/a.jpg", "Gt/a_gt.png")],
    "casia-v1": [
        ("Au/b.jpg", None),
        ("Tp/CM/a.jpg", "CASIA 1.0 groundtruth/CM/a_gt.png"),
        ("Tp/Sp/a.jpg", "CASIA 1.0 groundtruth/Sp/a_gt.png"),
    ],
    "casia-v2": [("Au/b.jpg", None), ("Tp/Tp_a.tif", "CASIA 2 Groundtruth/Tp_a_gt.png")],
    "aisegment": [
        (f"clip_img/{g}/clip_00000000/7.jpg", f"matting/{g}/matting_00000000/7.png") for g in (1, 2)
    ],
    "folders": [("images/x/a.jpg", "masks/x/a.png")],
    "flat": [("a.jpg", "a_gt.png")],
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_recognised_and_paired(tmp_path, name):
    touch(tmp_path, *LAYOUTS[name])
    assert find_layout(tmp_path).name == name
    found = find_pairs(tmp_path)
    expected = [(tmp_path / image, tmp_path / mask if mask else None) for image, mask in PAIRS[name]]
    assert [(pair.image, pair.mask) for pair in found.pairs] == expected
    assert [found.images_without_mask, found.masks_without_image, found.ambiguous] == [[], [], []]


def test_two_and_three_folders(tmp_path):
    touch(tmp_path, "p/a.jpg", "q/a_mask.png", "r/b.jpg")
    assert len(find_pairs(tmp_path / "p", tmp_path / "q").pairs) == 1
    assert len(find_pairs(tmp_path / "p", tmp_path / "q", tmp_path / "r").pairs) == 2
    assert resolve_layout(tmp_path / "p", tmp_path / "q").root == tmp_path


def test_a_rule_of_ones_own(tmp_path):
    touch(tmp_path, "p/41t.tif", "q/41forged.tif")
    found = find_pairs(tmp_path / "p", tmp_path / "q", rule=lambda mask: mask.stem.replace("forged", "t"))
    assert [pair.name for pair in found.pairs] == ["41t.tif"]


def test_a_json_of_pairs(tmp_path):
    file = tmp_path / "pairs.json"
    file.write_text(json.dumps([["a.jpg", "a.png"], ["b.jpg", "Negative"]]))
    assert [pair.authentic for pair in find_pairs(file).pairs] == [False, True]


@pytest.mark.parametrize(
    ("files", "ask", "says"),
    [
        ([], "nowhere", "no such folder"),
        (["file.txt"], "file.txt", "is a file"),
        ([], "", "is empty"),
        (["Tp/a.jpg"], "", "no folder of masks"),
        (["Tp/a.jpg", "Gt/x.txt"], "", "holds no masks"),
        (["Tp/x.txt", "Gt/a.png"], "", "holds no images"),
        (["train/Tp/a.jpg", "train/Gt/a.png", "test/Tp/a.jpg", "test/Gt/a.png"], "", "2 datasets"),
    ],
)
def test_bad_folders_are_errors_of_one_line(tmp_path, files, ask, says):
    touch(tmp_path, *files)
    with pytest.raises(DataError, match=says) as caught:
        find_pairs(tmp_path / ask)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_loop_of_links_ends(tmp_path):
    touch(tmp_path, "Tp/a.jpg")
    (tmp_path / "Tp/loop").symlink_to(tmp_path / "Tp")
    (tmp_path / "Tp/self.jpg").symlink_to(tmp_path / "Tp/self.jpg")
    assert [path.name for path in list_images(tmp_path / "Tp")] == ["a.jpg", "self.jpg"]


def test_hidden_files_and_folders_are_no_images(tmp_path):
    touch(tmp_path, "Tp/.thumbnails/a.jpg", "Tp/._a.jpg", "Tp/a.jpg")
    assert list_images(tmp_path / "Tp") == [tmp_path / "Tp/a.jpg"]


def test_a_pipe_is_no_image(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "pipe.jpg")
    assert list_images(tmp_path) == []


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    touch(tmp_path, "Tp/a.jpg", "Gt/a_gt.png")

    def refuse(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("workbook.curation.layouts.os.scandir", refuse)
    with pytest.raises(DataError, match="Tp: cannot be read"):
        list_images(tmp_path / "Tp")


STEMS = st.text(st.characters(categories=("L", "N", "Zs"), include_characters="._-"), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.sets(STEMS), st.sets(st.tuples(STEMS, st.sampled_from(["", "_gt", "_mask", "_edge"]))))
def test_pairing_is_a_partition(images, masks):
    image_paths = {Path(f"Tp/{stem}.jpg") for stem in images}
    mask_paths = {Path(f"Gt/{stem}{suffix}.png") for stem, suffix in masks}
    found = pair_by_name(image_paths, mask_paths, image_root=Path("Tp"), mask_root=Path("Gt"))
    got_images = [pair.image for pair in found.pairs] + found.images_without_mask
    got_masks = [pair.mask for pair in found.pairs] + found.masks_without_image
    for group, claimed in found.ambiguous:
        got_images += group
        got_masks += claimed
    assert sorted(got_images) == sorted(image_paths)
    assert sorted(got_masks) == sorted(mask_paths)


def test_a_json_of_pairs_says_what_cannot_be(tmp_path):
    file = tmp_path / "pairs.json"
    twice = [
        ["a.jpg", "a.png"],
        ["a.jpg", "a.png"],
        ["b.jpg", "b.png"],
        ["b.jpg", "c.png"],
        ["d.jpg", "a.png"],
    ]
    file.write_text(json.dumps([*twice, ["e.jpg", "Negative"], ["e.jpg", "a.png"]]))
    found = find_pairs(file)
    assert [(pair.name, pair.mask.name) for pair in found.pairs] == [("a.jpg", "a.png"), ("d.jpg", "a.png")]
    ambiguous = [([p.name for p in images], [p.name for p in masks]) for images, masks in found.ambiguous]
    assert ambiguous == [(["b.jpg"], ["b.png", "c.png"]), (["e.jpg"], [])]


@pytest.mark.parametrize(
    ("text", "says"),
    [("[]", "holds no pairs"), ("[" * 100_000, "is not JSON"), ('[["a\\u0000", "b"]]', "entry 0")],
)
def test_a_json_that_is_no_list_of_pairs_is_an_error_of_one_line(tmp_path, text, says):
    (tmp_path / "pairs.json").write_text(text)
    with pytest.raises(DataError, match=says) as caught:
        find_pairs(tmp_path / "pairs.json")
    assert "\n" not in str(caught.value)


def test_the_root_of_a_json_is_its_folder_or_that_of_its_files(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    near, far = lists / "near.json", lists / "far.json"
    near.write_text(json.dumps([["Tp/a.jpg", "Gt/a.png"]]))
    far.write_text(json.dumps([[str(tmp_path / "data/Tp/a.jpg"), str(tmp_path / "data/Gt/a.png")]]))
    assert (resolve_layout(near).root, resolve_layout(far).root) == (lists, tmp_path / "data")


def test_a_name_that_none_can_be_is_an_error_of_one_line(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        find_pairs(tmp_path / ("x" * 300))
