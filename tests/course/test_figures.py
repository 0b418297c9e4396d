import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from workbook.course.figures import compare_figures, figure_difference, read_figures


def png(pixels, mode=None):
    buffer = BytesIO()
    Image.fromarray(np.asarray(pixels, dtype=np.uint8), mode).save(buffer, "PNG")
    return buffer.getvalue()


def output(picture, lines=False):
    text = base64.b64encode(picture).decode()
    return {"output_type": "display_data", "data": {"image/png": text.splitlines(True) if lines else text}}


@pytest.fixture
def plot():
    pixels = np.full((200, 300, 3), 255)
    pixels[60:140, 50:250] = (31, 119, 180)
    return pixels


def test_figures_are_read_in_order_and_text_is_none(plot):
    text = {"output_type": "stream", "name": "stdout", "text": "1"}
    one, two = png(plot), png(255 - plot)
    assert read_figures([text, output(one), output(two, lines=True)]) == [one, two]


def test_difference_is_the_mean_of_grey_levels(plot):
    half = np.zeros((64, 64, 3))
    half[:32] = 80
    assert figure_difference(png(np.zeros((64, 64, 3))), png(half)) == 40


def test_one_line_of_text_elsewhere_is_no_difference(plot):
    moved = plot.copy()
    moved[10:14, 100:160] = 0
    assert compare_figures([output(png(plot))], [output(png(moved))]) is None


def test_an_empty_picture_is_told(plot):
    assert "figure 1 differs" in compare_figures([output(png(plot))], [output(png(plot * 0 + 255))])


def test_a_missing_picture_is_told(plot):
    assert compare_figures([output(png(plot))], []) == "1 figures are stored, 0 were drawn"


def test_transparent_paper_is_white():
    clear, white = np.zeros((40, 40, 4)), np.full((40, 40, 3), 255)
    assert figure_difference(png(clear), png(white)) == 0


def test_sizes_may_differ(plot):
    assert compare_figures([output(png(plot))], [output(png(plot[::2, ::2]))]) is None
