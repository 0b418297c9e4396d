import numpy as np
import pytest
import sklearn.metrics as sk
import torch
import torchmetrics
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from workbook.core import (
    PROTOCOLS,
    FalseAlarmRate,
    ImageAUC,
    ImageF1,
    PixelAUC,
    PixelF1,
    PixelIoU,
    Segmenter,
    collate,
    evaluate,
    run_model,
    save_checkpoint,
    validate,
)
from workbook.core.batch import prepare_batch
from workbook.core.errors import CheckpointError, DataError, WorkbookError


def batches(*sizes):
    torch.manual_seed(1)
    return [
        collate(
            [{"image": torch.rand(3, 8, 8), "mask": (torch.rand(1, 8, 8) > 0.5).float()} for _ in range(size)]
        )
        for size in sizes
    ]


def model():
    torch.manual_seed(0)
    return Segmenter(
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.Dropout(0.5), nn.Conv2d(4, 1, 1)), loss=nn.BCELoss()
    )


def test_the_loss_is_the_mean_over_images_and_the_scores_are_of_all(monkeypatch):
    net, loader = model().eval(), batches(4, 4, 1)
    whole = collate([{k: batch[k][i] for k in batch} for batch in loader for i in range(len(batch["image"]))])
    outputs = run_model(net, prepare_batch(whole))
    referee = torchmetrics.classification.BinaryAccuracy()
    expected = referee(outputs["pred_mask"], whole["mask"].int()).item()
    net.train()
    scores = validate(net, loader, [PixelF1(average="pooled"), torchmetrics.classification.BinaryAccuracy()])
    assert list(scores) == ["valid_loss", "pixel_f1", "binary_accuracy"]
    assert scores["valid_loss"] == pytest.approx(outputs["backward_loss"].item(), abs=1e-6)
    assert scores["binary_accuracy"] == pytest.approx(expected, abs=1e-6)
    assert net.training  # as it was


def test_metrics_start_anew_and_no_gradient_is_kept():
    net, loader, metric = model(), batches(2), PixelF1()
    seen = []
    validate(net, batches(5), [metric])  # of other images
    first = validate(net, loader, [PixelF1()])
    again = validate(
        net, loader, [metric], on_batch=lambda n, batch, outputs: seen.append((n, batch, outputs))
    )
    assert again == first
    assert [n for n, _, _ in seen] == [0]
    assert seen[0][1]["image"].dtype == torch.float32
    assert not seen[0][2]["pred_mask"].requires_grad


def test_the_mode_comes_back_after_an_error():
    net = model().train()
    with pytest.raises(KeyError):
        validate(net, batches(2), [], on_batch=lambda *_: {}["none"])
    assert net.training


def test_two_metrics_of_one_name_are_refused_before_the_model_runs():
    with pytest.raises(WorkbookError, match="two metrics are called pixel_f1"):
        validate(None, batches(2), [PixelF1(), PixelF1(average="pooled")], device="cpu", signature=object())


class SoftIoU(torchmetrics.classification.BinaryJaccardIndex):
    """A user's own, as published notebooks derive it."""


@pytest.mark.parametrize("used", [False, True], ids=["new", "used before"])
def test_a_collection_gives_what_its_members_give(used):
    net, loader = model(), batches(3, 2)
    collection = torchmetrics.MetricCollection([PixelF1(), PixelIoU(), SoftIoU()])
    if used:  # its members share their states from the first batch on
        validate(net, batches(5, 4), collection)
    alone = validate(net, loader, [PixelF1(), PixelIoU(), SoftIoU()])
    assert validate(net, loader, collection) == alone
    assert list(alone) == ["valid_loss", "pixel_f1", "pixel_iou", "soft_iou"]
    assert validate(net, loader, [collection, PixelF1(name="other")]) == alone | {"other": alone["pixel_f1"]}


def test_an_empty_loader_is_refused():
    with pytest.raises(DataError, match="the loader gave no batch"):
        validate(model(), [], [PixelF1()])


