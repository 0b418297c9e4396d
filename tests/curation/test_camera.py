import numpy as np
from PIL import Image

from workbook.curation.camera import crop, photograph, save_jpeg


def test_a_crop_is_a_window_of_the_photograph_maybe_mirrored():
    whole = photograph("camera")
    assert whole.shape == (512, 512, 3)
    for seed in range(4):
        part = crop("camera", (60, 90), np.random.default_rng(seed))
        assert part.shape == (60, 90, 3)
        windows = np.lib.stride_tricks.sliding_window_view(whole[..., 0], (60, 90))[::1, ::1, 0, 0]
        corners = [way[0, 0, 0] for way in (part, part[:, ::-1])]
        assert any((windows == corner).any() for corner in corners)


def test_a_photograph_that_is_too_low_is_cropped_the_other_way():
    assert crop("rocket", (600, 300), np.random.default_rng(0)).shape == (300, 600, 3)


def test_the_same_draw_gives_the_same_file(tmp_path):
    for name in "ab":
        save_jpeg(photograph("camera")[:40, :50], tmp_path / f"{name}.jpg", np.random.default_rng(3))
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()
    with Image.open(tmp_path / "a.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (50, 40))
