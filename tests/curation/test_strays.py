import json

import pytest

from workbook.core.errors import DataError
from workbook.curation import find_pairs, find_strays

IMAGES = ("clip_img/1/clip_0/a.jpg", "matting/1/matting_0/a.png")
STRAYS = ("clip_img/1/clip_0/._a.jpg", "clip_img/.cache/b.jpg", "matting/1/note.txt")


def test_what_pairing_passes_over_is_named(tmp_path):
    for name in (*IMAGES, *STRAYS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert {path.relative_to(tmp_path).as_posix() for path in find_strays(tmp_path)} == set(STRAYS)
    (pair,) = find_pairs(tmp_path).pairs
    assert not {pair.image, pair.mask} & set(find_strays(tmp_path))


def test_a_list_has_none_and_what_is_not_there_is_an_error(tmp_path):
    (tmp_path / "list.json").write_text(json.dumps([["a.jpg", "Negative"]]))
    assert find_strays(tmp_path / "list.json") == []
    with pytest.raises(DataError, match="nowhere: no such folder"):
        find_strays(tmp_path / "nowhere")
