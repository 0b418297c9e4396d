"""One set through a model: kinds, order, what cannot be read, and two processes."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
import torchmetrics
from PIL import Image
from torch import nn

from workbook.core import ImageAUC, Pair, PairDataset, PixelAUC, PixelF1, evaluate
from workbook.core.errors import DataError, WorkbookError
from workbook.core.scored_set import chosen, keeps_rows, score_set


class Grey(nn.Module):
    """The image's brightness is its map."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(0.0))

    def forward(self, image):
        prob = (image.mean(1, keepdim=True) + self.shift).sigmoid()
        return {"pred_mask": prob, "pred_label": prob.amax((1, 2, 3))}


def write(folder, number=9):
    generator = np.random.default_rng(0)
    pairs = []
    for i in range(number):
        size = (20, 30) if i % 3 else (24, 18)
        mask = generator.random(size) < 0.3
        levels = (generator.random(size) * 160 + 90 * mask).astype(np.uint8)
        if not (folder / f"{i}.png").exists():  # two processes share them, and one may read by now
            Image.fromarray(levels).convert("RGB").save(folder / f"{i}.png")
            Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"{i}_gt.png")
        pairs.append(Pair(folder / f"{i}.png", None if i % 4 == 0 else folder / f"{i}_gt.png"))
    return pairs


def kind(pair):
    return "authentic" if pair.authentic else ("even" if int(pair.image.stem) % 2 == 0 else "odd")


def test_the_order_of_the_files_does_not_matter(tmp_path):
    pairs = write(tmp_path)
    first = evaluate(Grey(), pairs, [PixelF1(), ImageAUC()], kind=kind, progress=False)
    for again in (pairs[::-1], pairs[4:] + pairs[:4]):
        other = evaluate(Grey(), again, [PixelF1(), ImageAUC()], kind=kind, batch_size=2, workers=2)
        pd.testing.assert_frame_equal(first.table, other.table, check_exact=False, atol=1e-6, rtol=0)
        pd.testing.assert_frame_equal(first.images, other.images, check_exact=False, atol=1e-6, rtol=0)
    assert first.images["name"].tolist() == [f"{i}.png" for i in range(9)]


PROCESS = """
import os, sys
import torch
from pathlib import Path

sys.path.insert(0, sys.argv[1])
torch.set_num_threads(1)
from test_scored_set import Grey, kind, several
from workbook.core import PairDataset, evaluate, robustness

folder = Path(sys.argv[2])
child = os.fork()
rank = int(child > 0)
torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
found, table = several(folder)
found.table.to_pickle(folder / f"table{rank}.pkl")
found.images.to_pickle(folder / f"images{rank}.pkl")
table.to_pickle(folder / f"robust{rank}.pkl")
torch.distributed.destroy_process_group()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def several(folder):
    """Our metrics, one that keeps no rows and one of someone else's; a protocol; and perturbations."""
    from workbook.core import robustness

    pairs = write(folder)
    theirs = torchmetrics.classification.BinaryAccuracy()
    metrics = [PixelF1(), ImageAUC(), PixelAUC(average="pooled", empty="one", name="pooled_auc"), theirs]
    found = evaluate(Grey(), pairs, metrics, kind=kind, protocol="IMDL-BenCo", resamples=50)
    return found, robustness(Grey(), PairDataset(pairs), {"noise": [20], "jpeg": [50]})


def test_two_processes_give_what_one_gives(tmp_path):
    one, table = several(tmp_path)
    (tmp_path / "run.py").write_text(PROCESS)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONWARNINGS": "ignore",
        "CI": "1",
    }
    here = os.path.dirname(os.path.abspath(__file__))
    command = [sys.executable, str(tmp_path / "run.py"), here, str(tmp_path)]
    done = subprocess.run(command, env=environment, timeout=300, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for rank in range(2):
        for name, wanted in (("table", one.table), ("images", one.images), ("robust", table)):
            found = pd.read_pickle(tmp_path / f"{name}{rank}.pkl")
            pd.testing.assert_frame_equal(found, wanted, check_exact=False, atol=1e-6, rtol=0)


def test_what_cannot_be_read_is_left_out_and_told(tmp_path):
    pairs = write(tmp_path)
    pairs[3].image.write_bytes(b"")
    with pytest.warns(UserWarning, match=r"left out: .*3\.png"):
        found = evaluate(Grey(), {"set": pairs}, [PixelF1()])
    assert len(found.images) == 8
    assert list(found.unreadable) == [("set", "3.png")]
    for pair in pairs:
        pair.image.write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(DataError, match="no image of the dataset can be read; the first"),
    ):
        evaluate(Grey(), pairs, [PixelF1()])


def test_a_kind_is_a_function_of_a_pair_or_a_field(tmp_path):
    pairs = write(tmp_path)
    found = score_set(Grey(), PairDataset(pairs), [PixelF1()], kind=kind)
    assert found.kinds() == ["all", "authentic", "even", "odd"]
    assert len(found.rows_of("pixel_f1", "odd")) == 4
    marked = PairDataset(pairs, post_func=lambda sample: {"camera": sample["name"][0]})
    assert score_set(Grey(), marked, [PixelF1()], kind="camera").kinds()[1:] == [str(i) for i in range(9)]
    plain = score_set(Grey(), PairDataset(pairs), [PixelF1()])
    assert plain.kinds() == ["all", "authentic", "tampered"]
    with pytest.raises(WorkbookError, match="kind='camera': the samples have no such field"):
        score_set(Grey(), PairDataset(pairs), [PixelF1()], kind="camera")
    with pytest.raises(WorkbookError, match="kind is a function of a pair, but the dataset has no pairs"):
        score_set(Grey(), [PairDataset(pairs)[0]], [PixelF1()], kind=kind)


def test_what_keeps_rows_and_the_parts_of_a_batch():
    assert keeps_rows(PixelF1())
    assert keeps_rows(PixelAUC())
    assert not keeps_rows(PixelAUC(average="pooled"))
    assert not keeps_rows(torchmetrics.classification.BinaryAccuracy())
    fields = {"mask": torch.arange(3), "name": ["a", "b", "c"], "loss": torch.tensor(1.0), "x": 1}
    part = chosen(fields, [2, 0], 3)
    assert part["mask"].tolist() == [2, 0]
    assert part["name"] == ["c", "a"]
    assert (part["loss"], part["x"]) == (1, 1)