def test_without_masks_there_is_no_loss():
    assert validate(model(), [{"image": torch.rand(2, 3, 8, 8)}], []) == {}


class Grey(nn.Module):
    """The image's brightness is its map, shifted by what a checkpoint says."""

    def __init__(self, shift=0.0):
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(shift))

    def forward(self, image):
        prob = (image.mean(1, keepdim=True) + self.shift).sigmoid()
        return {"pred_mask": prob, "pred_label": prob.amax((1, 2, 3))}


def samples(number=10, tampered=lambda i: i % 2):
    torch.manual_seed(2)
    found = []
    for i in range(number):
        mask = (torch.rand(1, 16, 16 + i % 2) < 0.3).float() * float(bool(tampered(i)))
        image = (torch.rand(3, *mask.shape[1:]) * 180 + 70 * mask).byte()
        found.append({"image": image, "mask": mask, "name": f"{i:02}.png"})
    return found


def test_scores_are_what_scikit_learn_makes_of_the_same_predictions():
    data, model = samples(), Grey()
    metrics = [
        PixelF1(),
        PixelF1(average="pooled", empty="one", name="f1_pooled"),
        PixelIoU(),
        PixelAUC(),
        FalseAlarmRate(),
        ImageF1(),
        ImageAUC(),
    ]
    found = evaluate(model, {"set": data}, metrics, resamples=20)
    maps = [model(prepare_batch(collate([one]))["image"]) for one in data]
    probs = [one["pred_mask"].detach().flatten().numpy() for one in maps]
    truths = [one["mask"].flatten().numpy() > 0.5 for one in data]
    labels = np.array([truth.any() for truth in truths])
    scores = np.array([one["pred_label"].item() for one in maps])
    some = [i for i in range(10) if labels[i]]
    f1s = [sk.f1_score(truths[i], probs[i] > 0.5) for i in some]
    expected = {
        "pixel_f1": np.mean(f1s),
        "f1_pooled": sk.f1_score(np.concatenate(truths), np.concatenate(probs) > 0.5),
        "pixel_iou": np.mean([sk.jaccard_score(truths[i], probs[i] > 0.5) for i in some]),
        "pixel_auc": np.mean([sk.roc_auc_score(truths[i], probs[i]) for i in some]),
        "false_alarm_rate": np.mean([(probs[i] > 0.5).mean() for i in range(10) if not labels[i]]),
        "image_f1": sk.f1_score(labels, scores > 0.5),
        "image_auc": sk.roc_auc_score(labels, scores),
    }
    for name, value in expected.items():
        assert found.value(name) == pytest.approx(value, abs=1e-4 if name == "pixel_auc" else 1e-6), name
    each = found.images.set_index("name")["pixel_f1"]
    assert each.iloc[some].tolist() == pytest.approx(f1s, abs=1e-6)
    assert each.iloc[[i for i in range(10) if not labels[i]]].isna().all()
    assert found.images["pred_label"].tolist() == pytest.approx(scores.tolist(), abs=1e-6)


def test_kinds_apart_and_what_each_score_has_to_say():
    table = evaluate(Grey(), samples(), resamples=20).table
    assert list(table.columns) == [
        "checkpoint",
        "dataset",
        "kind",
        "score",
        "value",
        "low",
        "high",
        "images",
        "note",
    ]
    rows = {(row["kind"], row["score"]): row for row in table.to_dict("records")}
    assert list(rows) == [
        *(("all", score) for score in ("pixel_f1", "pixel_iou", "false_alarm_rate")),
        ("authentic", "false_alarm_rate"),
        ("tampered", "pixel_f1"),
        ("tampered", "pixel_iou"),
    ]
    assert rows["all", "pixel_f1"]["value"] == rows["tampered", "pixel_f1"]["value"]
    assert rows["all", "pixel_f1"]["images"] == 5
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows.values())


