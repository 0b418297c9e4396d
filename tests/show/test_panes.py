from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from workbook.show.panes import WIDE, Pane, compose, outlined, paint, to_png, to_stored_png

YELLOW = [240, 228, 66]


def grey(height=20, width=30, level=90):
    return np.full((height, width, 3), level, dtype=np.uint8)


def boxed(height=20, width=30):
    mask = np.zeros((height, width), dtype=np.float32)
    mask[5:15, 5:15] = 1
    return mask


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_the_yellow_line_is_the_inner_boundary_pixel_by_pixel(inside):
    drawn = outlined(grey(*inside.shape), inside)
    height, width = inside.shape
    for row in range(height):
        for column in range(width):
            around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
            edge = inside[row, column] and not all(
                0 <= r < height and 0 <= c < width and inside[r, c] for r, c in around
            )
            assert (drawn[row, column].tolist() == YELLOW) == edge


def test_an_outline_has_black_on_both_sides():
    row = outlined(grey(), boxed() > 0.5)[10, :, 0]
    assert row[3:9].tolist() == [90, 0, 240, 0, 90, 90]
    assert row[12:17].tolist() == [90, 0, 240, 0, 90]


def test_only_the_outline_is_drawn():
    nothing = np.zeros((20, 30), dtype=bool)
    np.testing.assert_array_equal(outlined(grey(), nothing), grey())
    assert (outlined(grey(), boxed() > 0.5)[0] == 90).all()  # no frame around the picture


def test_a_mask_of_another_size_lies_pixel_on_pixel():
    painted = paint(Pane(grey(20, 40), mask=np.ones((10, 10), dtype=np.float32)), 40)
    lit = (painted == YELLOW).all(axis=2)
    assert np.argwhere(lit).max(axis=0).tolist() == [9, 9]
    beyond = paint(Pane(grey(20, 40), mask=np.ones((60, 60), dtype=np.float32)), 40)
    assert beyond.shape == (20, 40, 3)


def test_level_decides_what_is_inside():
    mask = boxed() * 0.6
    assert (paint(Pane(grey(), mask=mask, level=0.5), 30) == YELLOW).all(axis=2).any()
    assert not (paint(Pane(grey(), mask=mask, level=0.6), 30) == YELLOW).all(axis=2).any()


def test_tint_follows_the_mask():
    painted = paint(Pane(grey(), mask=boxed() * 0.4, tint=True), 30)
    expected = [90 + 0.45 * 0.4 * (c - 90) for c in YELLOW]
    np.testing.assert_allclose(painted[10, 10], expected, atol=1)
    assert painted[0, 0].tolist() == [90, 90, 90]


def test_maps_have_one_scale_and_their_colours():
    values = np.array([[0, 0.5, 1, 2]], dtype=np.float32)
    assert paint(Pane(values), 4)[0, :, 0].tolist() == [0, 128, 255, 255]
    low, high = paint(Pane(values, colours="magma"), 4)[0, [0, 2]].astype(int)
    assert low.sum() < 20
    assert high.sum() > 600


@pytest.mark.parametrize(("size", "expected"), [((20, 30), (40, 60)), ((300, 600), (30, 60))])
def test_pictures_are_fitted_by_their_longer_side(size, expected):
    assert paint(Pane(grey(*size)), 60).shape[:2] == expected


def test_shrinking_averages_and_growing_repeats():
    board = np.zeros((8, 8, 3), dtype=np.uint8)
    board[::2] = 200
    assert paint(Pane(board), 4)[..., 0].tolist() == [[100] * 4] * 4
    assert paint(Pane(board), 16)[:4, 0, 0].tolist() == [200, 200, 0, 0]


def test_words_stand_for_a_picture_that_cannot_be():
    painted = paint(Pane("cannot be read: truncated"), 120)
    assert painted.shape == (60, 120, 3)
    assert painted.min() < 100  # letters


def test_rows_are_laid_out_within_the_width_of_a_notebook():
    wide = compose([[Pane(grey(), "title")] * 4, [Pane(grey())]], ["a line"])
    assert wide.width <= WIDE
    bare = compose([[Pane(grey())]])
    assert bare.height < compose([[Pane(grey(), "one\ntwo")]]).height
    assert bare.height < compose([[Pane(grey())]], ["line"]).height
    assert compose([]).height <= 8


def test_titles_stay_in_their_column():
    long = "Sp_D_NNN_A_cha0073_nat0031_0031_gt_and_so_on_and_so_on_and_on.png"
    paper = np.asarray(compose([[Pane(grey(), long), Pane(grey(), "")]]))
    assert (paper[:20, :384] < 128).any()
    assert not (paper[:20, 384:] < 128).any()


def test_both_kinds_of_png_show_the_picture():
    picture = compose([[Pane(grey(), "a")]])
    for data in (to_png(picture), b64decode(to_stored_png(picture))):
        with Image.open(BytesIO(data)) as read:
            assert read.format == "PNG"
            assert np.abs(np.asarray(read.convert("RGB")).astype(int) - np.asarray(picture)).max() < 3
    assert to_stored_png(picture) == to_stored_png(picture)
