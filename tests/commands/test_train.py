import json

import pytest
import torch
from small_training import tiny_folder

from workbook.cli import main
from workbook.core import Dice, load_checkpoint, model_from_run
from workbook.core.checkpoint import read_weights

MODEL_FILE = """
from IMDLBenCo.registry import MODELS
from torch import nn


@MODELS.register_module()
class OfMyOwn(nn.Module):
    '''A model as IMDL-BenCo wants it.

    Args:
        width: channels between the two convolutions.
        size: side of the images.
    '''

    def __init__(self, width: int = 3, size: int = 1024) -> None:
        super().__init__()
        self.size = size
        self.net = nn.Sequential(nn.Conv2d(3, width, 1), nn.Conv2d(width, 1, 1), nn.Sigmoid())

    def forward(self, image, mask, label, edge_mask, *args, **kwargs):
        assert image.shape[-1] == self.size
        pred = self.net(image)
        loss = nn.functional.binary_cross_entropy(pred, mask, weight=1 + edge_mask)
        return {"backward_loss": loss, "pred_mask": pred, "pred_label": pred.amax((1, 2, 3)),
                "visual_loss": {"bce": loss}, "visual_image": {"edge_mask": edge_mask}}
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_folder(tmp_path_factory.mktemp("data"))


def words(data, out, *more):
    fixed = ["--model", "MyModel", "--size", "32", "--epochs", "2", "--warmup-epochs", "0"]
    fixed += ["--tensorboard", "false"]
    return ["train", *fixed, "--data", str(data), "--test-data", str(data), "--out", str(out), *more]


def test_it_trains_prints_the_last_scores_and_goes_on(data, tmp_path, capsys):
    assert main(words(data, tmp_path / "run")) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"{tmp_path / 'run'}: epoch 2: loss 0.")
    assert said.out.count("\n") == 1
    assert "pixel_f1" in said.out
    assert said.err == ""  # no terminal, so no progress
    assert main([*words(data, tmp_path / "run"), "--json"]) == 0  # was finished already
    row = json.loads(capsys.readouterr().out)
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert row == {"run": str(tmp_path / "run"), **json.loads(lines[1])}
    assert main(words(data, tmp_path / "run", "--lr", "0.5")) == 2
    assert "lr: 0.0001 → 0.5" in capsys.readouterr().err


def test_a_model_file_its_options_and_several_test_sets(data, tmp_path, capsys):
    (tmp_path / "own.py").write_text(MODEL_FILE)
    (tmp_path / "sets.json").write_text(json.dumps({"a": str(data), "b": str(data)}))
    given = words(data, tmp_path / "run", "--model-file", str(tmp_path / "own.py"), "--edge-width", "3")
    given += ["--width", "5", "--augment", "false", "--test-every", "2", "--metrics", "PixelIoU"]
    given[given.index("MyModel")] = "OfMyOwn"
    given[given.index("--test-data") + 1] = str(tmp_path / "sets.json")
    assert main([*given, "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert {"pixel_iou", "a/pixel_iou", "b/pixel_iou"} <= row.keys()
    model = model_from_run(tmp_path / "run")
    assert (model.net[0].out_channels, model.size) == (5, 32)  # --size is the model's too
    best = read_weights(tmp_path / "run" / "best" / "model.safetensors")
    assert torch.equal(model.net[0].weight, best["net.0.weight"])


def test_a_printed_configuration_gives_the_same_run(data, tmp_path, capsys):
    given = words(data, tmp_path / "one", "--lr", "0.01", "--noise", "true", "--loss", "Dice")
    with pytest.raises(SystemExit) as caught:
        main([*given, "--print-config"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    assert "lr: 0.01\n" in printed
    (tmp_path / "two.yaml").write_text(printed)
    torch.manual_seed(1)  # the caller's own seed has no say in the first weights
    assert main(given) == 0
    torch.manual_seed(2)
    assert main(["train", "--config", str(tmp_path / "two.yaml"), "--out", str(tmp_path / "two")]) == 0
    one, two = model_from_run(tmp_path / "one"), model_from_run(tmp_path / "two")
    assert isinstance(one.loss, Dice)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_help_has_the_options_of_the_settings_and_of_the_model(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", "--model", "UNet", "--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert "--batch-size BATCH_SIZE\n" in said
    assert "images a process and a forward pass. (type: int, default:" in " ".join(said.split())
    assert "--features FEATURES channels of the first level" in " ".join(said.split())
    assert "{auto,bf16,fp16,fp32}" in said
    assert "--batch_size" not in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--lr", "much"], "--lr: Expected a float. Got value: much"),
        (["--lr", "-1"], "lr=-1.0: must be above 0"),
        (["--precision", "fp8"], "--precision: "),
        (["--accum-iter", "8"], "unknown option --accum-iter; did you mean --accumulate?"),
        (["--batchsize", "8"], "unknown option --batchsize; did you mean --batch-size?"),
        (["--model", "UNett"], "did you mean 'UNet'?"),
        (["--features", "8"], "unknown option --features; see --help"),
        (["--metrics", "PixelF2"], "--metrics PixelF2: no such metric; did you mean PixelF1?"),
        (["--watch", "f1"], "watch='f1': no such column"),
        (["--config", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["--model-file", "nowhere.py"], "nowhere.py: no such Python file"),
        (["--data", "nowhere"], "nowhere: "),
        (["--test-data", "nowhere.json"], "nowhere.json: cannot be read"),
        (["--edge-width", "4"], "edge_width"),
        (["--epochs", "0"], "epochs=0: must be"),
        (["--out", "/dev/null/run"], "cannot be written"),
    ],
)
def test_wrong_use_is_one_line_and_2(data, tmp_path, capsys, more, said):
    assert main(words(data, tmp_path / "run", *more)) == 2
    error = capsys.readouterr().err
    assert error.startswith("workbook train: ")
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_what_is_missing_is_named(capsys):
    assert main(["train", "--model", "MyModel", "--data", "x"]) == 2
    assert capsys.readouterr().err == "workbook train: missing: --out; see --help\n"
    assert main(["train", "--data", "x", "--out", "y"]) == 2
    assert "which model? give --model NAME" in capsys.readouterr().err


def test_what_is_left_out_of_the_data_is_told_in_one_line(tmp_path, capsys):
    data = tiny_folder(tmp_path / "data")
    (data / "Gt" / "0_gt.png").unlink()
    assert main([*words(data, tmp_path / "run"), "--epochs", "1"]) == 0
    error = capsys.readouterr().err
    assert "workbook train: " in error
    assert "left out: 1 without a mask" in error
    assert "UserWarning" not in error
    load_checkpoint(tmp_path / "run", model_from_run(tmp_path / "run", weights=False))


STOPPING = """
import os, signal
from pathlib import Path

def stop(sample):
    '''As Ctrl-C in the second epoch, once.'''
    file = Path(__file__).with_suffix(".count")
    count = int(file.read_text()) + 1 if file.exists() else 1
    file.write_text(str(count))
    if count == 10:
        os.kill(os.getpid(), signal.SIGINT)
"""


def test_an_interrupt_is_130_and_the_same_command_goes_on(data, tmp_path, capsys):
    (tmp_path / "own.py").write_text(STOPPING)
    given = words(data, tmp_path / "run", "--post-func", f"{tmp_path / 'own.py'}:stop", "--batch-size", "7")
    del given[given.index("--test-data") : given.index("--test-data") + 2]
    given[given.index("--epochs") + 1] = "3"
    assert main(given) == 130
    said = capsys.readouterr().err
    assert said == f"workbook train: {tmp_path / 'run'}: interrupted and saved; the same command goes on\n"
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) < 3
    assert main(given) == 0
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == 3
