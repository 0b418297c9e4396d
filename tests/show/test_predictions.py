import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from workbook.core.errors import DataError
from workbook.show import overlay, show_overlay, show_predictions
from workbook.show.predictions import HITS

SIDE = 40


@pytest.fixture
def quarters():
    """A black image; its quarters: found, missed (above), false alarm, left alone (below)."""
    picture = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    truth, prob = np.zeros((2, SIDE, SIDE), dtype=np.float32)
    truth[: SIDE // 2] = 1
    prob[:, : SIDE // 2] = 0.9
    return picture, truth, prob


def quarter(painted, name):
    half = SIDE // 2
    rows, columns = {"found": (0, 0), "missed": (0, 1), "false alarm": (1, 0), "rest": (1, 1)}[name]
    return painted[rows * half : (rows + 1) * half, columns * half : (columns + 1) * half].reshape(-1, 3)


def test_each_outcome_has_its_colour_and_stripes(quarters):
    painted = overlay(*quarters)
    assert painted.dtype == np.uint8
    for name, (colour, stripe, hatch) in HITS.items():
        colours, counts = np.unique(quarter(painted, name), axis=0, return_counts=True)
        expected = {tuple((np.array(to_rgb(c)) * 255 * 0.75).astype(int)) for c in (colour, stripe)}
        assert {tuple(map(int, c)) for c in colours} == expected
        assert len(expected) == (2 if hatch else 1)
        most = tuple(map(int, colours[counts.argmax()]))
        assert most == tuple((np.array(to_rgb(colour)) * 255 * 0.75).astype(int))
    assert not quarter(painted, "rest").any()


def test_the_outcomes_differ_without_colour(quarters):
    grey = overlay(*quarters) @ np.array([0.299, 0.587, 0.114])
    means = {name: quarter(grey[..., None].repeat(3, 2), name).mean() for name in HITS}
    brightest, darkest = (f(quarter(grey[..., None].repeat(3, 2), "missed").flat) for f in (max, min))
    assert means["found"] > 1.4 * max(means["missed"], means["false alarm"])
    assert brightest > 2 * darkest  # the stripes of what was missed are light
    assert min(quarter(grey[..., None].repeat(3, 2), "false alarm").flat) == 0  # of a false alarm dark


def test_stripes_run_crosswise(quarters):
    painted = overlay(*quarters)
    half = SIDE // 2
    alarm, missed = painted[half:, :half], painted[:half, half:]
    np.testing.assert_array_equal(alarm[1:, :-1], alarm[:-1, 1:])  # constant along /
    np.testing.assert_array_equal(missed[1:, 1:], missed[:-1, :-1])  # constant along \


def test_the_threshold_itself_is_not_marked():
    grey = np.zeros((1, 1, 3), dtype=np.uint8)
    at = np.full((1, 1), 0.5, dtype=np.float32)
    assert not overlay(grey, np.zeros((1, 1), np.float32), at, 0.5).any()


def sets():
    """Portrait and landscape; the first found by half, the second wholly, the third authentic and marked."""
    sizes = [(30, 20), (20, 30), (20, 30)]
    images = [torch.zeros(3, *size, dtype=torch.uint8) for size in sizes]
    truths = [torch.zeros(1, *size) for size in sizes]
    maps = [torch.zeros(1, *size) for size in sizes]
    truths[0][:, :10] = 1
    maps[0][:, 5:15] = 1
    truths[1][:, :, :6] = maps[1][:, :, :6] = 1
    maps[2][:, :15] = 0.9
    return images, [truths[0], truths[1], None], maps


def test_rows_and_scores():
    figure = show_predictions(*sets(), names=["a.jpg", "b.jpg", "c.jpg"])
    assert len(figure.axes) == 12
    assert [figure.axes[i].get_title() for i in (0, 4, 8)] == [
        "a.jpg\nF1 0.500",
        "b.jpg\nF1 1.000",
        "c.jpg\nauthentic, 75.0% marked",
    ]
    assert figure.axes[1].get_title() == "truth"
    assert figure.axes[0].images[0].get_array().shape[:2] == (30, 20)
    assert [text.get_text() for text in figure.legends[0].texts] == ["found", "false alarm", "missed"]
    assert len(figure.legends) == 1


def test_worst_first():
    names = ["a.jpg", "b.jpg", "c.jpg"]
    figure = show_predictions(*sets(), names=names, worst_first=True, limit=2)
    assert [figure.axes[i].get_title()[0] for i in (0, 4)] == ["c", "a"]
    figure = show_predictions(*sets(), names=names, scores=[0.9, float("nan"), 0.2], worst_first=True)
    assert [figure.axes[i].get_title() for i in (0, 4, 8)] == ["c.jpg\n0.200", "a.jpg\n0.900", "b.jpg\nnan"]


def test_without_truth_only_what_is_marked_is_painted():
    images, _, maps = sets()
    figure = show_predictions(images[2:], None, [maps[2] * 0.5], threshold=0.3)
    assert len(figure.axes) == 3
    painted = figure.axes[2].images[0].get_array()
    yellow = (np.array(to_rgb(HITS["found"][0])) * 255 * 0.75).astype(int)
    assert (painted[:15] == yellow).all()  # probabilities of 0.45
    assert not painted[15:].any()
    assert [text.get_text() for text in figure.legends[0].texts] == ["marked"]


def test_what_does_not_go_together_is_told():
    images, truths, maps = sets()
    with pytest.raises(DataError, match="3 images and 2 maps"):
        show_predictions(images, truths, maps[:2])
    with pytest.raises(DataError, match="bring both to one size"):
        show_predictions(images, truths, maps[::-1])


def test_an_overlay_draws_into_axes_given(tmp_path):
    import matplotlib.pyplot as plt

    images, truths, maps = sets()
    figure, axes = plt.subplots(1, 2)
    assert show_overlay(images[0], maps[0], ax=axes[0]) is figure
    assert show_overlay(images[0], maps[0], truths[0], ax=axes[1], save=tmp_path / "o.png") is figure
    assert (tmp_path / "o.png").exists()
    assert axes[0].collections  # the outline
    assert not axes[1].collections
    assert plt.get_fignums() == []
    assert len(show_overlay(images[0], maps[0], truths[0]).legends) == 1
