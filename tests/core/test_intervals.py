import math

import numpy as np
import pytest
import torch

from workbook.core import metrics as m
from workbook.core.errors import WorkbookError
from workbook.core.intervals import draws, interval, resampled
from workbook.core.protocols import PROTOCOLS, ProtocolF1

KINDS = [
    *(getattr(m, name)(average=average, empty=empty)
      for name in ("PixelF1", "PixelIoU", "PixelAccuracy", "BestPixelF1")
      for average in ("per_image", "pooled") for empty in ("skip", "one")),
    m.BestPixelF1(average="own_threshold"), m.PixelAUC(),
    m.FalseAlarmRate(), m.FalseAlarmRate(average="pooled"),
    m.ImageF1(), m.ImageAccuracy(), m.ImageAUC(), *(ProtocolF1(one) for one in PROTOCOLS.values()),
]  # fmt: skip


def fed(metric, number=9):
    metric.reset()
    torch.manual_seed(5)
    mask = (torch.rand(number, 1, 24, 24) < torch.arange(number).view(-1, 1, 1, 1) / 20).float()
    prob = (torch.randn(mask.shape) + 2 * mask - 1).sigmoid()
    if metric.name.startswith("image"):
        metric.update(torch.rand(number).round(decimals=1), (torch.rand(number) > 0.4).float())
    else:
        metric.update(prob, mask)
    return metric._all_rows()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "metric", KINDS, ids=lambda k: f"{k.name}-{getattr(k, 'average', '')}-{getattr(k, 'empty', '')}"
)
def test_a_draw_scores_what_the_metric_scores_on_the_images_drawn(metric):
    rows = fed(metric)
    drawn = torch.cat(list(draws(len(rows), 12, seed=1)))
    found = resampled(metric, rows, drawn)
    for times, value in zip(drawn, found, strict=True):
        expected, _ = metric._score(rows.repeat_interleave(times.long(), dim=0))
        assert value.item() == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_draws_are_with_replacement_and_repeatable():
    first, again, other = (torch.cat(list(draws(50, 300, seed))) for seed in (3, 3, 4))
    assert first.shape == (300, 50)
    assert (first.sum(1) == 50).all()
    assert first.max() >= 4
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_interval_is_numpys_percentiles_of_means():
    metric = m.PixelF1()
    rows = fed(metric, 40)
    values = metric._values(rows)
    low, high = interval(metric, rows, resamples=4000, confidence=0.9)
    kept = values[~values.isnan()].numpy()
    means = np.random.default_rng(0).choice(kept, (4000, len(kept))).mean(1)
    assert [low, high] == pytest.approx(np.quantile(means, [0.05, 0.95]), abs=0.01)
    assert low < float(metric.compute()) < high


def test_what_has_no_interval():
    metric = m.PixelF1()
    assert all(math.isnan(end) for end in interval(metric, fed(metric)[:1]))
    assert all(math.isnan(end) for end in interval(metric, torch.tensor([[0, 0, 0, 9]] * 5)))  # all authentic
    with pytest.raises(WorkbookError, match="confidence=95"):
        interval(metric, fed(metric), confidence=95)
    with pytest.raises(WorkbookError, match="resamples=0"):
        interval(metric, fed(metric), resamples=0)
