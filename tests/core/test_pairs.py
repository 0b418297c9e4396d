import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbook.core.errors import DataError
from workbook.core.pairs import NEGATIVE, Pair, pair_by_name, read_pairs, write_pairs


def named(*names):
    return [Path(name) for name in names]


def texts(pairing):
    return [(pair.image.as_posix(), pair.mask.as_posix()) for pair in pairing.pairs]


def test_a_mask_belongs_to_the_image_whose_stem_it_extends():
    images = named("Tp/d.jpg", "Tp/a.jpg", "Tp/b.tif", "Tp/c.png", "Tp/e.jpg")
    found = pair_by_name(
        images, named("Gt/a_gt.png", "Gt/b_mask.png", "Gt/c_edge.png", "Gt/d.png", "Gt/f.png")
    )
    assert texts(found) == [
        ("Tp/a.jpg", "Gt/a_gt.png"),
        ("Tp/b.tif", "Gt/b_mask.png"),
        ("Tp/c.png", "Gt/c_edge.png"),
        ("Tp/d.jpg", "Gt/d.png"),
    ]
    assert found.images_without_mask == named("Tp/e.jpg")
    assert found.masks_without_image == named("Gt/f.png")


def test_a_stem_of_its_own_comes_before_a_suffix():
    found = pair_by_name(named("a.jpg", "a_gt.jpg"), named("a_gt.png", "a.png"))
    assert texts(found) == [("a.jpg", "a.png"), ("a_gt.jpg", "a_gt.png")]


def test_a_name_that_two_files_claim_is_nobodys():
    found = pair_by_name(named("a.jpg", "a.png", "b.jpg"), named("a_gt.png", "b_gt.png", "b_mask.png"))
    assert found.pairs == []
    assert found.ambiguous == [
        (tuple(named("a.jpg", "a.png")), tuple(named("a_gt.png"))),
        (tuple(named("b.jpg")), tuple(named("b_gt.png", "b_mask.png"))),
    ]


def test_mirrored_folders_come_first_then_the_stem_alone():
    images = named("Tp/CM/a.jpg", "Tp/Sp/a.jpg", "Tp/Sp/b.jpg")
    masks = named("Gt/Sp/a_gt.png", "Gt/CM/a_gt.png", "Gt/b_gt.png")
    found = pair_by_name(images, masks, image_root=Path("Tp"), mask_root=Path("Gt"))
    assert texts(found) == [
        ("Tp/CM/a.jpg", "Gt/CM/a_gt.png"),
        ("Tp/Sp/a.jpg", "Gt/Sp/a_gt.png"),
        ("Tp/Sp/b.jpg", "Gt/b_gt.png"),
    ]
    assert len(pair_by_name(images, masks).ambiguous) == 1  # where folders do not matter


def test_a_rule_of_ones_own_replaces_the_suffixes():
    found = pair_by_name(
        named("t7.jpg", "m8_gt.jpg"), named("m7.png", "m8_gt.png"), rule=lambda mask: "t" + mask.stem[1:]
    )
    assert texts(found) == [("t7.jpg", "m7.png")]
    assert found.masks_without_image == named("m8_gt.png")


STEMS = st.sampled_from(["a", "b", "a_gt", "a_mask", "Ä", "b_gt_gt"])
FILES = st.sets(st.tuples(st.sampled_from(["", "x", "y"]), STEMS, st.sampled_from([".jpg", ".png"])))


@settings(max_examples=80, deadline=None)
@given(FILES, FILES, st.booleans())
def test_every_file_is_in_exactly_one_list(images, masks, mirrored):
    images = [Path("Tp", folder, stem + end) for folder, stem, end in images]
    masks = [Path("Gt", folder, stem + end) for folder, stem, end in masks]
    roots = {"image_root": Path("Tp"), "mask_root": Path("Gt")} if mirrored else {}
    found = pair_by_name(images, masks, **roots)
    placed = [pair.image for pair in found.pairs] + found.images_without_mask
    placed += [path for group, _ in found.ambiguous for path in group]
    assert sorted(placed) == sorted(images)
    placed = [pair.mask for pair in found.pairs] + found.masks_without_image
    placed += [path for _, group in found.ambiguous for path in group]
    assert sorted(placed) == sorted(masks)
    assert found.pairs == sorted(found.pairs, key=lambda pair: pair.image)
    for pair in found.pairs:
        assert pair.mask.stem in {pair.image.stem + end for end in ("", "_gt", "_mask", "_edge")}


@pytest.mark.parametrize("relative", [False, True])
def test_what_is_written_is_read(tmp_path, relative):
    pairs = [Pair(tmp_path / "Tp/ü.jpg", tmp_path / "Gt/ü_gt.png"), Pair(tmp_path / "Au/b.jpg")]
    file = write_pairs(pairs, tmp_path / "pairs.json", relative=relative)
    assert read_pairs(file) == pairs
    written = json.loads(file.read_text(encoding="utf-8"))
    assert written[1][1] == NEGATIVE == "Negative"
    assert Path(written[0][0]).is_absolute() is not relative
    assert list(tmp_path.iterdir()) == [file]


def test_relative_paths_move_with_the_folder(tmp_path):
    file = write_pairs([Pair(tmp_path / "one/a.jpg")], tmp_path / "one/pairs.json", relative=True)
    (tmp_path / "one").rename(tmp_path / "two")
    assert read_pairs(tmp_path / "two" / file.name) == [Pair(tmp_path / "two/a.jpg")]
    with pytest.raises(DataError, match="lies outside"):
        write_pairs([Pair(tmp_path / "a.jpg")], tmp_path / "two/pairs.json", relative=True)
    assert read_pairs(tmp_path / "two/pairs.json") == [Pair(tmp_path / "two/a.jpg")]  # as it was


def test_a_path_that_leaves_the_folder_is_accepted_when_asked(tmp_path):
    file = tmp_path / "pairs.json"
    file.write_text('[["../a.jpg", "Negative"]]')
    with pytest.raises(DataError, match=r"entry 0 leaves .*allow_outside=True"):
        read_pairs(file)
    assert read_pairs(file, allow_outside=True) == [Pair(tmp_path / "../a.jpg")]
    file.write_text(json.dumps([[str(tmp_path.parent / "a.jpg"), "Negative"]]))
    assert read_pairs(file) == [Pair(tmp_path.parent / "a.jpg")]


@pytest.mark.parametrize(
    "text", ["", "{}", "3", "[3]", '[["a"]]', '[["a", "b", "c"]]', '[["a", null]]', '[["", "b"]]', None]
)
def test_what_is_no_list_of_pairs_is_an_error_of_one_line(tmp_path, text):
    file = tmp_path / "pairs.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(DataError, match=r"pairs\.json: ") as caught:
        read_pairs(file)
    assert "\n" not in str(caught.value)
