import os
import signal

import pytest
import torch
from small_training import Squares, fit, small_model, trainer, weights
from torch import nn

from workbook.core import DataError, ImageAUC, ModelError, PixelF1, Segmenter, SilentView, Trainer
from workbook.core.errors import CheckpointError, WorkbookError

pytestmark = pytest.mark.usefixtures("frozen")


def test_a_loss_that_is_not_finite_names_the_step_and_the_files(tmp_path):
    def poison():
        return {"image": torch.full((3, 16, 16), float("nan"))}

    model = Segmenter(nn.Conv2d(3, 1, 1), loss=lambda preds, target: (preds - target).square().mean())
    with pytest.raises(WorkbookError, match=r"nan at step \d+, in the batch of .*13\.png"):
        fit(tmp_path, model, Squares(damage={13: poison}), epochs=3, save_every=1, log_every=4)
    assert all(value.isfinite().all() for value in weights(tmp_path / "run").values())


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


class SmallNet(nn.Module):
    """Handed over as it is, not made."""


def test_bad_input_is_refused_with_what_to_do(tmp_path):
    frozen = small_model().requires_grad_(False)
    with pytest.raises(ModelError, match="frozen"):
        fit(tmp_path, frozen)
    with pytest.raises(DataError, match="no batch of 4"):
        fit(tmp_path, data=Squares(0))
    with pytest.raises(ModelError, match=r"SmallNet: is no nn.Module; give one that is made"):
        fit(tmp_path, SmallNet)
    with pytest.raises(WorkbookError, match=r"view=SilentView: give one .* SilentView\(\)"):
        trainer(tmp_path).fit(small_model(), Squares(), view=SilentView)
    with pytest.raises(ModelError, match="the loss returned float, no tensor"):
        fit(tmp_path, Segmenter(nn.Conv2d(3, 1, 1), loss=lambda preds, target: 1.0))
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


IMAGES = [{"image": torch.rand(3, 16, 16)}] * 4


@pytest.mark.parametrize(
    ("valid", "metrics", "watch", "said"),
    [
        (Squares(5), [ImageAUC()], None, "image_auc needs pred_label"),
        (
            [{"image": torch.rand(3, 16, 16)}] * 4,
            [],
            None,
            "valid_data: has no masks, so no valid_loss to watch",
        ),
        ([{"image": torch.rand(3, 16, 16)}] * 4, [PixelF1()], None, "pixel_f1 needs mask"),
        ({"a": Squares(5), "b": [{"image": torch.rand(3, 16)}] * 4}, [], None, "image"),
    ],
)
def test_what_a_test_would_stumble_over_is_said_before_the_first_step(tmp_path, valid, metrics, watch, said):
    class NoLabel(Segmenter):
        def forward(self, image, mask=None):
            return {k: v for k, v in super().forward(image, mask).items() if k != "pred_label"}

    seen = []
    data = Squares(damage={i: (lambda: seen.append(1) or {}) for i in range(22)})
    with pytest.raises(WorkbookError, match=said):
        trainer(tmp_path).fit(NoLabel(nn.Conv2d(3, 1, 1)), data, valid, metrics, watch, SilentView())
    assert not seen
    trainer(tmp_path, epochs=1).fit(small_model(), Squares(), view=SilentView())  # nothing was claimed yet


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_configuration_that_cannot_be_read_is_named(tmp_path, content):
    made, _ = fit(tmp_path, epochs=1)
    (made.folder / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"config\.json: cannot be read .*existing='accept'"):
        fit(tmp_path, epochs=1)
    with pytest.raises(CheckpointError, match=r"config\.json: cannot be read"):
        Trainer.from_run(made.folder)


def test_settings_of_another_version_are_refused_with_the_file(tmp_path):
    made, _ = fit(tmp_path, epochs=1)
    (made.folder / "config.json").write_text('{"settings": {"epochs": 1, "momentum": 0.9}}')
    with pytest.raises(CheckpointError, match=r"config\.json: unknown setting 'momentum'"):
        Trainer.from_run(made.folder)


def test_weights_of_another_model_are_refused_by_name(tmp_path):
    fit(tmp_path, epochs=1)
    other = Segmenter(nn.Conv2d(3, 1, 3, padding=1), loss=nn.BCELoss())
    made = Trainer("run", tmp_path, existing="accept", epochs=2, batch_size=4, tensorboard=False)
    with pytest.raises(CheckpointError, match=r"last.model\.safetensors: is of another model: net\.weig"):
        made.fit(other, Squares(), view=SilentView())
