import sys

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from workbook.core.progress import RunInfo, StepReport
from workbook.show import live
from workbook.show.live import LiveView, strip


class Handle:
    def __init__(self):
        self.updates = 0

    def update(self, picture, raw=False):
        if raw:
            self.told.append(picture["text/plain"])
        else:
            self.updates += 1


@pytest.fixture
def notebook(monkeypatch):
    """A kernel that counts what it is shown, and a clock whose drawings take as long as `costs` says."""
    handle = Handle()
    handle.shown, handle.told, handle.now, handle.cost = [], [], 100.0, 0.5
    monkeypatch.setattr(live, "in_notebook", lambda: True)
    monkeypatch.setattr(live.time, "perf_counter", lambda: handle.now)

    def display(picture, display_id, raw=False):
        (handle.told if raw else handle.shown).append(picture["text/plain"] if raw else picture)
        return handle

    monkeypatch.setattr("IPython.display.display", display)
    real = live.draw

    def draw(*arguments):
        handle.now += handle.cost
        return real(*arguments)

    monkeypatch.setattr(live, "draw", draw)
    return handle


def report(epoch, step, loss=0.5):
    return StepReport(epoch, step, loss, 1e-4, 50.0, 100.0, 120.0)


def row(epoch, **scores):
    speed = {"images_per_second": 50.0, "seconds": 2.0, "peak_memory": 120.0}
    return {"epoch": epoch, "loss": 1 / epoch, "lr": 1e-4, **scores, **speed}


def test_drawing_takes_no_more_than_its_share(notebook, monkeypatch):
    def blank(*arguments):
        notebook.now += notebook.cost
        return Figure((1, 1))

    monkeypatch.setattr(live, "draw", blank)
    view = LiveView(share=0.01)
    view.start(RunInfo("run", 100, 1000))
    for step in range(1000):
        notebook.now += 1.0
        view.step(report(0, step + 1))
    assert 15 <= view.drawn <= 20  # 1000 s of training allow 10 s, 20 drawings of half a second
    notebook.cost = 5.0
    for step in range(1000):
        notebook.now += 1.0
        view.step(report(1, step + 1))
    assert view.drawn <= 23


def test_the_last_state_is_always_drawn_in_place(notebook):
    view = LiveView()
    view.start(RunInfo("run", 2, 10, "f1", True))
    view.step(report(0, 5))
    view.epoch(row(1, f1=0.5), {})
    view.epoch(row(2, f1=0.75), {})
    assert (view.drawn, len(notebook.shown), notebook.updates) == (1, 1, 0)
    view.finish("run: finished")
    assert (view.drawn, len(notebook.shown), notebook.updates) == (2, 1, 1)
    assert view.figure.get_suptitle() == "run: finished"


def test_the_bar_and_the_summary_are_text_told_twice_a_second_at_most(notebook):
    view = LiveView()
    view.start(RunInfo("run", 2, 10, "f1", True))
    notebook.cost = 0
    for step in range(10):
        notebook.now += 0.2
        view.step(report(0, step + 1))
    assert len(notebook.told) == 4  # at 0.2, 0.8, 1.4 and 2.0 s
    view.epoch(row(1, f1=0.5), {})
    notebook.now += 0.5
    view.step(report(1, 5, loss=0.25))
    lines = notebook.told[-1].splitlines()
    assert lines[0].startswith("epoch 1/2 · 0:02 · about")
    assert any("f1 0.5000, the best so far" in line for line in lines)
    assert lines[-1].startswith(
        "run: epoch 2/2, " + "█" * 10 + "░" * 10 + " 5/10 · loss 0.2500 · f1 0.5000 · 50"
    )
    view.finish("run: finished")
    assert notebook.told[-1].splitlines()[-1] == "run: finished"


@pytest.mark.filterwarnings("error")  # a layout that does not fit is only warned about
def test_curves_scores_and_pictures_are_what_was_reported(notebook):
    view = LiveView()
    view.start(RunInfo("run", 3, 10, "f1", True, [row(1, f1=0.8, valid_loss=0.7)]))
    view.step(report(1, 5, loss=0.25))
    pictures = {"image": torch.rand(6, 3, 8, 8), "pred_mask": torch.rand(6, 1, 8, 8)}
    view.epoch(row(2, f1=0.6, valid_loss=0.5), pictures)
    view.finish("end")
    loss, scores, *strips = view.figure.axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in [*loss.lines, *scores.lines]}
    assert lines["loss, by step"] == [[1.5, 0.25]]
    assert lines["valid_loss, by epoch"] == [[1, 0.7], [2, 0.5]]
    assert lines["f1"] == [[1, 0.8], [2, 0.6]]
    assert lines["best, 0.8000"] == [[1, 0.8]]
    assert not {"lr", "seconds", "images_per_second"} & lines.keys()
    assert [axes.get_ylabel() for axes in strips] == ["image", "pred_mask"]
    assert strips[0].images[0].get_array().shape == (8, 4 * 10 - 2, 3)


def test_a_score_that_is_not_a_number_leaves_a_gap(notebook):
    view = LiveView()
    view.start(RunInfo("run", 3, 10, "auc", True))
    view.epoch(row(1, auc=float("nan")), {})
    view.epoch(row(2), {})
    view.epoch(row(3, auc=0.5), {})
    view.finish("end")
    lines = {line.get_label(): line.get_xydata().tolist() for line in view.figure.axes[1].lines}
    assert lines["auc"] == [[3, 0.5]]


def test_the_title_estimates_the_end_from_this_call_alone(notebook):
    view = LiveView()
    view.start(RunInfo("run", 4, 10, rows=[row(1), row(2)]))
    notebook.now += 60
    view.step(report(2, 10))
    assert "about 1:00 left" in view.figure.get_suptitle()


def test_a_long_loss_curve_is_thinned_and_keeps_its_span(notebook):
    view = LiveView()
    view.start(RunInfo("run", 10, 1000))
    for step in range(5000):
        view.step(report(step // 1000, step % 1000 + 1))
    assert len(view._losses) <= live.POINTS
    assert view._losses[0][0] < 0.1
    assert view._losses[-1][0] > 4.9


def test_outside_of_a_notebook_it_is_text(capsys, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    view = LiveView()
    view.start(RunInfo("run", 2, 10))
    view.step(report(0, 5))
    view.epoch(row(1), {})
    view.finish("run: finished")
    written = capsys.readouterr()
    assert "epoch 1/2" in written.err
    assert "run: finished" in written.err
    assert not written.out
    assert view.figure is None


def test_a_strip_puts_pictures_side_by_side():
    images = torch.stack([torch.zeros(1, 2, 2), torch.full((1, 2, 2), 0.5)])
    expected = np.tile(np.array([0, 0, 1, 1, 0.5, 0.5])[None, :, None], (2, 1, 3))
    np.testing.assert_array_equal(strip(images), expected)


def test_a_run_reports_to_it(notebook, tmp_path):
    from torch import nn

    from workbook.core import Segmenter, Trainer

    data = [{"image": torch.rand(3, 8, 8), "mask": (torch.rand(1, 8, 8) > 0.5).float()} for _ in range(4)]
    view = LiveView()
    trainer = Trainer("run", tmp_path, epochs=2, batch_size=2, tensorboard=False)
    trainer.fit(Segmenter(nn.Conv2d(3, 1, 1), loss=nn.BCELoss()), data, data, view=view)
    assert [axes.get_ylabel() for axes in view.figure.axes[2:]] == ["image", "mask", "pred_mask"]
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
