import base64
import inspect
import itertools
from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure
from PIL import Image

from workbook import show
from workbook.core.errors import DataError
from workbook.show import canvas
from workbook.show.canvas import draw_image, draw_marked, draw_outline, finish, grid, shorten


def square(side=20, low=5, high=15):
    mask = np.zeros((side, side), dtype=np.float32)
    mask[low:high, low:high] = 1
    return mask


@pytest.fixture
def ax():
    figure, axes = grid(1, 1, width=3)
    yield axes[0][0]
    plt.close(figure)


def outline(ax):
    """The corner points of what is outlined, or None."""
    paths = [path.vertices for c in ax.collections for path in c.get_paths() if len(path.vertices)]
    return np.concatenate(paths) if paths else None


def test_the_outline_runs_round_the_mask(ax):
    draw_image(ax, np.zeros((20, 20, 3), dtype=np.uint8))
    draw_outline(ax, square())
    points = outline(ax)
    np.testing.assert_allclose([points.min(0), points.max(0)], [[4.5, 4.5], [14.5, 14.5]])


def test_the_outline_of_a_full_mask_is_the_frame_and_the_limits_stay(ax):
    draw_image(ax, np.zeros((20, 20, 3), dtype=np.uint8))
    draw_outline(ax, np.ones((20, 20), dtype=np.float32))
    np.testing.assert_allclose([outline(ax).min(), outline(ax).max()], [-0.5, 19.5])
    assert ax.get_xlim() == (-0.5, 19.5)
    assert ax.get_ylim() == (19.5, -0.5)


def test_an_empty_mask_has_no_outline(ax, recwarn):
    draw_outline(ax, np.zeros((4, 4), dtype=np.float32))
    assert outline(ax) is None
    assert not recwarn.list


def test_large_images_are_drawn_smaller_in_their_own_coordinates(ax):
    draw_image(ax, np.zeros((2400, 3000, 3), dtype=np.uint8))
    assert ax.images[0].get_array().shape == (800, 1000, 3)
    assert ax.get_xlim() == (-0.5, 2999.5)
    draw_outline(ax, np.pad(np.ones((900, 900), np.float32), ((600, 900), (900, 1200))))
    np.testing.assert_allclose(outline(ax).min(0), [900, 600], atol=3)


def test_a_mask_of_another_size_is_tinted_at_its_own(ax):
    draw_image(ax, np.zeros((20, 20, 3), dtype=np.uint8))
    draw_marked(ax, square(10, 2, 4))
    assert ax.get_xlim() == (-0.5, 19.5)
    tint = ax.images[1]
    assert tint.get_extent() == [-0.5, 9.5, 9.5, -0.5]
    alpha = tint.get_array()[..., 3]
    assert (alpha > 0).sum() == 4


@pytest.mark.parametrize(("heights", "title", "foot"), [(None, None, 0), ([0.3, 0.9], "above", 0.4)])
def test_cells_have_the_size_asked_for(heights, title, foot):
    figure, axes = grid(2, 3, width=9, heights=heights, title=title, foot=foot)
    width, height = figure.get_size_inches()
    for row, share in zip(axes, heights or [1, 1], strict=True):
        for ax in row:
            box = ax.get_position(original=True)
            assert box.height * height / (box.width * width) == pytest.approx(share)
            assert 0 <= box.y0 < box.y1 <= 1
    finish(figure)


def test_titles_stay_within_their_column():
    figure, axes = grid(1, 4, width=10, lines=3)
    for ax in axes[0]:
        draw_image(
            ax,
            np.zeros((30, 20, 3), dtype=np.uint8),
            "Sp_D_NNN_A_art0087_nat0003_0045_gt_and_more.jpg\nW W " * 2,
        )
    figure.draw_without_rendering()
    boxes = [ax.title.get_window_extent() for ax in axes[0]]
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(boxes))
    finish(figure)


def test_a_narrow_portrait_keeps_its_name():
    figure, axes = grid(1, 4, width=10)
    draw_image(axes[0][0], np.zeros((40, 20, 3), dtype=np.uint8), "Sp_D_NNN_A_art0087_nat0003_0045.jpg")
    assert axes[0][0].get_title() == "Sp_D_NNN_A_art0087_nat0003_0045.jpg"
    finish(figure)


