"""Tampering localisation from its first line to its last: IMDL-BenCo's tutorial on a model of one's own.

Small sizes, the embedded dataset, every step a command of its own; training also as two processes.
"""

import json
import shutil
from pathlib import Path

import pytest
from command_line import command, commands
from PIL import Image

from workbook.core import read_pairs
from workbook.core.checkpoint import read_weights

# What a user writes from the template: a ConvNeXt, a decoder, a head for the image.
MY_MODEL = '''
"""A model of one's own."""

import timm
import torch
from torch import nn
from torch.nn import functional as F

from workbook.core import MODELS


@MODELS.register_module()
class OwnConvNeXt(nn.Module):
    """ConvNeXt with a decoder and an image head.

    Args:
        backbone: name of a ConvNeXt that timm knows.
        channels: of the decoder.
        label_weight: weight of the image label's loss.
    """

    def __init__(self, backbone: str = "convnext_tiny", channels: int = 64, label_weight: float = 0.5,
                 pretrained: bool = True) -> None:
        super().__init__()
        self.features = timm.create_model(backbone, pretrained=pretrained, features_only=True)
        depths = self.features.feature_info.channels()
        self.narrow = nn.ModuleList(nn.Conv2d(depth, channels, 1) for depth in depths)
        self.join = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.GELU(),
                                  nn.Conv2d(channels, 1, 1))
        self.judge = nn.Linear(depths[-1], 1)
        self.label_weight = label_weight

    def forward(self, image, mask, label, edge_mask, *args, **kwargs):
        levels = self.features(image)
        size = levels[0].shape[-2:]
        joined = sum(F.interpolate(narrow(level), size, mode="bilinear")
                     for narrow, level in zip(self.narrow, levels))
        logits = F.interpolate(self.join(joined), image.shape[-2:], mode="bilinear")
        verdict = self.judge(levels[-1].mean((2, 3)))[:, 0]
        mask_loss = F.binary_cross_entropy_with_logits(logits, mask, weight=1 + edge_mask)
        label_loss = F.binary_cross_entropy_with_logits(verdict, label)
        return {
            "backward_loss": mask_loss + self.label_weight * label_loss,
            "pred_mask": logits.sigmoid(),
            "pred_label": verdict.sigmoid(),
            "visual_loss": {"mask_loss": mask_loss, "label_loss": label_loss},
            "visual_image": {"pred_mask": logits.sigmoid(), "edge_mask": edge_mask},
        }
'''
OWN = [
    "--model",
    "OwnConvNeXt",
    "--model-file",
    "my_model.py",
    "--backbone",
    "convnext_atto",
    "--channels",
    "8",
]
OWN += ["--pretrained", "false"]
pytestmark = pytest.mark.slow  # a minute: nine starts of torch
REAL = Path(__file__).parents[2] / "shared" / "data" / "casia1" / "samples"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder to work in, with the embedded dataset, laid out as CASIA is downloaded, and a model file."""
    folder = tmp_path_factory.mktemp("walk")
    command("init", ".", cwd=folder)
    command("sample", "casia-mini", "data", cwd=folder)
    (folder / "my_model.py").rename(folder / "template.py")
    (folder / "my_model.py").write_text(MY_MODEL)  # what becomes of it
    return folder


def test_the_template_is_a_model_that_is_found_by_name(place):
    named = ["--model", "MyOwnModel", "--model-file", "template.py", "--channels", "4"]
    told = json.loads(command("complexity", *named, "--size", "32", "--json", cwd=place).stdout)
    assert told["parameters"] == told["trainable"] > 0


@pytest.fixture(scope="module")
def lists(place):
    """Step 2: audit, plan, corrected copy, its pairs as JSON; then few of them, to train shortly."""
    found = command(
        "audit", "data/casia-mini/train", "--plan", "plan.json", "--errata", "casia-v2", cwd=place, code=1
    )
    assert "size_mismatch" in found.stdout
    left = command(
        *[
            "audit",
            "data/casia-mini/train",
            "--errata",
            "casia-v2",
            "--apply",
            "plan.json",
            "--out",
            "corrected",
        ],
        *["--pairs", "CASIA2.json", "--tp-gt", "mani"],
        cwd=place,
    )
    assert "no fault found" in left.stdout
    pairs = json.loads((place / "CASIA2.json").read_text())
    assert {mask == "Negative" for _, mask in pairs} == {True, False}
    assert len(list((place / "mani" / "Tp").iterdir())) == sum(mask != "Negative" for _, mask in pairs)
    command("audit", "data/casia-mini/test", "--pairs", "CASIA1.json", cwd=place)
    for name, count in (("CASIA2", 6), ("CASIA1", 4)):
        whole = json.loads((place / f"{name}.json").read_text())
        tampered, authentic = ([p for p in whole if (p[1] == "Negative") == empty] for empty in (False, True))
        few = [*tampered[:count], *authentic[:2]]
        (place / f"{name}.json").write_text(json.dumps(few))
        assert len(read_pairs(place / f"{name}.json")) == count + 2
    return place


def train(batch, out):
    """The words of the issue's step 4, at small values."""
    fixed = "--data CASIA2.json --test-data CASIA1.json --epochs 2 --lr 1e-3 --min-lr 5e-7 --warmup-epochs 1"
    more = "--weight-decay 0.05 --size 64 --fit resize --edge-width 7 --accumulate 2 --test-every 2 --seed 42"
    return ["train", *OWN, *fixed.split(), *more.split(), "--batch-size", batch, "--out", out, "--average", 1]