def test_a_score_without_the_images_that_it_needs_says_so():
    metrics = [PixelF1(), FalseAlarmRate(), ImageAUC()]
    with (
        pytest.warns(UserWarning, match=r"false_alarm_rate is undefined \(NaN\): no authentic image"),
        pytest.warns(UserWarning, match=r"image_auc is undefined \(NaN\): 10 of 10 images are tampered"),
    ):
        table = evaluate(Grey(), samples(tampered=lambda i: True), metrics).table.set_index("score")
    assert table["value"].isna().tolist() == [False, True, True]
    assert table["note"].tolist() == [
        "",
        "no authentic image was given",
        "10 of 10 images are tampered; it compares both kinds",
    ]


def test_scores_that_share_their_counts_are_those_of_each_alone():
    metrics = [PixelF1(), PixelIoU(), FalseAlarmRate(threshold=0.4), PixelF1(average="pooled", name="pooled")]
    together = evaluate(Grey(), samples(), metrics)
    for metric in metrics:
        assert together.value(metric.name) == evaluate(Grey(), samples(), [metric]).value(metric.name)


def test_several_checkpoints_and_sets_and_the_model_as_it_was(tmp_path):
    model = Grey(5.0).train()
    paths = [
        save_checkpoint(tmp_path / f"epoch_{i}.safetensors", Grey(shift))
        for i, shift in ((2, -1.0), (10, 1.0))
    ]
    found = evaluate(
        model, {"a": samples(4), "b": samples(6)}, [PixelF1()], checkpoints=paths, tensorboard=tmp_path / "tb"
    )
    assert found.table.groupby(["checkpoint", "dataset"], sort=False).ngroups == 4
    assert len(found.images) == 2 * (4 + 6)
    alone = evaluate(Grey(1.0), {"b": samples(6)}, [PixelF1()]).value("pixel_f1")
    assert found.value("pixel_f1", checkpoint="epoch_10", dataset="b") == pytest.approx(alone)
    assert model.shift.item() == 5
    assert model.training
    events = EventAccumulator(str(tmp_path / "tb")).Reload()
    assert [event.step for event in events.Scalars("b/pixel_f1")] == [2, 10]
    assert events.Scalars("b/pixel_f1")[1].value == pytest.approx(alone)
    foreign = save_checkpoint(tmp_path / "foreign.safetensors", nn.Linear(1, 1))
    with pytest.raises(CheckpointError, match=r"foreign.*is of another model: shift is missing"):
        evaluate(model, samples(4), [PixelF1()], checkpoints=[paths[0], foreign])
    assert model.shift.item() == 5


def test_protocols_beside_metrics():
    truth = samples(8)

    class Right(Grey):
        def forward(self, image, name):
            masks = [one["mask"] for n in name for one in truth if one["name"] == n]
            return {"pred_mask": torch.stack(masks) + 0 * self.shift}

    found = evaluate(Right(), truth, [PixelIoU()], protocol=["MVSS-Net", "IMDL-BenCo"], resamples=20)
    assert found.value("pixel_f1", protocol="IMDL-BenCo") == 0.5
    assert found.value("pixel_f1", protocol="MVSS-Net") == 1
    assert found.value("pixel_iou") == 1
    assert found.value("pixel_f1", protocol="IMDL-BenCo", kind="authentic") == 0
    only = evaluate(Right(), truth, protocol="all", resamples=5)
    assert only.table.loc[only.table["kind"] == "all", "protocol"].tolist() == list(PROTOCOLS)
    with pytest.raises(WorkbookError, match="none of that name"):
        evaluate(Right(), truth, protocol="mine")


def test_a_metric_of_someone_elses_has_a_value_for_each_kind_and_no_interval():
    found = evaluate(Grey(), samples(), [torchmetrics.classification.BinaryAccuracy()])
    assert found.table["kind"].tolist() == ["all", "authentic", "tampered"]
    assert found.table["low"].isna().all()
    whole, *parts = found.table["value"]
    assert min(parts) < whole < max(parts)
