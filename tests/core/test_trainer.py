import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from workbook.core import DataError, ModelError, PixelF1, Segmenter, SilentView, Trainer, load_checkpoint
from workbook.core.checkpoint import read_weights
from workbook.core.errors import CheckpointError, WorkbookError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True, scope="module")
def _frozen():
    """Accelerate collects garbage after each run: spare it a walk through all that torch has imported."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class Squares(torch.utils.data.Dataset):
    """Noise with brighter squares; the noise is drawn anew at each look, as an augmentation is."""

    def __init__(self, length=22, damage=None):
        self.length, self.damage = length, damage or {}

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        mask = torch.zeros(1, 16, 16)
        mask[:, index % 8 : index % 8 + 6, 4:12] = float(index % 3 > 0)
        image = 0.5 * torch.rand(3, 16, 16) + 0.5 * mask
        sample = {"image": image, "mask": mask, "label": mask.amax(), "name": f"{index}.png"}
        return sample | (self.damage[index]() if index in self.damage else {})


def small_model(seed=0):
    torch.manual_seed(seed)
    return Segmenter(
        nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2), nn.Conv2d(8, 1, 1)
        ),
        loss=nn.BCELoss(),
    )


def trainer(folder, name="run", **settings):
    return Trainer(
        name, folder, **{"epochs": 2, "lr": 1e-2, "batch_size": 4, "tensorboard": False} | settings
    )


def fit(folder, model=None, data=None, valid=None, metrics=(), **settings):
    made = trainer(folder, **settings)
    history = made.fit(
        model or small_model(), Squares() if data is None else data, valid, metrics, view=SilentView()
    )
    return made, history


def weights(folder, which="last"):
    return read_weights(Path(folder) / which / "model.safetensors")


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


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


@pytest.mark.parametrize("workers", [0, 2])
def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path, workers):
    _, unbroken = fit(tmp_path, name="unbroken", valid=Squares(9), epochs=3, ema=0.9, accumulate=2)
    made = trainer(tmp_path, epochs=3, ema=0.9, accumulate=2, workers=workers)
    looked = iter(range(1000))

    class Interrupting(SilentView):
        def step(self, report):
            if next(looked) == 3:
                os.kill(os.getpid(), signal.SIGINT)

    made.settings.__dict__["log_every"] = 1
    first = made.fit(small_model(), Squares(), Squares(9), view=Interrupting())
    assert len(first) < 3
    state = torch.load(made.folder / "last" / "state.pt", weights_only=True)["progress"]
    assert state["batch"] > 0  # within an epoch
    again = Trainer.from_run(made.folder)
    history = again.resume(small_model(5), Squares(), Squares(9), view=SilentView())
    assert same(weights(made.folder), weights(tmp_path / "unbroken"))
    assert same(weights(made.folder, "best"), weights(tmp_path / "unbroken", "best"))
    for column in ("loss", "valid_loss", "lr"):
        assert list(history[column]) == list(unbroken[column])


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
    made = trainer(tmp_path, epochs=9, patience=2, lr=1e-12, min_lr=0)
    model = Segmenter(nn.Conv2d(3, 1, 1), loss=nn.BCELoss())
    fixed = [Squares(3)[i] for i in range(3)]
    history = made.fit(model, fixed, fixed, [PixelF1()], watch=("pixel_f1", "max"), view=SilentView())
    assert len(history) == 3


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


# What goes wrong, and what is said about it


def test_a_loss_that_is_not_finite_names_the_step_and_the_files(tmp_path):
    def poison():
        return {"image": torch.full((3, 16, 16), float("nan"))}

    model = Segmenter(nn.Conv2d(3, 1, 1), loss=lambda preds, target: (preds - target).square().mean())
    with pytest.raises(WorkbookError, match=r"nan at step \d+, in the batch of .*13\.png"):
        fit(tmp_path, model, Squares(damage={13: poison}), epochs=3, save_every=1, log_every=4)
    assert all(value.isfinite().all() for value in weights(tmp_path / "run").values())


def test_another_configuration_is_refused_with_the_difference(tmp_path):
    fit(tmp_path)
    with pytest.raises(WorkbookError, match=r"epochs: 2 → 3.*existing="):
        fit(tmp_path, epochs=3)
    with pytest.raises(WorkbookError, match=r"data: 22 items → 21 items"):
        fit(tmp_path, data=Squares(21))
    with pytest.raises(WorkbookError, match="model: Segmenter"):
        fit(tmp_path, Segmenter(nn.Conv2d(3, 1, 1)))
    accepted = Trainer("run", tmp_path, existing="accept", epochs=3, lr=1e-2, batch_size=4, tensorboard=False)
    assert len(accepted.fit(small_model(), Squares(), view=SilentView())) == 3
    restarted = Trainer("run", tmp_path, existing="restart", epochs=1, batch_size=4, tensorboard=False)
    assert len(restarted.fit(small_model(), Squares(), view=SilentView())) == 1


def test_workers_and_watching_may_differ(tmp_path):
    _, history = fit(tmp_path)
    _, again = fit(tmp_path, log_every=3, save_every=2, workers=1)
    pd.testing.assert_frame_equal(history, again)


def test_a_torn_checkpoint_is_named_and_the_one_before_is_used(tmp_path):
    made, _ = fit(tmp_path, epochs=3)
    file = made.folder / "last" / "state.pt"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.warns(UserWarning, match=r"last.state\.pt: is torn.*previous, epoch 2"):
        _, history = fit(tmp_path, small_model(4), epochs=3)
    assert len(history) == 3
    for which in ("last", "previous"):
        (made.folder / which / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"torn.*restart"):
        fit(tmp_path, epochs=3)


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    import workbook.core.checkpoint as checkpoint

    made, _ = fit(tmp_path, epochs=3, name="whole")
    calls = iter(range(100))
    real = os.fsync

    def full(number):
        if next(calls) > 9:  # within the second epoch's checkpoint
            raise OSError(28, "No space left on device")
        real(number)

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"the disk is full; free some space"):
        fit(tmp_path, epochs=3)
    monkeypatch.undo()
    progress = torch.load(tmp_path / "run" / "last" / "state.pt", weights_only=True)["progress"]
    assert weights(tmp_path / "run")  # whole: reading checks it
    assert 1 <= progress["epoch"] < 3
    _, history = fit(tmp_path, small_model(7), epochs=3)
    assert same(weights(tmp_path / "run"), weights(made.folder))
    assert len(history) == 3


def test_a_folder_that_cannot_be_written_fails_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("in the way")
    seen = []
    data = Squares()
    data.damage = {i: (lambda: seen.append(1) or {}) for i in range(22)}
    with pytest.raises(CheckpointError, match="cannot be written"):
        fit(tmp_path / "file", data=data)
    assert not seen


def test_out_of_memory_says_which_batch_would_fit(tmp_path):
    class Greedy(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 1, 1)

        def forward(self, image, mask=None):
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(WorkbookError, match=r"batch_size=4: try batch_size=2, accumulate=4"):
        fit(tmp_path, Greedy(), accumulate=2)


def test_a_dead_worker_names_its_file(tmp_path):
    def die():
        if torch.utils.data.get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return {}

    data = Squares(damage={13: die})
    data.pairs = [
        type("Pair", (), {"image": f"{i}.png", "name": f"{i}.png", "mask": None}) for i in range(22)
    ]
    with pytest.raises(DataError, match=r"died while reading 13\.png; look"):
        fit(tmp_path, data=data, workers=2)


def test_bad_input_is_refused_with_what_to_do(tmp_path):
    frozen = small_model().requires_grad_(False)
    with pytest.raises(ModelError, match="frozen"):
        fit(tmp_path, frozen)
    with pytest.raises(DataError, match="no batch of 4"):
        fit(tmp_path, data=Squares(0))
    with pytest.raises(ModelError, match="not a scalar"):
        fit(tmp_path, Segmenter(nn.Conv2d(3, 1, 1), loss=nn.BCELoss(reduction="none")))
    images = [{"image": torch.rand(3, 8, 8)} for _ in range(4)]
    with pytest.raises(DataError, match="no masks"):
        fit(tmp_path, data=images, name="images")
    with pytest.raises(WorkbookError, match=r"did you mean 'pixel_f1'"):
        trainer(tmp_path).fit(small_model(), Squares(), Squares(3), [PixelF1()], watch="pixelf1")
    with pytest.raises(DataError, match="valid_data"):
        trainer(tmp_path).fit(small_model(), Squares(), metrics=[PixelF1()])
    with pytest.raises(WorkbookError, match="run name"):
        Trainer("a/b", tmp_path)
    with pytest.raises(CheckpointError, match="call fit"):
        trainer(tmp_path, "none").resume()
    with pytest.raises(CheckpointError, match=r"config\.json"):
        Trainer.from_run(tmp_path / "none")


# Processes


def run_script(body, tmp_path, *arguments):
    """Run a script that forks its trainings, so that the imports are paid once."""
    head = f"""
        import gc, os, sys, signal
        os.environ["ACCELERATE_USE_CPU"] = "1"
        os.environ.pop("CI", None)
        sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
        import torch
        torch.set_num_threads(1)
        import accelerate, pandas, safetensors.torch, torch.nn.parallel, torchmetrics
        from torch import nn
        from test_trainer import Squares, small_model, trainer
        from workbook.core import Segmenter, SilentView

        def forked(work, **environment):
            child = os.fork()
            if not child:
                os.environ.update(environment)
                try:
                    work()
                    os._exit(0)
                except BaseException:
                    import traceback
                    traceback.print_exc()
                    os._exit(1)
            return child

        def ended(child):
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

        gc.collect()
        gc.freeze()  # a collection in a child would copy every page
    """
    file = tmp_path / "script.py"
    file.write_text(textwrap.dedent(head) + textwrap.dedent(body))
    done = subprocess.run(
        [sys.executable, str(file), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_bits_of_the_unbroken_run(tmp_path):
    body = """
        root = sys.argv[1]

        def train(name, kill_at=None):
            def work():
                calls = iter(range(10**6))
                def counted(real):
                    def call(*arguments):
                        if next(calls) == kill_at:
                            os.kill(os.getpid(), signal.SIGKILL)
                        return real(*arguments)
                    return call
                if kill_at is not None:  # before a read, before a file is whole, before a renaming
                    import pathlib
                    Squares.__getitem__ = counted(Squares.__getitem__)
                    os.fsync = counted(os.fsync)
                    pathlib.Path.replace = counted(pathlib.Path.replace)
                made = trainer(root, name, epochs=2, save_every=2, ema=0.9, average=1)
                made.fit(small_model(), Squares(), Squares(5), view=SilentView())
            return ended(forked(work))

        assert train("unbroken") == 0
        for number, moment in enumerate([3, 17, 19, 21, 22, 23, 24, 26, 61, 70]):
            name = f"killed{number}"
            died = train(name, moment)
            assert died == -signal.SIGKILL, (moment, died)
            assert train(name, moment + 7) in (0, -signal.SIGKILL)
            assert train(name) == 0
    """
    run_script(body, tmp_path, tmp_path)
    whole, moments = weights(tmp_path / "unbroken"), sorted(tmp_path.glob("killed*"))
    assert len(moments) == 10
    for folder in moments:
        assert same(weights(folder), whole), folder
        for which in ("best", "average"):
            assert same(weights(folder, which), weights(tmp_path / "unbroken", which)), (folder, which)
        assert len((folder / "log.jsonl").read_text().splitlines()) == 2


def test_two_processes_equal_one_with_twice_the_batch(tmp_path):
    body = """
        root = sys.argv[1]

        def train(name, length, batch, accumulate):
            def work():
                from workbook.core import PixelF1, ImageAUC
                torch.manual_seed(0)
                net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))
                made = trainer(root, name, epochs=2, batch_size=batch, accumulate=accumulate, clip=1.0)
                metrics = [PixelF1(), ImageAUC()]
                rows = made.fit(Segmenter(net, loss=nn.BCELoss()), Squares(length), Squares(5), metrics,
                                view=SilentView())
                rows.to_json(f"{root}/{name}-{os.environ.get('RANK', 0)}.json")
            return work

        # The last batch has one sample, for one process alone, or three, which are shared out as two and one.
        for accumulate, length in ((1, 21), (2, 23)):
            assert ended(forked(train(f"one{accumulate}", length, 4, accumulate))) == 0
            port = str(29500 + os.getpid() % 2000 + accumulate)
            both = [
                forked(train(f"two{accumulate}", length, 2, accumulate), RANK=str(rank), LOCAL_RANK=str(rank),
                       WORLD_SIZE="2", LOCAL_WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
                for rank in range(2)
            ]
            assert [ended(child) for child in both] == [0, 0]
    """
    run_script(body, tmp_path, tmp_path)
    for accumulate in (1, 2):
        one, two = weights(tmp_path / f"one{accumulate}"), weights(tmp_path / f"two{accumulate}")
        for key in one:
            torch.testing.assert_close(one[key], two[key], rtol=0, atol=1e-6)
        rows = [
            pd.read_json(tmp_path / f"{name}.json") for name in (f"one{accumulate}-0", f"two{accumulate}-0")
        ]
        for column in ("loss", "valid_loss", "pixel_f1", "image_auc"):
            np.testing.assert_allclose(rows[0][column], rows[1][column], rtol=0, atol=1e-6)
        # Images a step are the same, so one process may go on where two were, and the other way round.
        assert json.loads((tmp_path / f"two{accumulate}/config.json").read_text())["batch"] == 4
        last = weights(tmp_path / f"two{accumulate}")
        assert last.keys() == one.keys()  # without the wrapper's prefix


def test_nothing_is_warned_about_in_an_ordinary_run(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(tmp_path, valid=Squares(9), metrics=[PixelF1()])
