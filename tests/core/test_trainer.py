import json
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from small_training import Squares, fit, same, small_model, trainer, weights
from torch import nn
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryAccuracy

from workbook.core import PixelF1, Segmenter, SilentView, WorkbookError, load_checkpoint
from workbook.core.checkpoint import read_weights

pytestmark = pytest.mark.usefixtures("frozen")


def test_a_run_learns_and_leaves_its_folder(tmp_path):
    made, history = fit(
        tmp_path, valid=Squares(9), metrics=[PixelF1()], epochs=4, lr=0.05, average=2, tensorboard=True
    )
    assert list(history["epoch"]) == [1, 2, 3, 4]
    assert {"loss", "lr", "valid_loss", "pixel_f1", "images_per_second", "seconds", "peak_memory"} < {
        *history
    }
    assert history["loss"].iloc[-1] < 0.8 * history["loss"].iloc[0]
    files = {file.relative_to(made.folder).as_posix() for file in made.folder.rglob("*") if file.is_file()}
    expected = {f"{kind}/model.safetensors" for kind in ("best", "last", "previous", "average")}
    assert expected | {"last/state.pt", "config.json", "environment.json", "log.jsonl"} <= files
    assert any(file.startswith("tensorboard/events") for file in files)
    assert not [file for file in files if file.endswith(".part")]
    rows = [json.loads(line) for line in (made.folder / "log.jsonl").read_text().splitlines()]
    pd.testing.assert_frame_equal(pd.DataFrame(rows), history)


def test_the_best_epoch_is_kept_and_its_score_comes_back(tmp_path):
    from workbook.core import collate, validate

    model, valid = small_model(), Squares(9)
    made = trainer(tmp_path, epochs=5, lr=0.3, ema=0.5)
    fixed = [{**valid[i], "image": torch.ones(3, 16, 16) * valid[i]["mask"]} for i in range(9)]
    history = made.fit(model, Squares(), fixed, [PixelF1()], watch="pixel_f1", view=SilentView())
    best = load_checkpoint(made.folder, small_model(1))
    score = validate(best, [collate(fixed)], [PixelF1()])["pixel_f1"]
    assert score == pytest.approx(history["pixel_f1"].max(), abs=1e-6)


def test_with_a_moving_average_it_is_the_average_that_is_tested_and_kept(tmp_path):
    made, _ = fit(tmp_path, valid=Squares(9), epochs=1, ema=0.9)
    average = torch.load(made.folder / "last" / "state.pt", weights_only=True)["average"]
    best, last = weights(made.folder, "best"), weights(made.folder, "last")
    assert all(torch.equal(best[key], value) for key, value in average.items())
    assert not torch.equal(best["net.0.weight"], last["net.0.weight"])


def test_the_average_is_the_mean_of_the_best(tmp_path):
    made, _ = fit(tmp_path, valid=Squares(9), epochs=4, average=3)
    parts = [read_weights(file) for file in sorted((made.folder / "average").glob("epoch_*"))]
    assert len(parts) == 3
    mean = weights(made.folder, "average")
    key = "net.0.weight"
    torch.testing.assert_close(mean[key], sum(part[key] for part in parts) / 3)


def test_accumulation_equals_the_large_batch(tmp_path):
    net = small_model().net
    plain = Segmenter(nn.Sequential(net[0], net[4]), loss=nn.BCELoss())  # batch statistics differ by nature
    start = {k: v.clone() for k, v in plain.state_dict().items()}
    results = []
    for batch, accumulate in ((8, 1), (2, 4), (4, 2)):  # 21 samples: the last group ends with a batch of one
        plain.load_state_dict(start)
        made, history = fit(
            tmp_path, plain, Squares(21), name=f"{batch}", batch_size=batch, accumulate=accumulate
        )
        results.append((weights(made.folder), list(history["loss"])))
    for parameters, losses in results[1:]:
        assert losses == pytest.approx(results[0][1], abs=1e-6)
        for key in start:
            torch.testing.assert_close(parameters[key], results[0][0][key], rtol=0, atol=1e-6)


def test_fit_leaves_the_callers_randomness_alone(tmp_path):
    torch.manual_seed(3)
    np.random.seed(3)
    expected = torch.rand(2), np.random.rand(2)
    torch.manual_seed(3)
    np.random.seed(3)
    model = small_model()
    torch.manual_seed(3)
    fit(tmp_path, model)
    assert torch.equal(torch.rand(2), expected[0])
    assert np.array_equal(np.random.rand(2), expected[1])


