"""A small dataset, a small model and a short training, for the tests of the trainer and their scripts."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from workbook.core import Segmenter, SilentView, Trainer
from workbook.core.checkpoint import read_weights


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


def tiny_folder(folder):
    """Five tampered images with their masks and two authentic ones."""
    noise = np.random.default_rng(0)
    for name in ("Tp", "Gt", "Au"):
        (folder / name).mkdir(parents=True)
    for number in range(7):
        image = Image.fromarray(noise.integers(0, 256, (32, 32, 3), dtype=np.uint8))
        image.save(folder / ("Tp" if number < 5 else "Au") / f"{number}.png")
    for number in range(5):
        mask = np.zeros((32, 32), np.uint8)
        mask[number : number + 12, 4:20] = 255
        Image.fromarray(mask).save(folder / "Gt" / f"{number}_gt.png")
    return folder


def run_script(body, tmp_path, *arguments):
    """Run a script that forks its trainings, so that the imports are paid once."""
    head = f"""
        import gc, os, sys, signal
        os.environ["ACCELERATE_USE_CPU"] = "1"
        os.environ.pop("CI", None)
        sys.path[:0] = [{str(Path(__file__).parents[1])!r}, {str(Path(__file__).parent)!r}]
        import torch
        torch.set_num_threads(1)
        import accelerate, pandas, safetensors.torch, torch.nn.parallel, torchmetrics
        from torch import nn
        from small_training import Squares, small_model, trainer
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
