import json

import numpy as np
import pandas as pd
import pytest
import torch
from small_training import Squares, run_script, small_model, tiny_folder, weights

from workbook.core import load_checkpoint, validate
from workbook.core.loading import make_loader, read_batches

pytestmark = pytest.mark.usefixtures("frozen")


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


def launched(number, rank):
    return f"""dict(RANK="{rank}", LOCAL_RANK="{rank}", WORLD_SIZE="2", LOCAL_WORLD_SIZE="2",
                    MASTER_ADDR="127.0.0.1", MASTER_PORT=str(20000 + (os.getpid() * 4 + {number}) % 9000))"""


def test_scores_of_two_processes_are_those_of_the_saved_weights(tmp_path):
    body = f"""
        root = sys.argv[1]

        def work():
            from workbook.core import PixelF1
            # Each one's batch normalisation sees its own half; of 22 images the last batch has two, not one.
            made = trainer(root, "run", epochs=2, batch_size=2)
            rows = made.fit(small_model(), Squares(22), Squares(5), [PixelF1()], view=SilentView())
            rows.to_json(f"{{root}}/{{os.environ['RANK']}}.json")

        both = [forked(work, **{launched(0, 0)}), forked(work, **{launched(0, 1)})]
        assert [ended(child) for child in both] == [0, 0]
    """
    run_script(body, tmp_path, tmp_path)
    rows = [pd.read_json(tmp_path / f"{rank}.json") for rank in (0, 1)]
    assert list(rows[0]["valid_loss"]) == list(rows[1]["valid_loss"])
    model = load_checkpoint(tmp_path / "run" / "last", small_model(1))
    loader = make_loader(Squares(5), batch_size=5)
    loader.batch_sampler.set_epoch(0)
    expected = validate(model, read_batches(loader), [])["valid_loss"]
    assert rows[0]["valid_loss"].iloc[-1] == pytest.approx(expected, abs=1e-6)


def test_the_verb_under_two_processes_and_a_notebook_equal_one_process(tmp_path):
    folder = tiny_folder(tmp_path / "data")
    body = f"""
        root, data = sys.argv[1:]
        import contextlib, io
        from workbook.cli import main

        def words(name, batch):
            fixed = "train --model MyModel --size 32 --epochs 2 --warmup-epochs 0 --lr 1e-2"
            return [*fixed.split(), "--data", data, "--test-data", data, "--batch-size", str(batch),
                    "--out", f"{{root}}/{{name}}"]

        def train(name, batch):
            def work():
                out = io.StringIO()
                with contextlib.redirect_stdout(out):
                    assert main(words(name, batch)) == 0
                open(f"{{root}}/{{name}}-{{os.environ.get('RANK', 0)}}.txt", "w").write(out.getvalue())
            return work

        def notebook():
            from accelerate import notebook_launcher
            port = str(20000 + (os.getpid() * 4 + 2) % 9000)
            with contextlib.redirect_stdout(io.StringIO()):
                notebook_launcher(train("notebook", 2), num_processes=2, use_port=port)

        assert ended(forked(train("one", 4))) == 0
        both = [forked(train("two", 2), **{launched(1, 0)}), forked(train("two", 2), **{launched(1, 1)})]
        assert [ended(child) for child in both] == [0, 0]
        assert ended(forked(notebook)) == 0
    """
    run_script(body, tmp_path, tmp_path, folder)
    one = weights(tmp_path / "one")
    scores = {}
    for name in ("one", "two", "notebook"):
        other = weights(tmp_path / name)
        assert all(torch.allclose(one[key], other[key], rtol=0, atol=1e-6) for key in one)
        rows = [json.loads(line) for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        scores[name] = [[row[key] for key in ("loss", "valid_loss", "pixel_f1", "image_auc")] for row in rows]
        np.testing.assert_allclose(scores[name], scores["one"], rtol=0, atol=1e-6)
        assert json.loads((tmp_path / name / "environment.json").read_text())["processes"] == 1 + (
            name != "one"
        )
    said = [(tmp_path / f"two-{rank}.txt").read_text() for rank in (0, 1)]
    assert said[0].startswith(f"{tmp_path / 'two'}: epoch 2: loss ")
    assert said[1] == ""  # only the main process prints


def test_two_machines_of_which_one_has_the_run_stop_and_go_on_as_one_process(tmp_path):
    body = """
        root = sys.argv[1]

        def train(machine, name, batch, stop_after=None, length=21, epochs=2):
            def work():
                class Stopping(SilentView):
                    steps = 0

                    def step(self, report):
                        self.steps += 1
                        if self.steps == stop_after:
                            os.kill(os.getpid(), signal.SIGINT)

                torch.manual_seed(0)
                net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))
                settings = dict(epochs=epochs, batch_size=batch, log_every=1, ema=0.9)
                made = trainer(f"{root}/{machine}", name, **settings)
                try:
                    made.fit(Segmenter(net, loss=nn.BCELoss()), Squares(length), Squares(5), view=Stopping())
                    said = ""
                except WorkbookError as error:
                    said = f"{type(error).__name__}: {error}"
                open(f"{root}/{machine}-said.txt", "w").write(said)
            return work

        def both(number, lengths=(21, 21), **options):
            # The environment of `torchrun --nnodes 2 --nproc-per-node 1`: each is the first of its machine.
            children = [
                forked(train(f"machine{rank}", "run", 2, length=lengths[rank], **options), RANK=str(rank),
                       WORLD_SIZE="2", LOCAL_RANK="0", LOCAL_WORLD_SIZE="1", MASTER_ADDR="127.0.0.1",
                       MASTER_PORT=str(20000 + (os.getpid() * 4 + number) % 9000))
                for rank in range(2)
            ]
            assert [ended(child) for child in children] == [0, 0]
            return [open(f"{root}/machine{rank}-said.txt").read() for rank in range(2)]

        from workbook.core.errors import WorkbookError
        assert ended(forked(train("alone", "run", 4))) == 0
        assert both(0, stop_after=8) == ["", ""]
        state = torch.load(f"{root}/machine0/run/last/state.pt", weights_only=True)["progress"]
        assert (state["epoch"], state["batch"] > 0) == (1, True), state
        refused, other = both(1, epochs=3), both(2, lengths=(21, 20))
        assert refused[0] == refused[1] and "epochs: 2 → 3" in refused[0], refused
        assert other[0] == other[1], other
        assert "train_data: process 1 has 20 items, the first one 21" in other[0], other
        assert both(3) == ["", ""]
    """
    run_script(body, tmp_path, tmp_path)
    one, two = (weights(tmp_path / machine / "run") for machine in ("alone", "machine0"))
    for key in one:
        torch.testing.assert_close(one[key], two[key], rtol=0, atol=1e-6)
    rows = [pd.read_json(tmp_path / name / "run/log.jsonl", lines=True) for name in ("alone", "machine0")]
    for column in ("loss", "valid_loss"):
        np.testing.assert_allclose(rows[0][column], rows[1][column], rtol=0, atol=1e-6)
    assert not (tmp_path / "machine1").exists()  # only the first process writes