def test_the_order_and_the_noise_change_with_the_epoch_and_the_seed(tmp_path):
    seen = []

    class Watching(Squares):
        def __getitem__(self, index):
            sample = super().__getitem__(index)
            seen.append((index, float(sample["image"].sum())))
            return sample

    fit(tmp_path, data=Watching())
    fit(tmp_path, data=Watching(), name="seed", seed=1)
    fit(tmp_path, data=Watching(), name="same")
    parts = [seen[i * 22 : (i + 1) * 22] for i in range(6)]
    assert parts[0] == parts[4]
    assert parts[1] == parts[5]
    assert all(sorted(i for i, _ in part) == list(range(22)) for part in parts)
    orders = [[i for i, _ in part] for part in parts]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert not {noise for _, noise in parts[0]} & {noise for _, noise in parts[1]}


def test_named_sets_have_columns_of_their_own_and_a_mean(tmp_path):
    made = trainer(tmp_path, test_every=2, epochs=3)
    sets = {"a": Squares(6), "b": Squares(9)}
    history = made.fit(small_model(), Squares(), sets, [PixelF1()], watch="b/pixel_f1", view=SilentView())
    assert np.isnan(history["a/pixel_f1"][0])
    assert not np.isnan(history["a/pixel_f1"][[1, 2]]).any()
    mean = (history["a/pixel_f1"] + history["b/pixel_f1"]) / 2
    assert history["pixel_f1"][2] == pytest.approx(mean[2])


def test_early_stopping_waits_for_patience(tmp_path):
    made = trainer(tmp_path, epochs=9, patience=2, lr=1e-12, min_lr=0, average=1)
    model = Segmenter(nn.Conv2d(3, 1, 1), loss=nn.BCELoss())
    fixed = [Squares(3)[i] for i in range(3)]
    history = made.fit(model, fixed, fixed, [PixelF1()], watch=("pixel_f1", "max"), view=SilentView())
    assert len(history) == 3
    assert same(weights(made.folder, "average"), weights(made.folder, "best"))
    assert len(made.fit(model, fixed, fixed, [PixelF1()], ("pixel_f1", "max"), SilentView())) == 3  # is over


def test_a_plain_network_with_a_loss_of_ones_own_on_tuples_and_a_loader(tmp_path):
    pairs = [(torch.rand(3, 8, 8), (torch.rand(1, 8, 8) > 0.5).float()) for _ in range(7)]
    loader = torch.utils.data.DataLoader(pairs, batch_size=3, shuffle=True)
    made = trainer(tmp_path, epochs=1)
    net = nn.Conv2d(3, 1, 3, padding=1)
    history = made.fit(net, loader, pairs, loss=nn.BCEWithLogitsLoss(), view=SilentView())
    assert history["valid_loss"].notna().all()
    assert load_checkpoint(made.folder / "last", nn.Conv2d(3, 1, 3, padding=1)).weight.equal(net.weight)


@pytest.mark.parametrize("settings", [{"precision": "bf16"}, {"clip": 0.1}, {"channels_last": False}])
def test_other_settings_train_too_and_give_the_model_back_as_it_came(tmp_path, settings):
    model = small_model()
    before = set(model.__dict__)
    _, history = fit(tmp_path, model, **settings)
    assert history["loss"].notna().all()
    assert set(model.__dict__) == before
    assert all(p.dtype == torch.float32 for p in model.parameters())


def test_the_optimizer_of_the_settings_takes_the_steps(tmp_path):
    ended = {}
    for name in ("AdamW", "Adam", "SGD"):
        made, _ = fit(tmp_path, name=name, optimizer=name, epochs=1)
        ended[name] = weights(made.folder)["net.0.weight"]
    assert not any(ended[one].equal(ended[other]) for one, other in (("AdamW", "Adam"), ("Adam", "SGD")))
    with pytest.raises(WorkbookError, match="one of AdamW, Adam, SGD"):
        trainer(tmp_path, optimizer="adam")


def test_clipping_bounds_the_gradient(tmp_path):
    norms = []

    class Spy(torch.optim.AdamW):
        def step(self, *a, **k):
            grads = [p.grad.norm() for group in self.param_groups for p in group["params"]]
            norms.append(float(torch.stack(grads).norm()))
            return super().step(*a, **k)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.optim.AdamW", Spy)
        fit(tmp_path, epochs=1, clip=1e-3)
        fit(tmp_path, epochs=1, name="free")
    assert max(norms[:6]) <= 1e-3 * (1 + 1e-5)
    assert max(norms[6:]) > 1e-2


def test_nothing_is_warned_about_in_an_ordinary_run(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(tmp_path, valid=Squares(9), metrics=[PixelF1()])


def test_a_collection_of_metrics_trains_as_its_members_do(tmp_path):
    members = [PixelF1(), BinaryAccuracy()]
    _, alone = fit(tmp_path / "a", valid=Squares(9), metrics=members, epochs=1)
    _, together = fit(tmp_path / "b", valid=Squares(9), metrics=MetricCollection(members), epochs=1)
    scores = ["valid_loss", "pixel_f1", "binary_accuracy"]
    assert together[scores].equals(alone[scores])
