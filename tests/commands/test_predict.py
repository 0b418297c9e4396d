import json

import numpy as np
import pytest
from PIL import Image

from workbook.cli import main
from workbook.core import iter_predict, jpeg_fields, load_model_file, model_from_run
from workbook.core.post_funcs import find_post_funcs


@pytest.fixture
def photo(tmp_path):
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 256, (30, 44, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_masks_at_the_images_own_size(small_run, photo, tmp_path, capsys):
    words = ["predict", "--run", str(small_run), str(photo), "--out", str(tmp_path / "out"), "--overlay"]
    assert main([*words, "--threshold", "0.4"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"{photo}: score 0.")
    assert said.err == ""
    levels = {}
    for kind in ("prob", "pred", "overlay"):
        with Image.open(tmp_path / "out" / f"photo_{kind}.png") as image:
            assert image.size == (44, 30)
            levels[kind] = np.asarray(image)
    (found,) = iter_predict(model_from_run(small_run), photo, size=32, threshold=0.4)
    np.testing.assert_array_equal(levels["pred"] > 0, found.marked[0].numpy())


def test_one_that_cannot_be_read_is_told_and_the_others_are_done(small_run, photo, tmp_path, capsys):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    words = [
        "predict",
        "--run",
        str(small_run),
        str(tmp_path / "a.jpg"),
        str(photo),
        str(tmp_path / "none.jpg"),
    ]
    words += ["--out", str(tmp_path / "out")]
    assert main([*words, "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [row["image"] for row in said["images"]] == [str(photo)]
    assert [row["image"] for row in said["unreadable"]] == ["a.jpg", "none.jpg"]
    del words[4]
    assert main(words) == 2
    assert "no image can be read; the first: " in capsys.readouterr().err


def test_never_beside_the_images(small_run, photo, tmp_path, capsys):
    assert main(["predict", "--run", str(small_run), str(photo), "--out", str(tmp_path)]) == 2
    assert "save to a folder of its own" in capsys.readouterr().err


def test_fields_are_added_to_plain_photographs(run_with_fields, photo, tmp_path):
    assert main(["predict", "--run", str(run_with_fields), str(photo), "--out", str(tmp_path / "out")]) == 0
    load_model_file(run_with_fields.parent / "own.py")
    added = [jpeg_fields, *find_post_funcs([f"{run_with_fields.parent / 'own.py'}:double"])]
    (found,) = iter_predict(model_from_run(run_with_fields), photo, size=32, post_funcs=added)
    with Image.open(tmp_path / "out" / "photo_prob.png") as image:
        np.testing.assert_array_equal(np.asarray(image), (found.pred_mask[0] * 255).round().byte().numpy())
