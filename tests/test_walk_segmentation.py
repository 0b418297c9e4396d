"""Any segmentation from its first line to its last: SuperGradients' tutorial on training an external model.

Small sizes; the dataset is made here, in AISegment's nested folders with its strays.
"""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torchmetrics.classification import BinaryJaccardIndex as JaccardIndex
from torchvision import tv_tensors
from torchvision.transforms import v2

from workbook.core import (
    ManiDataset,
    Segmenter,
    SilentView,
    Trainer,
    check_model,
    load_checkpoint,
    predict,
    prepare_batch,
    read_image,
    read_mask,
)
from workbook.curation import copy_pairs, find_faults, find_pairs, find_strays, split_pairs
from workbook.show import cut_out, show_cutouts, show_predictions

pytestmark = pytest.mark.slow
GROUP = "1803151818"
PEOPLE, SIZE = 20, 32


@pytest.fixture(scope="module")
def aisegment(tmp_path_factory):
    """Portraits 48x36 with mattes in the alpha channel; two strays, and an image without a matte."""
    root, noise = tmp_path_factory.mktemp("aisegment"), np.random.default_rng(0)
    for number in range(PEOPLE):
        stem = f"{GROUP}-{number:08d}"
        image = noise.integers(0, 90, (48, 36, 3), dtype=np.uint8)
        matte = np.zeros((48, 36), np.uint8)
        matte[10 + number % 8 :, 8:28] = 255
        matte[9 + number % 8, 8:28] = 128  # soft hair
        image[matte > 200] += 130
        clip = root / f"clip_img/{GROUP}/clip_00000000/{stem}.jpg"
        matting = root / f"matting/{GROUP}/matting_00000000/{stem}.png"
        for file in (clip, matting):
            file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(clip, quality=95)
        Image.fromarray(np.dstack([image, matte])).save(matting)
    (clip.parent / "._stray.jpg").write_bytes(b"made by a file manager")
    (matting.parent / f"._{stem}.png").write_bytes(b"made by a file manager")
    Image.fromarray(image).save(clip.with_name(f"{GROUP}-00000099.jpg"))
    return root


@pytest.fixture(scope="module")
def parts(aisegment):
    return split_pairs(find_pairs(aisegment).pairs, (0.8, 0.1, 0.1), seed=0)


def test_pairs_by_stem_and_strays_by_name(aisegment, parts, tmp_path):
    pairing = find_pairs(aisegment)
    assert len(pairing.pairs) == PEOPLE
    assert all(pair.image.stem == pair.mask.stem for pair in pairing.pairs)
    assert [path.name for path in pairing.images_without_mask] == [f"{GROUP}-00000099.jpg"]
    report = find_faults(aisegment, soft=True)
    lost = [fault.image.name for fault in report.faults if fault.kind == "image_without_mask"]
    assert lost == [f"{GROUP}-00000099.jpg"]
    assert [path.name for path in find_strays(aisegment)] == [
        "._stray.jpg",
        f"._{GROUP}-{PEOPLE - 1:08d}.png",
    ]
    assert [len(part) for part in parts] == [16, 2, 2]
    copied = copy_pairs(parts[1], tmp_path / "valid")  # the mode that copies
    assert len(ManiDataset(tmp_path / "valid", soft=True)) == len(copied) == 2


class Portraits(torch.utils.data.Dataset):
    """A dataset of one's own: `(image, mask)`, flipped together, colours changed on the image alone."""

    def __init__(self, pairs, train=False):
        self.pairs = pairs
        resize = [v2.Resize((SIZE, SIZE), antialias=True)]
        changes = [v2.RandomHorizontalFlip(), v2.ColorJitter(0.3, 0.3)] if train else []
        self.transform = v2.Compose([*changes, *resize])

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        pair = self.pairs[index]
        matte = tv_tensors.Mask(read_mask(pair.mask).float() / 255)  # the alpha channel, soft
        image, mask = self.transform(tv_tensors.Image(read_image(pair.image)), matte)
        return image.as_subclass(torch.Tensor), mask.as_subclass(torch.Tensor)


def test_a_dataset_of_ones_own(parts):
    image, mask = Portraits(parts[0])[0]
    assert (image.dtype, image.shape, mask.shape) == (torch.uint8, (3, SIZE, SIZE), (1, SIZE, SIZE))
    assert ((mask > 0) & (mask < 1)).any()
    assert mask.max() == 1
    torch.manual_seed(1)
    seen = [Portraits(parts[0], train=True)[0] for _ in range(8)]
    upright, turned = [
        [i for i, (_, m) in enumerate(seen) if m.equal(want)] for want in (mask, mask.flip(-1))
    ]
    assert len(upright) + len(turned) == 8  # colours leave the mask as it is
    assert len({seen[i][0].float().mean().item() for i in upright}) == len(upright) > 1
    ready = prepare_batch((image[None], mask[None]))["image"]  # normalised as ImageNet's
    expected = (image[0].float() / 255 - 0.485) / 0.229
    assert torch.allclose(ready[0, 0], expected, atol=1e-5)


