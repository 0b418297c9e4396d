from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from workbook.core import Pair, Prediction

YELLOW = (240, 228, 66)


@pytest.fixture
def drawn():
    """What a widget shows at the moment: uint8 (H, W, 3)."""
    return lambda widget: np.asarray(Image.open(BytesIO(bytes(widget.picture.value))).convert("RGB"))


@pytest.fixture
def has():
    """Whether a colour is in a picture."""
    return lambda picture, colour=YELLOW: bool((np.asarray(picture) == colour).all(axis=-1).any())


@pytest.fixture
def predictions():
    """Two tampered images and an authentic one, of two sizes, with random maps."""
    random = torch.Generator().manual_seed(3)
    found = []
    for name, (height, width), tampered in (
        ("Sp_D_NNN_A_ani0001_ani0002_0001.jpg", (20, 30), True),
        ("Sp_S_NNN_A_ani0003_ani0003_0002.jpg", (24, 16), True),
        ("Au_ani_0004.jpg", (20, 30), False),
    ):
        mask = torch.zeros(1, height, width)
        mask[:, 3:12, 4:11] = float(tampered)
        image = torch.full((3, height, width), 90, dtype=torch.uint8)
        pred = 0.4 * mask + 0.6 * torch.rand(mask.shape, generator=random)
        pair = Pair(Path("Tp", name), Path("Gt", name) if tampered else None)
        found.append(Prediction(pair, image, mask, pred, 0.5))
    return found
