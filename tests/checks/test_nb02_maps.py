"""The exercises themselves are tested in test_nb02_model.py; here, cases computed by hand."""

import torch

from workbook.checks.nb02_maps import decoder_shapes, join_skip


def test_the_reference_shapes_by_hand():
    assert decoder_shapes.reference(64, 8, 12, 4) == [(64, 2, 3), (32, 4, 6), (16, 8, 12)]
    assert decoder_shapes.reference(40, 5, 9, 4) == [(40, 2, 3), (20, 4, 6), (16, 8, 12)]


def test_the_reference_skip_by_hand():
    small, large = torch.tensor([[[[5.0, 6.0]]]]), torch.arange(5.0).view(1, 1, 1, 5)
    assert join_skip.reference(small, large).tolist() == [[[[5, 5, 5, 6, 6]], [[0, 1, 2, 3, 4]]]]


def test_odd_sizes_and_rests_are_among_the_inputs():
    import numpy as np

    cases = list(join_skip.draw(np.random.default_rng(0)))
    assert any(large.shape[2] == 2 * small.shape[2] + 1 for small, large in cases)
    assert any(height % stride for _, height, _, stride in decoder_shapes.draw(np.random.default_rng(0)))
