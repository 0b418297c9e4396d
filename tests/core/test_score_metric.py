"""What all metrics have in common: names, warnings, and the same score from several processes as from one."""

import json
import math
import os
import subprocess
import sys
import warnings

import pytest
import torch
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryJaccardIndex

from workbook.core import metrics
from workbook.core.errors import WorkbookError
from workbook.core.score_metric import choice

PROCESSES = """
import json, os, sys, torch
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryJaccardIndex
from workbook.core import metrics as m

torch.set_num_threads(1)
child = os.fork()  # after the imports, which are paid once
folder, rank, cases = sys.argv[1], int(child > 0), json.loads(sys.argv[2])
torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
data = torch.load(f"{folder}/data.pt", weights_only=True)
found, collected = [], []
for shares in cases:
    for name, kwargs in json.loads(sys.argv[3]):
        metric = getattr(m, name)(**kwargs)
        for batch in shares[rank]:
            rows = {field: value[batch] for field, value in data.items()}
            if name.startswith("Image"):
                metric.update(rows["pred_label"], rows["label"])
            else:
                metric.update(rows["pred_mask"], rows["mask"], rows["shape_mask"])
        found.append([name, kwargs, metric.compute().item(), metric.skipped])
    # a collection shares states between its members, and a metric of torchmetrics stands among them
    together = MetricCollection([m.PixelF1(), m.PixelIoU(), m.PixelAUC(), BinaryJaccardIndex()])
    for batch in shares[rank]:
        rows = {field: value[batch] for field, value in data.items()}
        m.update_metric(together, rows, rows)
    collected.append(m.metric_values(together))
with open(f"{folder}/{rank}.json", "w") as file:
    json.dump([found, collected], file)
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
UNEVEN = [[[0, 2], [4, 6]], [[1, 3], [5]]]  # the batches of each process: the last is smaller
LONELY = [[[0, 1, 2, 3], [4, 5, 6]], []]  # one process has no image
METRICS = [
    (name, {"average": average, "empty": empty})
    for name in ("PixelF1", "PixelIoU", "PixelAccuracy", "PixelAUC", "BestPixelF1")
    for average, empty in (("per_image", "skip"), ("pooled", "one"))
] + [("PixelAUC", {"average": "pooled", "exact": True})]
METRICS += [(name, {}) for name in ("FalseAlarmRate", "ImageF1", "ImageAccuracy", "ImageAUC")]


def data():
    torch.manual_seed(3)
    mask = (torch.rand(7, 1, 12, 12) < torch.tensor([0, 0.2, 0.5, 0, 0.1, 0.9, 0.3]).view(7, 1, 1, 1)).float()
    return {
        "pred_mask": torch.sigmoid(torch.randn(mask.shape) + 2 * mask - 1),
        "mask": mask,
        "shape_mask": (torch.rand(mask.shape) < 0.8).float(),
        "pred_label": torch.rand(7),
        "label": mask.amax((1, 2, 3)),
    }


def feed(metric, rows):
    if metric.name.startswith("image"):
        metric.update(rows["pred_label"], rows["label"])
    else:
        metric.update(rows["pred_mask"], rows["mask"], rows["shape_mask"])
    return metric.compute().item()


def test_two_processes_give_what_one_gives(tmp_path):
    torch.save(data(), tmp_path / "data.pt")
    (tmp_path / "score.py").write_text(PROCESSES)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONWARNINGS": "ignore"}
    asked = [str(tmp_path), json.dumps([UNEVEN, LONELY]), json.dumps(METRICS)]
    command = [sys.executable, str(tmp_path / "score.py"), *asked]
    subprocess.run(command, env=environment, timeout=300, check=True)
    whole = data()
    one = MetricCollection([metrics.PixelF1(), metrics.PixelIoU(), metrics.PixelAUC(), BinaryJaccardIndex()])
    metrics.update_metric(one, whole, whole)
    for rank in range(2):
        found, collected = json.loads((tmp_path / f"{rank}.json").read_text())
        assert collected == [pytest.approx(metrics.metric_values(one), abs=1e-6)] * 2
        assert len(found) == 2 * len(METRICS)
        for name, kwargs, value, skipped in found:
            metric = getattr(metrics, name)(**kwargs)
            assert value == pytest.approx(feed(metric, data()), abs=1e-12), (name, rank)
            assert skipped == metric.skipped, (name, rank)


@pytest.mark.parametrize(("name", "kwargs"), METRICS)
def test_a_defined_score_warns_of_nothing(name, kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "pixel_auc: may be off by")  # so few pixels, pooled
        assert 0 <= feed(getattr(metrics, name)(**kwargs), data()) <= 1


def test_an_undefined_score_says_why_once():
    metric = metrics.PixelF1()
    metric.update(torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4))
    with pytest.warns(
        UserWarning, match=r"pixel_f1 is undefined \(NaN\): none of 2 images has a tampered pixel"
    ):
        assert math.isnan(metric.compute())
    metric.reset()
    metric.update(torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(metric.compute())


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
@pytest.mark.parametrize(("name", "kwargs"), METRICS)
def test_a_score_of_nothing_is_undefined(name, kwargs):
    metric = getattr(metrics, name)(**kwargs)
    with pytest.warns(UserWarning, match=r"is undefined \(NaN\): no|0 of 0"):
        assert math.isnan(metric.compute())


@pytest.mark.parametrize("name", ["PixelF1", "PixelAUC", "BestPixelF1", "FalseAlarmRate"])
def test_a_batch_of_no_images_changes_nothing(name):
    metric = getattr(metrics, name)()
    metric.update(torch.zeros(0, 1, 4, 4), torch.zeros(0, 1, 4, 4))
    rows = data()
    metric.update(torch.zeros(0, 1, 4, 4), torch.zeros(0, 1, 4, 4), torch.zeros(0, 1, 4, 4))
    once = getattr(metrics, name)()
    assert feed(metric, rows) == feed(once, rows)


def test_reset_forgets():
    metric = metrics.PixelF1()
    metric.update(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
    metric.update(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    assert (metric.compute().item(), metric.skipped) == (1, 1)
    metric.reset()
    assert metric.skipped == 0
    metric.update(torch.full((1, 1, 1, 3), 0.9), torch.tensor([[[[1.0, 0.0, 0.0]]]]))
    assert metric.compute().item() == 0.5


@pytest.mark.parametrize("name", ["PixelF1", "PixelAUC", "BestPixelF1"])
def test_the_state_is_small(name):
    metric = getattr(metrics, name)()
    metric.update(torch.rand(2, 1, 256, 256), (torch.rand(2, 1, 256, 256) > 0.5).float())
    held = sum(row.untyped_storage().nbytes() for row in metric.rows)
    assert held < 2 * 256 * 256 * 4 / 30  # a map of float32 would be 256 KiB an image


def test_a_batch_score_leaves_the_running_score_alone():
    metric = metrics.PixelF1()
    rows = data()
    one = metric(rows["pred_mask"][1:2], rows["mask"][1:2])
    other = metric(rows["pred_mask"][2:3], rows["mask"][2:3])
    assert metric.compute().item() == pytest.approx((one + other).item() / 2)


@pytest.mark.parametrize(
    "kwargs",
    [{"threshold": 1.0}, {"threshold": -1}, {"threshold": "0.5"}, {"average": "mean"}, {"empty": "nan"}],
)
def test_a_wrong_setting_is_refused(kwargs):
    with pytest.raises(WorkbookError, match=f"PixelF1: {next(iter(kwargs))} is"):
        metrics.PixelF1(**kwargs)


def test_choice_lists_the_choices():
    assert choice(object(), "empty", "one", ("zero", "one")) == "one"
    with pytest.raises(WorkbookError, match="choose from zero, one"):
        choice(object(), "empty", "two", ("zero", "one"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(("name", "kwargs"), METRICS)
def test_mixed_precision_changes_nothing(name, kwargs, dtype):
    rows = {field: value.to(dtype) for field, value in data().items()}
    widened = {field: value.float() for field, value in rows.items()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = feed(getattr(metrics, name)(**kwargs), rows)
    assert mixed == pytest.approx(feed(getattr(metrics, name)(**kwargs), widened), abs=1e-12)
