import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from workbook.core import Pair, collate, prepare_batch
from workbook.core.errors import DataError
from workbook.curation.names import kind_by_name
from workbook.show import show_batch, show_channels, show_feature_maps, show_pairs, show_repair


def write(path, height=24, width=36, box=None):
    pixels = np.full((height, width), 90 if box is None else 0, dtype=np.uint8)
    if box:
        pixels[box[0] : box[1], box[2] : box[3]] = 255
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def pairs(tmp_path):
    name = "Sp_D_NNN_A_cha0082_cha0040_0040"
    copied = "Sp_S_NNN_A_cha0082_cha0082_0040"
    return [
        Pair(write(tmp_path / f"{name}.jpg"), write(tmp_path / f"{name}_gt.png", box=(4, 12, 6, 18))),
        Pair(
            write(tmp_path / f"{copied}.jpg", 36, 24),
            write(tmp_path / f"{copied}_gt.png", 36, 24, (0, 36, 0, 6)),
        ),
        Pair(write(tmp_path / "Au_ani_0001.jpg")),
    ]


def outlined(ax):
    return any(len(path.vertices) for collection in ax.collections for path in collection.get_paths())


def titles(figure):
    return [ax.get_title() for ax in figure.axes]


def test_pairs_say_what_they_are(pairs):
    figure = show_pairs(pairs, columns=2, title="mine")
    assert [ax.get_title().split("\n")[-1] for ax in figure.axes[:3]] == [
        f"splice, {8 * 12 / (24 * 36):.1%} marked",
        "copy-move, 25.0% marked",
        "authentic",
    ]
    assert [outlined(ax) for ax in figure.axes] == [True, True, False, False]
    assert figure.get_suptitle() == "mine"


def test_a_mask_of_another_size_is_told(pairs, tmp_path):
    figure = show_pairs([Pair(pairs[0].image, pairs[1].mask)])
    assert "mask of another size" in titles(figure)[0].replace("\n", " ")


def test_nothing_to_show_is_told():
    with pytest.raises(DataError, match="nothing to show"):
        show_pairs([])


@pytest.mark.parametrize(
    ("name", "authentic", "kind"),
    [
        ("Sp_D_CND_A_pla0005_pla0023_0281_gt.png", None, "splice"),
        ("Tp_S_CRN_M_N_pla00035_pla00035_10997.tif", False, "copy-move"),
        ("Sp_D_CND_A_pla0005_pla0023_0281_au.png", None, "authentic"),
        ("holiday.jpg", True, "authentic"),
        ("holiday.jpg", None, ""),
    ],
)
def test_kinds(name, authentic, kind):
    assert kind_by_name(name, authentic) == kind


@pytest.mark.parametrize("prepare", [True, False])
def test_a_batch_is_shown_prepared_or_not(prepare):
    samples = [
        {"image": torch.full((3, 8, 8), 40 * i, dtype=torch.uint8), "mask": torch.full((1, 8, 8), i % 2.0),
         "label": torch.tensor(i % 2.0), "name": f"{i}.jpg"}
        for i in range(5)
    ]  # fmt: skip
    batch = collate(samples)
    figure = show_batch(prepare_batch(batch) if prepare else batch, columns=4, limit=3)
    assert titles(figure) == [
        "0.jpg\nlabel 0, 0.0% marked",
        "1.jpg\nlabel 1, 100.0% marked",
        "2.jpg\nlabel 0, 0.0% marked",
    ]
    assert [outlined(ax) for ax in figure.axes] == [False, True, False]
    assert [int(ax.images[0].get_array()[0, 0, 0]) for ax in figure.axes] == [0, 40, 80]


def test_a_batch_may_be_image_and_mask():
    figure = show_batch((torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4)))
    assert len(figure.axes) == 2
    with pytest.raises(DataError, match="no image"):
        show_batch({"mask": torch.zeros(1, 1, 2, 2)})


def test_a_repair_is_shown_before_and_after(pairs):
    figure = show_repair(Pair(pairs[0].image, pairs[1].mask), pairs[0])
    assert len(figure.axes) == 4
    assert [outlined(ax) for ax in figure.axes] == [True, True, False, False]
    assert [ax.images[0].get_array().shape[:2] for ax in figure.axes] == [
        (24, 36),
        (24, 36),
        (36, 24),
        (24, 36),
    ]
    assert titles(figure)[2:] == ["mask, 24 wide and 36 high", "mask, 36 wide and 24 high"]
    assert "no mask" in show_repair(pairs[0], pairs[2]).axes[3].texts[0].get_text()


def test_channels_have_zero_in_the_middle():
    channels = torch.stack([torch.linspace(-3, 1, 64).view(8, 8), torch.zeros(8, 8)])
    figure = show_channels(channels, ["first", "second"])
    low, high = figure.axes[0].images[0].get_clim()
    assert low == -high
    assert high == pytest.approx(3, rel=0.05)
    assert titles(figure)[0].startswith("first")
    with pytest.raises(DataError, match="no channels"):
        show_channels(torch.zeros(4, 4))


def test_a_layer_is_a_row():
    maps = {"encoder": torch.rand(1, 8, 6, 9), "head": torch.rand(1, 1, 12, 18)}
    figure = show_feature_maps(maps, channels=3)
    shown = [bool(ax.images) for ax in figure.axes]
    assert shown == [True, True, True, True, False, False]
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), maps["encoder"][0, 1].numpy())
    assert figure.axes[3].get_title(loc="left") == "head: 1 × 12 × 18"
    assert pd.Series(figure.get_size_inches()).max() <= 10
    with pytest.raises(DataError, match="no feature maps"):
        show_feature_maps({})


@pytest.mark.parametrize("number", range(4))
def test_in_the_place_of_axes_and_into_a_file(number, pairs, tmp_path):
    batch = {"image": torch.zeros(3, 3, 24, 36, dtype=torch.uint8), "mask": torch.ones(3, 1, 24, 36)}
    show, drawn = [
        (lambda **how: show_pairs(pairs, **how), 3),
        (lambda **how: show_batch(batch, columns=2, **how), 4),
        (lambda **how: show_repair(pairs[0], pairs[1], **how), 4),
        (lambda **how: show_channels(torch.randn(3, 8, 8), columns=2, **how), 4),
    ][number]
    own, places = plt.subplots(1, 2)
    file = tmp_path / "new" / "picture.png"
    assert show(ax=places[1], save=file) is own
    within = own.axes[2:]
    assert len(within) == drawn
    assert sum(bool(ax.images) for ax in within) >= 3
    left = places[1].get_position().x0 - 1e-9
    assert all(ax.get_position().x0 >= left for ax in within)
    assert file.stat().st_size > 1000
