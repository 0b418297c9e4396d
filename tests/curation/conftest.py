from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbook.curation.sample import sample

SIZE = (48, 64)  # (height, width)


def photograph(seed, size=SIZE):
    """A textured picture, different for each seed: uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 200, (6, 8, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(size[::-1], Image.Resampling.BICUBIC)).astype(int)
    return (smooth + rng.integers(0, 30, (*size, 3))).astype(np.uint8)


def region(size=SIZE):
    """A mask without symmetry: uint8 (H, W) of 0 and 255."""
    mask = np.zeros(size, np.uint8)
    mask[8:20, 6:30] = 255
    mask[20:34, 6:14] = 255
    return mask


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def dataset(tmp_path):
    """A sound dataset: four tampered images, their masks, and their authentic hosts."""
    root = tmp_path / "data"
    for number in range(4):
        host = photograph(number)
        tampered, mask = host.copy(), np.roll(region(), 3 * number, axis=1)
        mask[34 : 34 + 3 * number, 20:60] = 255
        tampered[mask > 0] = 255 - tampered[mask > 0]
        save(root / "Au" / f"Au_ani_{number + 1:04d}.png", host)
        stem = f"Sp_D_NNN_A_ani{number + 1:04d}_pla{number + 51:04d}_{number + 1:04d}"
        save(root / "Tp" / f"{stem}.png", tampered)
        save(root / "Gt" / f"{stem}_gt.png", mask)
    return root


@pytest.fixture
def stem():
    """The stem of the dataset's first tampered image."""
    return "Sp_D_NNN_A_ani0001_pla0051_0001"


@pytest.fixture
def shared():
    folder = Path(__file__).parents[2] / "../shared/data"
    if not folder.is_dir():
        pytest.skip("needs the real data beside the project")
    return folder


@pytest.fixture
def make():
    """The builders, for tests that make their own files."""

    class Make:
        photograph = staticmethod(photograph)
        region = staticmethod(region)
        save = staticmethod(save)

    return Make


@pytest.fixture(scope="session")
def casia_mini(tmp_path_factory):
    """The embedded dataset, made once; do not change it."""
    return sample("casia-mini", tmp_path_factory.mktemp("embedded"))