def test_a_notebook_shows_a_figure_once():
    _, ax = plt.subplots()
    draw_image(ax, np.zeros((4, 4, 3), dtype=np.uint8))
    finish(canvas.root(ax))
    figure = finish(grid(1, 1)[0])
    assert plt.get_fignums() == []  # or the inline backend shows it again at the end of the cell
    shown, _ = DisplayFormatter().format(figure)
    picture = Image.open(BytesIO(base64.b64decode(shown["image/png"])))
    assert picture.mode == "P"  # 256 colours
    assert picture.width == round(10 * canvas.DPI)


def test_saving_writes_the_file_whole(tmp_path):
    finish(grid(1, 1, width=2)[0], tmp_path / "new" / "a.png")
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.png"]
    with Image.open(tmp_path / "new" / "a.png") as picture:
        assert picture.width == 2 * canvas.DPI


def test_axes_in_a_sub_figure_lead_to_the_whole():
    figure = Figure()
    assert canvas.root(figure.subfigures(1, 2)[0].subfigures(1, 1).add_subplot()) is figure


def test_short_names_are_left_alone():
    assert shorten("a.jpg") == "a.jpg"
    assert len(shorten("x" * 80, 21)) == 21


def test_the_colours_differ_in_brightness():
    grey = [
        np.dot(canvas.to_rgb(colour), [0.299, 0.587, 0.114])
        for colour in (canvas.YELLOW, canvas.VERMILION, canvas.BLUE)
    ]
    assert grey[0] - max(grey[1:]) > 0.3


def test_a_grid_takes_the_place_of_axes_in_a_figure_of_ones_own():
    figure, outer = plt.subplots(1, 2)
    same, inner = grid(2, 3, title="within", ax=outer[1])
    assert same is figure
    assert [len(row) for row in inner] == [3, 3]
    place = outer[1].get_position()
    for ax in (one for row in inner for one in row):
        box = ax.get_position()
        assert place.x0 - 1e-9 <= box.x0 < box.x1 <= place.x1 + 1e-9
    assert outer[1].get_title() == "within"
    with pytest.raises(DataError, match="ax stands in no grid"):
        grid(1, 1, ax=figure.add_axes((0, 0, 0.1, 0.1)))
    plt.close(figure)


@pytest.mark.parametrize("name", sorted(name for name in dir(show) if name.startswith("show_")))
def test_every_picture_can_be_put_into_a_figure_of_ones_own_and_saved(name):
    parameters = inspect.signature(getattr(show, name)).parameters
    assert {"ax", "save"} <= {key for key, each in parameters.items() if each.kind is each.KEYWORD_ONLY}


def test_few_colours_keep_those_of_legends():
    rng = np.random.default_rng(0)
    pixels = rng.integers(100, 160, (300, 400, 3)).astype(np.uint8)  # a picture of many browns
    legend = [canvas.rgb(colour) for colour in (*canvas.CYCLE, canvas.YELLOW)]
    for number, colour in enumerate(legend):
        pixels[:4, 4 * number : 4 * number + 4] = colour
    few = canvas.few_colours(Image.fromarray(pixels))
    assert len(few.getcolors()) <= 256
    kept = np.asarray(few.convert("RGB"))
    for number, colour in enumerate(legend):
        assert (kept[:4, 4 * number : 4 * number + 4] == colour).all()
    assert np.abs(kept.astype(int) - pixels).mean() < 12  # and the picture is what it was


@pytest.mark.parametrize("layout", ["compressed", "none"])
def test_a_title_stands_above_the_axes(layout):
    figure = canvas.new_figure(4, 3, "all of them", layout=layout)
    if layout == "none":
        figure.subplots_adjust(top=0.7)
    panel = figure.add_subplot(1, 1, 1)
    panel.set_title("one of them")
    figure.savefig(BytesIO())  # lays it out
    title = figure._suptitle.get_window_extent()
    assert title.y0 >= panel.title.get_window_extent().y1
    assert title.y1 <= figure.bbox.y1
