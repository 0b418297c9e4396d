import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbook.core.edge import edge_band
from workbook.core.errors import WorkbookError


def by_the_definition(mask, width):
    """Dilation minus erosion with a plus-shaped element, pixel by pixel."""
    rows, columns = mask.shape
    band = torch.zeros(rows, columns)
    for row in range(rows):
        for column in range(columns):
            reach = [(row + step, column) for step in range(-(width // 2), width // 2 + 1)]
            reach += [(row, column + step) for step in range(-(width // 2), width // 2 + 1)]
            values = [mask[r, c].item() for r, c in reach if 0 <= r < rows and 0 <= c < columns]
            band[row, column] = max(values) - min(values)
    return band


SIDES = st.tuples(st.integers(1, 9), st.integers(1, 9))
MASKS = arrays("float32", SIDES, elements=st.sampled_from([0.0, 1.0]))


@settings(max_examples=60, deadline=None)
@given(MASKS, st.sampled_from([1, 3, 5, 7, 21]))
def test_edge_band_is_dilation_minus_erosion(mask, width):
    mask = torch.from_numpy(mask)
    assert torch.equal(edge_band(mask[None], width), by_the_definition(mask, width)[None])


def test_edge_band_of_a_batch_is_that_of_each():
    torch.manual_seed(0)
    masks = (torch.rand(2, 1, 9, 12) > 0.7).float()
    band = edge_band(masks, 5)
    assert band.dtype == torch.float32
    for row in range(2):
        assert torch.equal(band[row, 0], by_the_definition(masks[row, 0], 5))


def test_edge_band_by_hand():
    mask = torch.zeros(1, 5, 5)
    mask[0, 2, 2] = 1
    expected = torch.tensor(
        [[0, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]]
    )
    assert torch.equal(edge_band(mask, 3)[0], expected.float())


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_mask_of_one_value_has_no_edge(value):
    assert edge_band(torch.full((1, 6, 6), value), 7).sum() == 0


def test_a_soft_mask_is_cut_at_half():
    soft = torch.tensor([[[0.1, 0.4, 0.6, 0.9]]])
    assert torch.equal(edge_band(soft, 3), torch.tensor([[[0.0, 1.0, 1.0, 0.0]]]))


@pytest.mark.parametrize("width", [0, -3, 4, 3.0, True])
def test_an_impossible_width_is_refused(width):
    with pytest.raises(WorkbookError, match="edge_width"):
        edge_band(torch.zeros(1, 4, 4), width)
