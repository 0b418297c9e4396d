import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbook.core.errors import DataError, WorkbookError
from workbook.show import cut_out, show_cutouts

GREY = np.full((20, 30, 3), 100, dtype=np.uint8)


def test_the_opacity_mixes_and_a_threshold_cuts():
    matte = np.linspace(0, 1, 30, dtype=np.float32)[None].repeat(20, 0)
    soft, hard = cut_out(GREY, matte, "white"), cut_out(GREY, matte, "white", threshold=0.5)
    np.testing.assert_array_equal(soft[0, :, 0], np.rint(100 * matte[0] + 255 * (1 - matte[0])))
    assert set(np.unique(hard)) == {100, 255}
    assert (hard[0, :, 0] == 100).sum() == (matte[0] > 0.5).sum()


@given(st.integers(1, 60), st.integers(1, 60))
def test_a_picture_as_background_covers_all(height, width):
    ground = np.full((height, width, 3), 7, dtype=np.uint8)
    assert (cut_out(GREY, np.zeros((20, 30)), ground) == 7).all()


def test_a_background_keeps_its_shape():
    ground = np.zeros((20, 90, 3), dtype=np.uint8)  # three times as wide: its middle third is seen
    ground[:, 30:60] = 200
    assert (cut_out(GREY, np.zeros((20, 30)), ground) == 200).mean() > 0.9


def test_rows_of_image_map_and_cut_out(tmp_path):
    figure = show_cutouts([GREY, GREY], [np.ones((20, 30)), np.zeros((20, 30))], "black", names=["a", "b"])
    assert len(figure.axes) == 6
    assert figure.axes[0].get_title() == "a"
    kept, gone = (figure.axes[i].images[0].get_array() for i in (2, 5))
    assert (kept == 100).all()
    assert (gone == 0).all()


def test_what_does_not_go_together():
    with pytest.raises(DataError, match="bring both to one size"):
        cut_out(GREY, np.zeros((20, 20)))
    with pytest.raises(WorkbookError, match="threshold is 2"):
        cut_out(GREY, np.zeros((20, 30)), threshold=2)
    with pytest.raises(DataError, match="1 images and 0 maps"):
        show_cutouts([GREY], [])
