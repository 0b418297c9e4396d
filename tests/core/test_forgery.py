import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import tv_tensors

from workbook.core.errors import WorkbookError
from workbook.core.forgery import CopyMove, Inpaint, draw_window, fill_hole


def photograph(height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator)


SIDES = st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(lambda pair: tuple(sorted(pair)))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 24), st.integers(1, 24), SIDES, st.integers(0, 9))
def test_copy_move_marks_what_it_changes(height, width, sides, seed):
    torch.manual_seed(seed)
    image, mask = photograph(height, width), torch.zeros(1, height, width)
    forged, marked = CopyMove(1, sides).change(image, mask)
    changed = (forged != image).any(0, keepdim=True)
    assert bool((marked[changed] == 1).all())
    assert set(marked.unique().tolist()) <= {0.0, 1.0}
    # Every pixel that arrived is a pixel of the image.
    known = set(map(tuple, image.flatten(1).T.tolist()))
    assert set(map(tuple, forged.flatten(1).T.tolist())) <= known
    assert mask.sum() == 0  # what came in is left as it is


def test_copy_move_moves_one_block():
    for seed in range(30):
        torch.manual_seed(seed)
        image = torch.arange(3 * 30 * 40).view(3, 30, 40)  # every pixel tells where it comes from
        forged, marked = CopyMove(1, (0.2, 0.4)).change(image, torch.zeros(1, 30, 40))
        rows, columns = marked[0].nonzero(as_tuple=True)
        assert len(rows) > 20
        shift = forged[0, rows, columns] - image[0, rows, columns]
        assert len(shift.unique()) == 1
        assert shift[0] != 0


def test_copy_move_leaves_an_image_that_it_fills():
    image, mask = photograph(6, 6), torch.zeros(1, 6, 6)
    forged, marked = CopyMove(1, (1, 1)).change(image, mask)
    assert torch.equal(forged, image)
    assert marked.sum() == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), SIDES, st.integers(0, 9))
def test_inpaint_changes_the_marked_place_only(height, width, sides, seed):
    torch.manual_seed(seed)
    image, mask = photograph(height, width), torch.zeros(1, height, width)
    forged, marked = Inpaint(1, sides).change(image, mask)
    assert forged.dtype == torch.uint8
    assert torch.equal(forged[:, marked[0] == 0], image[:, marked[0] == 0])
    if bool((marked == 0).any()) and bool(marked.any()):
        assert forged.min() >= image.min()
        assert forged.max() <= image.max()


@pytest.mark.parametrize("forgery", [CopyMove, Inpaint])
def test_forgeries_add_to_the_mask_and_keep_types(forgery):
    torch.manual_seed(1)
    mask = torch.zeros(1, 40, 40)
    mask[:, :2, :2] = 1
    sample = {"image": tv_tensors.Image(photograph(40, 40)), "mask": tv_tensors.Mask(mask)}
    forged = forgery(1, (0.2, 0.3))(sample)
    assert type(forged["image"]) is tv_tensors.Image
    assert type(forged["mask"]) is tv_tensors.Mask
    assert (forged["mask"] >= mask).all()
    assert forged["mask"].sum() > 4
    assert sample["mask"].sum() == 4


def test_regions_are_rectangles_and_ellipses():
    kinds = set()
    for seed in range(20):
        torch.manual_seed(seed)
        marked = Inpaint(1, (0.5, 0.5)).change(photograph(40, 40), torch.zeros(1, 40, 40))[1]
        kinds.add(int(marked.sum()))
    rectangle, ellipse = max(kinds), min(kinds)
    assert len(kinds) == 2
    assert rectangle == 400
    assert ellipse == pytest.approx(400 * torch.pi / 4, rel=0.05)


def test_fill_hole_continues_a_ramp():
    ramp = torch.linspace(0, 100, 64).expand(1, 48, 64).clone()
    hole = torch.zeros(48, 64, dtype=torch.bool)
    hole[16:32, 24:40] = True
    spoilt = ramp.clone()
    spoilt[:, hole] = 999
    filled = fill_hole(spoilt, hole)
    assert torch.equal(filled[:, ~hole], ramp[:, ~hole])
    assert (filled - ramp).abs().max() < 12  # an eighth of the range; the hole itself spans a quarter


def test_fill_hole_of_one_pixel_by_hand():
    image = torch.tensor([[[1.0, 3.0], [5.0, 777.0]]])
    filled = fill_hole(image, torch.tensor([[False, False], [False, True]]))
    assert filled[0, 1, 1] == 3  # the mean of 1, 3 and 5


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), SIDES)
def test_windows_lie_inside(rows, columns, sides):
    top, left, height, width = draw_window(rows, columns, sides)
    assert height >= 1
    assert width >= 1
    assert 0 <= top <= rows - height
    assert 0 <= left <= columns - width


@pytest.mark.parametrize("sides", [(0, 0.5), (0.5, 0.2), (0.5, 1.2)])
@pytest.mark.parametrize("forgery", [CopyMove, Inpaint])
def test_impossible_sides_are_refused(forgery, sides):
    with pytest.raises(WorkbookError, match="sides is"):
        forgery(1, sides)
