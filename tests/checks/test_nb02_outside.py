"""The exercise itself is tested in test_nb02_model.py; here, its reference."""

import numpy as np
import torch
from torch.nn import functional as F

from workbook.checks.nb02_outside import Outside, _enlarge, wrap


def test_enlarging_by_hand_is_torchs_bilinear():
    assert _enlarge(np.array([0.0, 4.0]), 0).tolist() == [0, 1, 3, 4]
    values = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    theirs = F.interpolate(values, scale_factor=2, mode="bilinear", align_corners=False)
    assert np.allclose(_enlarge(_enlarge(values.numpy(), 2), 3), theirs.numpy())


def test_an_even_network_gives_one_half():
    net = Outside()
    torch.nn.init.zeros_(net.layer.weight)
    torch.nn.init.zeros_(net.layer.bias)
    expected = wrap.reference(net, torch.ones(1, 3, 2, 2), torch.ones(1, 1, 2, 2))
    assert expected["pred_mask"].tolist() == [[[[0.5, 0.5], [0.5, 0.5]]]]
    assert round(expected["backward_loss"], 4) == 0.6931
    assert expected["parameters that an optimizer finds"] == 26
