import pytest

from workbook.core.progress import (
    Clock,
    RunInfo,
    SilentView,
    StepReport,
    TextView,
    clock,
    image_bar,
    size,
    summary,
)

RUN = RunInfo("run", 4, 10, "f1", True)


def row(epoch, **scores):
    return {"epoch": epoch, "loss": 0.5, **scores, "lr": 1e-4, "images_per_second": 9.0, "seconds": 60.0} | {
        "peak_memory": 2048.0
    }


def test_the_summary_compares_with_the_last_and_the_best():
    text = summary(row(3, f1=0.6), [row(1, f1=0.8), row(2)], RUN, 75)
    assert "├─ f1 0.6000 (-0.2000), best 0.8000 in epoch 1" in text
    assert "├─ loss 0.5000 (+0.0000)" in text
    assert "epoch 3/4 · 1:00 · about 1:15 left" in text
    assert "peak memory 2.0 GiB" in text
    assert "f1 0.9000 (+0.1000), the best so far" in summary(row(3, f1=0.9), [row(1, f1=0.8)], RUN, 60)


def test_an_equal_score_is_not_called_better_and_nan_is_passed_over():
    assert "best 0.8000 in epoch 1" in summary(row(2, f1=0.8), [row(1, f1=0.8)], RUN, 60)
    assert "the best so far" in summary(row(2, f1=0.8), [row(1, f1=float("nan"))], RUN, 60)
    down = RunInfo("run", 4, 10, "loss", False)
    assert "loss 0.5000 (-0.1000), the best so far" in summary(row(2), [{"epoch": 1, "loss": 0.6}], down, 60)


def test_the_bar_shows_loss_score_speed_and_memory_on_the_error_stream(capsys):
    view = TextView(quiet=False)
    view.start(RunInfo("run", 4, 10, "f1", True, [row(1, f1=0.75)]))
    view.step(StepReport(1, 4, 0.25, 1e-4, 31.0, 100.0, 200.0))
    assert view._bar.n == 4
    view._bar.refresh()
    view.step(StepReport(1, 9, 0.25, 1e-4, 31.0, 100.0, 200.0))
    assert view._bar.n == 9
    view.epoch(row(2, f1=0.8), {})
    view.finish("done")
    written = capsys.readouterr()
    for part in (
        "epoch 2/4",
        "loss=0.2500",
        "f1=0.7500",
        "images/s=31",
        "100 MiB (peak 200 MiB)",
        "├─ f1",
        "done\n",
    ):
        assert part in written.err
    assert written.out == ""
    assert view._bar is None


@pytest.mark.parametrize("make", [SilentView, TextView])
def test_it_is_quiet_under_ci(make, monkeypatch, capsys):
    monkeypatch.setenv("CI", "true")
    view = make()
    view.start(RUN)
    view.step(StepReport(0, 4, 0.25, 1e-4, 31.0, 100.0, 200.0))
    view.epoch(row(1), {})
    view.finish("done")
    assert capsys.readouterr() == ("", "")


def test_the_end_is_estimated_from_all_the_time_since_the_call(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("workbook.core.progress.time.perf_counter", lambda: now[0])
    clock_of_run = Clock(RunInfo("run", 5, 10, rows=[row(1), row(2)]))
    assert clock_of_run.left(2) == float("inf")
    now[0] += 90  # 60 of them in the steps, the rest in tests
    assert clock_of_run.left(3) == 180
    assert clock_of_run.left(5) == 0
    gone_on = Clock(RunInfo("run", 5, 10, rows=[row(1), row(2)], part=0.5))
    now[0] += 10
    assert gone_on.left(3) == 40


def test_durations_and_sizes_as_people_write_them():
    assert [clock(s) for s in (0, 7.4, 59.6, 3723)] == ["0:00", "0:07", "1:00", "1:02:03"]
    assert [size(m) for m in (0.4, 512, 1536)] == ["0 MiB", "512 MiB", "1.5 GiB"]


def test_a_bar_for_many_images_only_and_as_one_wishes(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    assert [image_bar(number, "predict", None).disable for number in (100, 101)] == [True, False]
    assert [image_bar(1000, "predict", shown).disable for shown in (True, False)] == [False, True]
    monkeypatch.setenv("CI", "1")
    assert image_bar(101, "predict", None).disable
