"""PixelAUC and the F1 at the best threshold."""

import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, roc_auc_score

from workbook.core.metrics import BestPixelF1, PixelAUC, PixelF1

EMPTY, FULL = torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)


def batch(number=5, seed=0):
    torch.manual_seed(seed)
    mask = (torch.rand(number, 1, 16, 16) < 0.3).float()
    return torch.sigmoid(torch.randn(mask.shape) * 2 + mask), mask, (torch.rand(mask.shape) < 0.8).float()


def score(metric, pred, mask, shape_mask=None):
    metric.update(pred, mask, shape_mask)
    return metric.compute().item()


def test_auc_is_the_mean_of_scikit_learns():
    pred, mask, real = batch()
    metric = PixelAUC()
    expected = [roc_auc_score(mask[i][real[i] > 0], pred[i][real[i] > 0]) for i in range(len(mask))]
    assert score(metric, pred, mask, real) == pytest.approx(np.mean(expected), abs=1e-4)
    assert metric.per_image_values.tolist() == pytest.approx(expected, abs=1e-4)


def test_exact_auc_is_scikit_learns_to_the_last_digits():
    torch.manual_seed(5)
    mask = (torch.rand(2, 1, 96, 96) < 0.2).float()
    pred = torch.sigmoid(20 * torch.randn(mask.shape) + 20 * mask - 40)  # near 0, where levels are fine
    expected = [roc_auc_score(mask[i].flatten(), pred[i].flatten()) for i in range(2)]
    counted, sorted_ = PixelAUC(), PixelAUC(exact=True)
    assert score(sorted_, pred, mask) == pytest.approx(np.mean(expected), abs=1e-12)
    assert score(counted, pred, mask) != pytest.approx(np.mean(expected), abs=1e-9)


@pytest.mark.parametrize("empty", ["skip", "one"])
def test_pooled_auc_is_scikit_learns_of_all_pixels(empty):
    pred, mask, real = batch()
    mask[0] = 0
    metric = PixelAUC("pooled", empty=empty)
    metric.update(pred[:2], mask[:2], real[:2])
    value = score(metric, pred[2:], mask[2:], real[2:])
    counted = real > 0
    counted[0] &= empty != "skip"  # skipping leaves all pixels of the image out
    assert value == pytest.approx(roc_auc_score(mask[counted], pred[counted]), abs=1e-4)
    assert metric.skipped == (empty == "skip")


def test_pooled_auc_says_where_its_levels_are_too_coarse_and_exact_sorts_all_pixels():
    torch.manual_seed(4)
    mask = (torch.rand(3, 1, 32, 32) < 0.3).float()
    mask[0] = 0
    real = (torch.rand(mask.shape) < 0.8).float()
    pred = 0.5 + 1e-3 * (torch.randn(mask.shape) + mask).tanh()  # as of an untrained model
    for empty, some in (("skip", slice(1, None)), ("one", slice(None))):
        inside = real[some] > 0
        expected = roc_auc_score(mask[some][inside], pred[some][inside])
        with pytest.warns(
            UserWarning, match=r"pixel_auc: may be off by up to .*exact=True sorts them"
        ) as told:
            counted = score(PixelAUC("pooled", empty=empty), pred, mask, real)
        most = float(str(told[0].message).split("up to ")[1].split(":")[0])
        assert 1e-2 < abs(counted - expected) < 1.1 * most
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            metric = PixelAUC("pooled", empty=empty, exact=True)
            assert score(metric, pred, mask, real) == pytest.approx(expected, abs=1e-12)
        metric.reset()
        assert metric.pixels == []


def test_pooled_auc_of_many_pixels_over_many_levels_needs_no_warning():
    torch.manual_seed(4)
    mask = (torch.rand(4, 1, 128, 128) < 0.3).float()
    pred = torch.sigmoid(2 * torch.randn(mask.shape) + mask)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = score(PixelAUC("pooled"), pred, mask)
    assert value == pytest.approx(roc_auc_score(mask.flatten(), pred.flatten()), abs=1e-4)