class OutsideUNet(nn.Module):
    """The U-Net that torch.hub hands out: four levels, probabilities at its end."""

    def __init__(self, features=32):
        super().__init__()
        widths = [features * 2**level for level in range(5)]
        self.down = nn.ModuleList(
            self.twice(*pair) for pair in zip([3, *widths[:-2]], widths[:-1], strict=True)
        )
        self.bottom = self.twice(widths[-2], widths[-1])
        self.rise = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in widths[-2::-1])
        self.up = nn.ModuleList(self.twice(2 * w, w) for w in widths[-2::-1])
        self.last = nn.Conv2d(features, 1, 1)

    @staticmethod
    def twice(before, after):
        layers = []
        for channels in (before, after):
            layers += [nn.Conv2d(channels, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        return nn.Sequential(*layers)

    def forward(self, x):
        kept = []
        for level in self.down:
            kept.append(level(x))
            x = F.max_pool2d(kept[-1], 2)
        x = self.bottom(x)
        for rise, level in zip(self.rise, self.up, strict=True):
            x = level(torch.cat([rise(x), kept.pop()], dim=1))
        return torch.sigmoid(self.last(x))


class BCEAndIoU(nn.Module):
    """A loss of one's own; thresholded, its second part teaches nothing."""

    def __init__(self, hard=False):
        super().__init__()
        self.hard = hard

    def forward(self, preds, target):
        marked = (preds > 0.5).float() if self.hard else preds
        both = (marked * target).sum((1, 2, 3))
        either = (marked + target - marked * target).sum((1, 2, 3))
        return F.binary_cross_entropy(preds, target) + (1 - (both + 1) / (either + 1)).mean()


class SoftIoU(JaccardIndex):
    """A metric of one's own: the foreground's IoU, its truth a soft matte.

    `torchmetrics.JaccardIndex` itself makes objects of other classes, so one inherits from the binary one.
    """

    def update(self, preds, target):
        super().update(preds, (target > 0.5).long())


def test_an_outside_network_its_loss_and_the_warning():
    assert sum(parameter.numel() for parameter in OutsideUNet().parameters()) == 7_763_041
    small = OutsideUNet(features=4)
    with pytest.warns(UserWarning, match="1 of the terms that its loss adds carries no gradient"):
        check_model(Segmenter(small, loss=BCEAndIoU(hard=True), activation=None), 32)
    check_model(Segmenter(small, loss=BCEAndIoU(), activation=None), 32)


@pytest.fixture(scope="module")
def trained(parts, tmp_path_factory):
    torch.manual_seed(0)
    model = Segmenter(OutsideUNet(features=4), loss=BCEAndIoU(), activation=None)
    hyperparameters = {"epochs": 8, "lr": 1e-2, "optimizer": "Adam", "batch_size": 4, "average": 2, "seed": 1}
    trainer = Trainer("aisegment_example", root=tmp_path_factory.mktemp("runs"), **hyperparameters)
    train, valid = Portraits(parts[0], train=True), Portraits(parts[1])
    history = trainer.fit(model, train, valid, [SoftIoU()], watch="soft_iou", view=SilentView())
    return trainer, model, history


def test_the_run_keeps_the_best_by_the_watched_metric(trained, parts):
    trainer, model, history = trained
    config = json.loads((trainer.folder / "config.json").read_text())
    assert (config["watch"], config["settings"]["optimizer"]) == ("soft_iou", "Adam")
    assert history["loss"].iloc[-1] < 0.6 * history["loss"].iloc[0]
    assert history["soft_iou"].max() > 0.8
    assert list((trainer.folder / "tensorboard").iterdir())
    for name in ("best", "last", "average"):
        assert (trainer.folder / name / "model.safetensors").is_file()
    load_checkpoint(trainer.folder / "best", model)
    metric = SoftIoU()
    for image, mask in Portraits(parts[1]):
        with torch.no_grad():
            found = model.eval()(prepare_batch((image[None], mask[None]))["image"])
        metric.update(found["pred_mask"], mask[None])
    assert float(metric.compute()) == pytest.approx(history["soft_iou"].max(), abs=1e-5)  # greater is better


def test_predict_threshold_cut_out_and_three_panels(trained, parts, tmp_path):
    trainer, model, _ = trained
    load_checkpoint(trainer.folder, model)
    found = predict(model, [pair.image for pair in parts[2]], size=SIZE, threshold=0.6)
    one, truth = found[0], read_mask(parts[2][0].mask) > 127
    assert one.pred_mask.shape == (1, 48, 36)
    overlap = (one.marked & truth).sum() / (one.marked | truth).sum()
    assert overlap > 0.7
    picture = cut_out(one.image, one.pred_mask[0], "white", threshold=one.threshold)
    assert (picture[~one.marked[0].numpy()] == 255).all()
    maps = [prediction.pred_mask for prediction in found]
    show_cutouts([prediction.image for prediction in found], maps, save=tmp_path / "cut.png")
    show_predictions([one.image], [truth], [one.pred_mask], save=tmp_path / "three.png")
    for name in ("cut.png", "three.png"):
        with Image.open(tmp_path / name) as figure:
            assert figure.width > 200