def real_photographs(folder):
    """Some of CASIA v1 itself, audited, where it is at hand."""
    if not REAL.is_dir():
        return {}
    for name in ("Tp", "Gt"):
        (folder / "casia1" / name).mkdir(parents=True)
        for file in sorted((REAL / name).iterdir())[:3]:
            shutil.copy(file, folder / "casia1" / name)
    command("audit", "casia1", "--errata", "casia-v1", "--pairs", "real.json", cwd=folder, code=(0, 1))
    assert len(read_pairs(folder / "real.json")) == 3
    return {"real": "real.json"}


@pytest.fixture(scope="module")
def run(lists):
    done = command(*train(2, "runs/one"), "--json", cwd=lists)
    assert done.stderr == ""  # no terminal, so no progress
    row = json.loads(done.stdout)
    assert row["epoch"] == 2
    assert {"loss", "valid_loss", "pixel_f1", "image_auc"} <= row.keys()
    return lists / "runs" / "one"


def test_a_run_leaves_its_log_and_events(run):
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert "pixel_f1" not in rows[0]  # tested every second epoch
    assert rows[1]["peak_memory"] > 0
    assert next((run / "tensorboard").iterdir()).name.startswith("events.out")
    assert (run / "best" / "model.safetensors").is_file()


def test_two_processes_end_where_one_does(run, lists):
    command(
        *train(1, "runs/two"), cwd=lists, launcher=["-m", "torch.distributed.run", "--nproc_per_node=2", "-m"]
    )
    one, two = (read_weights(lists / "runs" / name / "last" / "model.safetensors") for name in ("one", "two"))
    assert json.loads((lists / "runs/two/environment.json").read_text())["processes"] == 2
    assert max(float((one[key] - two[key]).abs().max()) for key in one) < 1e-4
    last = [json.loads((lists / f"runs/{n}/log.jsonl").read_text().splitlines()[-1]) for n in ("one", "two")]
    for score in ("loss", "valid_loss", "pixel_f1", "image_auc"):
        assert last[0][score] == pytest.approx(last[1][score], abs=1e-4)


@pytest.fixture(scope="module")
def said(run, lists):
    """Steps 6 to 9, in one process: what each verb printed."""
    sets = {"CASIA1": "CASIA1.json", "CASIA2": "CASIA2.json"} | real_photographs(lists)
    (lists / "test_datasets.json").write_text(json.dumps(sets))
    (lists / "broken.jpg").write_bytes(b"no image")
    of_run = ["--run", "runs/one", "--json"]
    image = read_pairs(lists / "CASIA1.json")[0].image
    jpeg = ["--perturbation", "jpeg", "--strengths", 90, 50]
    verbs = {
        "test": ["--data", "test_datasets.json", "--all-checkpoints", "--csv", "s.csv", "--latex", "s.tex"],
        "robust": ["--data", "CASIA1.json", *jpeg, "--figure", "robust.png"],
        "predict": [image, "broken.jpg", "--out", "found", "--overlay"],
    }
    several = [[verb, *of_run, *words] for verb, words in verbs.items()]
    found = commands(*several, ["complexity", *OWN, "--size", 64, "--json"], cwd=lists)
    assert [code for code, _ in found] == [0, 0, 1, 0]  # one image is broken
    return dict(zip([*verbs, "complexity"], [json.loads(text) for _, text in found], strict=True))


def test_every_checkpoint_is_scored_on_every_set(said, run, lists):
    rows = said["test"]["scores"]
    assert {row["checkpoint"] for row in rows} == {"best", "last", "average", "epoch_0002"}
    assert {row["dataset"] for row in rows} == set(json.loads((lists / "test_datasets.json").read_text()))
    logged = json.loads((run / "log.jsonl").read_text().splitlines()[-1])["pixel_f1"]
    where = {"checkpoint": "best", "dataset": "CASIA1", "kind": "all", "score": "pixel_f1"}
    (value,) = [row["value"] for row in rows if where.items() <= row.items()]
    assert value == pytest.approx(logged, abs=1e-6)
    assert (lists / "s.csv").read_text().count("\n") == 1 + len(rows)
    assert r"\toprule" in (lists / "s.tex").read_text()


def test_robustness(said, lists):
    found = [(row["perturbation"], row["strength"]) for row in said["robust"]["scores"]]
    assert found == [("clean", None), ("jpeg", 90), ("jpeg", 50)]
    with Image.open(lists / "robust.png") as figure:
        assert figure.width > 100


def test_prediction(said, lists):
    assert [row["image"] for row in said["predict"]["unreadable"]] == ["broken.jpg"]
    (row,) = said["predict"]["images"]
    with Image.open(row["image"]) as image, Image.open(lists / row["pred"]) as mask:
        assert (mask.size, mask.mode) == (image.size, "L")
        assert {level for _, level in mask.getcolors()} <= {0, 255}
    assert (lists / row["overlay"]).is_file()


def test_complexity(said, run):
    parameters = sum(weights.numel() for weights in read_weights(run / "best/model.safetensors").values())
    assert said["complexity"]["parameters"] == parameters
    assert said["complexity"]["flops"] > 1e6
