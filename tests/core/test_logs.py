import json
import sys

import pytest
import torch
from small_disk import small_files
from torch.utils.data import Subset

from workbook.core import BalancedDataset, Pair, PairDataset
from workbook.core.errors import CheckpointError
from workbook.core.logs import Logs, environment, fingerprint, git_revision, write_environment
from workbook.core.progress import StepReport


def events(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder / "tensorboard"))
    reader.Reload()
    return reader


def test_tensorboard_gets_curves_scores_memory_pictures_and_settings(tmp_path):
    logs = Logs(tmp_path)
    logs.settings({"lr": 0.1})
    logs.step(10, StepReport(0, 10, 0.5, 1e-3, 80.0, 1.0, 2.0), {"bce": 0.25})
    row = {"epoch": 1, "loss": 0.4, "a/f1": 0.75, "lr": 1e-3, "images_per_second": 80.0, "seconds": 1.0}
    logs.epoch(20, row | {"peak_memory": 7.0}, {"pred_mask": torch.rand(2, 1, 4, 4)})
    logs.close()
    read = events(tmp_path)
    curves = {tag: [(e.step, e.value) for e in read.Scalars(tag)] for tag in read.Tags()["scalars"]}
    assert curves["train/loss"] == [(10, 0.5)]
    assert curves["visual_loss/bce"] == [(10, 0.25)]
    assert curves["speed/images_per_second"] == [(10, 80.0)]
    assert curves["train/lr"][0][1] == pytest.approx(1e-3)
    assert curves["epoch/a/f1"] == [(20, 0.75)]
    assert curves["memory/peak"] == [(20, 7.0)]
    assert {"memory/process", "utilisation/cpu"} <= curves.keys()
    assert read.Tags()["images"] == ["pred_mask"]
    assert "settings/text_summary" in read.Tags()["tensors"]
    assert curves["memory/now"] == [(10, 1.0)]
    assert "_hparams_/experiment" in read.summary_metadata


def test_lost_steps_are_hidden_when_a_run_goes_on(tmp_path):
    for purge, steps in ((0, (10, 20, 30)), (20, (20,))):
        logs = Logs(tmp_path, purge_step=purge)
        for step in steps:
            logs.step(step, StepReport(0, step, step + purge, 1e-3, 8.0, 1.0, 2.0), {})
        logs.close()
    assert [(e.step, e.value) for e in events(tmp_path).Scalars("train/loss")] == [(10, 10.0), (20, 40.0)]


def test_without_tensorboard_the_rest_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    logs = Logs(tmp_path)
    assert logs.writer is None
    logs.rows([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    logs.rows([{"epoch": 1, "loss": 0.5}])  # the second was lost
    logs.close()
    assert [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [
        {"epoch": 1, "loss": 0.5}
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["log.jsonl"]


def test_a_full_disk_is_told_in_one_line(tmp_path):
    logs = Logs(tmp_path)
    with small_files(100):
        with pytest.raises(
            CheckpointError, match=r"tensorboard: cannot be written \(File too large"
        ) as caught:
            logs.epoch(1, {"peak_memory": 1.0}, {"a": torch.rand(1, 3, 9, 9)})
        logs.close()  # said once is enough
    assert "\n" not in str(caught.value)


def test_the_environment_says_what_one_needs_to_repeat_the_run(tmp_path):
    write_environment(tmp_path, torch.device("cpu"), 2, "5 items", {"a": "3 items"})
    read = json.loads((tmp_path / "environment.json").read_text())
    assert (
        read["packages"]["torch"] == torch.__version__.split("+")[0]
        or read["packages"]["torch"] == torch.__version__
    )
    assert (read["processes"], read["data"], read["device"][:3]) == (2, "5 items", "cpu")
    assert read["test_data"] == {"a": "3 items"}
    assert {"python", "system", "git", "cuda", "threads"} <= read.keys()
    assert environment(torch.device("cpu"), 2, "5 items", {"a": "3 items"}) == read


def test_the_revision_is_none_outside_of_git(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_revision() is None
    monkeypatch.setenv("PATH", "")
    assert git_revision() is None


def test_the_fingerprint_is_of_names_sizes_and_how_they_are_read(tmp_path):
    for name in ("a", "b", "a_gt"):
        (tmp_path / name).write_text(name)

    def data(*names, **options):
        return PairDataset(
            [Pair(tmp_path / n, None if n == "b" else tmp_path / "a_gt") for n in names], **options
        )

    first = fingerprint(data("a", "b"))
    assert first.startswith("2 items, files ")
    assert fingerprint(data("a", "b")) == first
    assert len({first, fingerprint(data("a", "a")), fingerprint(data("a", "b", size=64)), "2 items"}) == 4
    assert fingerprint(data("a", "b", transforms=lambda sample: sample)) == fingerprint(
        data("a", "b", transforms=lambda sample: sample)
    )  # where a function lies in memory does not count
    (tmp_path / "a_gt").write_text("another mask")
    assert fingerprint(data("a", "b")) != first


def test_the_fingerprint_looks_into_parts_and_mixtures(tmp_path):
    whole = PairDataset([Pair(tmp_path / n) for n in "abc"])
    part = fingerprint(Subset(whole, [0, 2]))
    assert part.endswith(f"of {fingerprint(whole)}")
    assert part != fingerprint(Subset(whole, [0, 1]))
    mixed = fingerprint(BalancedDataset([whole, whole], 4))
    assert mixed == f"8 items of {fingerprint(whole)}; {fingerprint(whole)}"
