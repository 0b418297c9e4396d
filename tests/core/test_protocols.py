"""Each protocol against a slow, readable computation with scikit-learn and scipy, image by image."""

import numpy as np
import pytest
import torch
from scipy.ndimage import maximum_filter, minimum_filter
from sklearn.metrics import f1_score

from workbook.core import Prediction
from workbook.core.errors import DataError, WorkbookError
from workbook.core.protocols import (
    PROTOCOLS,
    Protocol,
    ProtocolF1,
    away_from_border,
    compare_protocols,
    find_protocols,
)


@pytest.fixture(scope="module")
def predictions():
    """Regions found well, badly, and inverted; a region too thin for any border; two authentic images."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for i in range(8):
        mask = torch.zeros(1, 48, 64)
        if i < 6:
            mask[:, 5 : 5 + 4 * (i + 3), 8 : 8 + 6 * (i + 3)] = 1
        if i == 5:
            mask = torch.zeros(1, 48, 64)
            mask[:, 20:23, 3:60] = 1
        logits = torch.randn(mask.shape, generator=generator) + (1 - i % 4) * 2 * (mask - 0.4)
        found.append(Prediction(None, mask, mask, logits.sigmoid(), None, f"{i}.png"))
    return found


def clear(mask, border):
    if border is None:
        return np.ones_like(mask, dtype=bool)
    return minimum_filter(mask, border[0]) | ~maximum_filter(mask, border[1])


def f1(mask, marked, protocol):
    if not len(mask):
        return 0.0
    average = "macro" if protocol.macro else "binary"
    value = f1_score(mask, marked, average=average, zero_division=0)
    return max(value, f1_score(mask, ~marked, zero_division=0)) if protocol.inverse else value


def referee(predictions, protocol):
    thresholds = [protocol.threshold] if not isinstance(protocol.threshold, str) else np.arange(257) / 256
    rows = []
    for one in predictions:
        mask, prob = one.mask[0].numpy() > 0.5, one.pred_mask[0].numpy()
        if not mask.any() and protocol.authentic == "left out":
            continue
        kept = clear(mask, protocol.border)
        rows.append([(mask[kept], prob[kept] > t) for t in thresholds])
    if protocol.average == "pooled":
        whole = [np.concatenate(parts) for parts in zip(*(row[0] for row in rows), strict=True)]
        return f1(*whole, protocol)
    curves = np.array([[f1(*cell, protocol) for cell in row] for row in rows])
    return curves.mean(0).max() if protocol.threshold == "best of the set" else curves.max(1).mean()


@pytest.mark.parametrize("name", PROTOCOLS)
def test_each_protocol_is_what_scikit_learn_makes_of_it(predictions, name):
    table = compare_protocols(predictions, name)
    assert table["pixel_f1"].item() == pytest.approx(referee(predictions, PROTOCOLS[name]), abs=1e-6)
    assert table["source"].item() == PROTOCOLS[name].source
    assert table["images"].item() == (8 if PROTOCOLS[name].authentic == "scored 0" else 6)
    assert table["low"].item() <= table["pixel_f1"].item() <= table["high"].item()


def test_the_same_predictions_score_differently(predictions):
    scores = compare_protocols(predictions).set_index("protocol")["pixel_f1"]
    assert scores["IMDL-BenCo"] == pytest.approx(scores["MVSS-Net"] * 6 / 8)
    assert scores["TruFor, best threshold"] > scores["TruFor, 0.5"] > scores["MVSS-Net"]
    assert scores["best of the set"] > scores["MVSS-Net"]


def test_a_model_that_is_always_right_scores_a_half_on_a_half_authentic_set():
    masks = [torch.ones(1, 4, 4), torch.zeros(1, 4, 4)] * 3
    right = [Prediction(None, mask, mask, mask, None) for mask in masks]
    scores = compare_protocols(right, ["IMDL-BenCo", "MVSS-Net"])["pixel_f1"].tolist()
    assert scores == [0.5, 1.0]


def test_the_border_is_scipys():
    mask = np.zeros((40, 50), dtype=bool)
    mask[:20, 10:40] = True  # touches the image's border, where nothing is ignored
    expected = clear(mask, (15, 11))
    found = away_from_border(torch.from_numpy(mask).float()[None, None], 15, 11)[0, 0].bool().numpy()
    assert np.array_equal(found, expected)


def test_a_protocol_of_ones_own_and_its_batches(predictions):
    mine = Protocol("mine", "this test", threshold=0.25, border=(3, 3), average="pooled")
    assert compare_protocols(predictions, mine)["pixel_f1"].item() == pytest.approx(
        referee(predictions, mine), abs=1e-6
    )
    once, twice = ProtocolF1(mine), ProtocolF1(mine)
    once.update(*(torch.stack([getattr(p, k) for p in predictions]) for k in ("pred_mask", "mask")))
    for p in predictions:
        twice.update(p.pred_mask[None], p.mask[None])
    assert once.compute() == twice.compute()


def test_padding_is_not_counted():
    mask, prob = torch.zeros(1, 1, 80, 80), torch.zeros(1, 1, 80, 80)
    mask[..., :30, :30] = prob[..., :30, :30] = prob[..., 60:] = 1
    real = torch.ones_like(mask)
    real[..., 60:] = 0
    for name in ("TruFor, best threshold", "MVSS-Net"):
        metric = ProtocolF1(PROTOCOLS[name])
        metric.update(prob, mask, real)
        assert metric.compute() == 1


def test_what_cannot_be_is_refused(predictions):
    with pytest.raises(
        WorkbookError, match=r"'MVSSNet': there is none of that name; did you mean 'MVSS-Net'"
    ):
        find_protocols("MVSSNet")
    for settings, says in (
        ({"threshold": 1.5}, "threshold is 1.5"),
        ({"authentic": "left"}, "authentic is 'left'"),
        ({"border": (4, 3)}, r"border is \(4, 3\)"),
        ({"average": "pooled", "inverse": True}, "cannot be pooled"),
    ):
        with pytest.raises(WorkbookError, match=says):
            Protocol("mine", "", **settings)
    with pytest.raises(DataError, match="no prediction to score"):
        compare_protocols([])
    unknown = Prediction(None, predictions[0].image, None, predictions[0].pred_mask, None, "a.png")
    with pytest.raises(DataError, match=r"a\.png: its truth is not known"):
        compare_protocols([unknown])
