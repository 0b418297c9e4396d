import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from sklearn.metrics import roc_auc_score

from workbook.curation.alignment import align_mask, find_shift, mask_auc, shifted_correlation
from workbook.curation.sizes import place

BITS = arrays.arrays(bool, (6, 7))
BYTES = arrays.arrays(np.uint8, (6, 7), elements=st.integers(0, 255))


@settings(max_examples=60, deadline=None)
@given(BYTES, BITS)
def test_the_auc_is_scikit_learns(change, marked):
    if marked.any() and not marked.all():
        assert mask_auc(change, marked) == pytest.approx(roc_auc_score(marked.ravel(), change.ravel()))
    else:
        assert np.isnan(mask_auc(change, marked))


@pytest.fixture
def triplet(make):
    size = (160, 192)
    host = make.photograph(0, size)
    mask = np.zeros(size, bool)
    mask[30:80, 20:110] = True
    mask[80:120, 20:50] = True
    tampered = np.where(mask[..., None], 255 - host, host)
    return Image.fromarray(tampered), Image.fromarray(host), mask


def test_a_mask_in_its_place_is_no_fault(triplet):
    assert align_mask(*triplet) is None


@pytest.mark.parametrize(
    ("change", "action", "parameters"),
    [
        (lambda mask: mask[:, ::-1], "flip", {"axis": "horizontal"}),
        (lambda mask: mask[::-1], "flip", {"axis": "vertical"}),
        (lambda mask: mask[::-1, ::-1], "rotate", {"degrees": 180}),
        (lambda mask: place(mask, mask.shape, (8, 0)), "shift", {"rows": -8, "columns": 0}),
        (lambda mask: place(mask, mask.shape, (-5, 9)), "shift", {"rows": 5, "columns": -9}),
        (lambda mask: ~mask, "invert", {}),
    ],
)
def test_a_transform_is_found_and_named(triplet, change, action, parameters):
    tampered, host, mask = triplet
    kind, detail, repair = align_mask(tampered, host, np.ascontiguousarray(change(mask)))
    assert (kind, repair) == ("inverted_mask" if action == "invert" else "misaligned", action)
    assert {name: detail[name] for name in parameters} == parameters


def test_a_mask_from_elsewhere_fits_nothing(triplet):
    tampered, host, mask = triplet
    elsewhere = np.zeros_like(mask)
    elsewhere[130:155, 150:190] = True
    elsewhere[0:20, 100:110] = True
    _, detail, repair = align_mask(tampered, host, elsewhere)
    assert (detail["fits"], repair) == ("none", "drop")


def test_images_that_do_not_tell_prove_nothing(triplet, make):
    tampered, host, mask = triplet
    assert align_mask(host, host, mask) is None
    other = Image.fromarray(make.photograph(9, mask.shape))
    assert align_mask(tampered, other, mask[::-1]) is None


def test_a_shift_of_a_large_mask_is_found_in_pixels_of_the_mask(triplet):
    tampered, host, mask = triplet
    size = (host.width * 5, host.height * 5)
    large = np.asarray(Image.fromarray(mask).resize(size))
    shifted = place(large, large.shape, (40, -20))
    _, detail, repair = align_mask(tampered.resize(size), host.resize(size), shifted)
    assert repair == "shift"
    assert (detail["rows"], detail["columns"]) == (-40, 20)


@settings(max_examples=30, deadline=None)
@given(BYTES, BITS)
def test_the_correlation_at_each_shift_is_that_of_the_overlap(change, marked):
    rows, columns = np.array([0, 2, -3]), np.array([0, 1, -2])
    got = shifted_correlation(change, marked, rows, columns)
    everywhere = np.ones_like(marked)
    for i, j in np.ndindex(3, 3):
        shift = (int(rows[i]), int(columns[j]))
        known = place(everywhere, marked.shape, shift)
        one, other = change[known].astype(float), place(marked, marked.shape, shift)[known].astype(float)
        constant = one.std() < 1e-6 or other.std() < 1e-6
        assert got[i, j] == pytest.approx(-1 if constant else np.corrcoef(one, other)[0, 1], abs=1e-6)


def test_a_shift_that_pushes_part_of_the_mask_over_the_border_is_named_to_the_pixel(make):
    host = make.photograph(0, (160, 192))
    mask = np.zeros((160, 192), bool)
    mask[100:158, 40:150] = True
    tampered = host.copy()
    tampered[mask] = 255 - tampered[mask]
    tampered[100, 40:150] = host[100, 40:150] + 20  # its upper edge shows, but not as much as the rest
    pictures = Image.fromarray(tampered), Image.fromarray(host)
    assert find_shift(*pictures, place(mask, mask.shape, (8, 0))) == (-8, 0)


@pytest.mark.parametrize("shift", [(8, 0), (0, -8), (0, 40)])
def test_every_shift_of_a_real_mask_is_named_to_the_pixel(shared, shift):
    samples = shared / "casia1/samples"
    named = []
    for path in sorted((samples / "Tp").iterdir()):
        with (
            Image.open(path) as tampered,
            Image.open(samples / f"Au/{path.stem}_au.png") as host,
            Image.open(samples / f"Gt/{path.stem}_gt.png") as mask,
        ):
            marked = np.asarray(mask.convert("L")) >= 128
            named.append(find_shift(tampered, host, place(marked, marked.shape, shift)))
    assert named == [(-shift[0], -shift[1])] * 24