def test_an_authentic_image_is_skipped_or_judged_by_what_is_marked():
    pred, mask, _ = batch(1)
    area = score(PixelAUC(), pred, mask)
    preds, masks = [pred[..., :8, :8], EMPTY + 0.4, EMPTY + 0.6], [mask[..., :8, :8], EMPTY, EMPTY]
    area = score(PixelAUC(), preds[0], masks[0])
    for empty, others in (("skip", []), ("zero", [0, 0]), ("one", [1, 0])):
        metric = PixelAUC(empty=empty)
        assert score(metric, torch.cat(preds), torch.cat(masks)) == pytest.approx(np.mean([area, *others]))
        assert metric.skipped == 2 - len(others)
    only_padding_marked = torch.zeros(1, 1, 8, 8)
    assert score(PixelAUC(empty="one"), FULL * 0.9, EMPTY, only_padding_marked) == 1


@pytest.mark.parametrize("empty", ["skip", "zero", "one"])
def test_an_image_tampered_all_over_is_left_out_and_said_so(empty):
    pred, mask, _ = batch(1)
    metric = PixelAUC(empty=empty)
    metric.update(FULL * 0.7, FULL)
    with pytest.warns(UserWarning, match="1 of 2 images have pixels of one kind only"):
        value = score(metric, pred, mask)
    assert value == pytest.approx(score(PixelAUC(), pred, mask))
    assert metric.skipped == 1
    with pytest.warns(UserWarning, match="undefined"):
        assert math.isnan(score(PixelAUC("pooled", empty=empty), FULL * 0.7, FULL))


def curves(pred, mask):
    """F1 of each image at each threshold k/256, by scikit-learn: (images, 256)."""
    thresholds = np.arange(256, dtype=np.float32) / 256

    def curve(p, m):  # a threshold is a column, which scikit-learn takes for a label of its own
        found = p.numpy().reshape(-1, 1) > thresholds
        truth = np.broadcast_to(m.numpy().reshape(-1, 1) > 0.5, found.shape)
        return f1_score(truth, found, average=None, zero_division=0)

    return np.array([curve(p, m) for p, m in zip(pred, mask, strict=True)])


def test_best_f1_is_the_highest_of_all_thresholds():
    pred, mask, _ = batch(3, seed=1)
    table = curves(pred, mask)
    metric = BestPixelF1()
    assert score(metric, pred, mask) == pytest.approx(table.mean(0).max())
    assert metric.best_threshold == table.mean(0).argmax() / 256
    assert metric.per_image_values.tolist() == pytest.approx(table[:, table.mean(0).argmax()])
    assert score(BestPixelF1("own_threshold"), pred, mask) == pytest.approx(table.max(1).mean())
    pooled = curves(pred.view(1, -1), mask.view(1, -1))[0]
    metric = BestPixelF1("pooled")
    assert score(metric, pred, mask) == pytest.approx(pooled.max())
    assert metric.best_threshold == pooled.argmax() / 256
    at_best = PixelF1("pooled", threshold=metric.best_threshold)
    assert score(at_best, pred, mask) == pytest.approx(pooled.max())


def chosen(metric):
    """The threshold of each of the first two images."""
    if metric.average != "own_threshold":
        return [metric.best_threshold] * 2
    curves = metric._curves(metric._all_rows())[:2]
    return [int(best) / 256 for best in curves.argmax(1)]


@pytest.mark.parametrize("average", ["per_image", "own_threshold", "pooled"])
def test_best_f1_leaves_authentic_images_out_unless_told(average):
    pred, mask, real = batch(2)
    pred = pred * torch.tensor([0.4, 0.9]).view(2, 1, 1, 1) + 0.1 * mask  # images that want other thresholds
    both = torch.cat([pred, pred[:1]]), torch.cat([mask, mask[:1] * 0])
    metric = BestPixelF1(average)
    assert score(metric, *both) == pytest.approx(score(BestPixelF1(average), pred, mask))
    assert metric.skipped == 1
    assert score(BestPixelF1(average, empty="zero"), *both) < score(BestPixelF1(average), pred, mask)
    assert score(BestPixelF1(average, empty="one"), EMPTY, EMPTY) == 1
    each = [
        score(PixelF1(threshold=t), pred[i : i + 1], mask[i : i + 1]) for i, t in enumerate(chosen(metric))
    ]
    assert metric.per_image_values[:2].tolist() == pytest.approx(each)
    assert math.isnan(metric.per_image_values[2])
    padded = score(BestPixelF1(average), pred, mask, real)
    assert padded == pytest.approx(score(BestPixelF1(average), pred * real, mask * real))
