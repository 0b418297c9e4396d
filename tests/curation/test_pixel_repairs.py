import numpy as np
import pytest
from PIL import Image, ImageOps

from workbook.curation.pixel_repairs import repair_values


@pytest.fixture
def values():
    return np.random.default_rng(0).integers(0, 2, (5, 7), dtype=np.uint8) * 255


@pytest.mark.parametrize("turned", range(1, 9))
def test_transpose_undoes_what_a_viewer_does(values, turned):
    picture = Image.fromarray(values)
    exif = Image.Exif()
    exif[274] = turned
    picture.info["exif"] = exif.tobytes()
    shown = np.asarray(ImageOps.exif_transpose(picture))
    assert np.array_equal(repair_values(shown, (5, 7), [("transpose", {"orientation": turned})]), values)


@pytest.mark.parametrize(
    ("spoil", "repair"),
    [
        (lambda v: np.rot90(v, 3), ("rotate", {"degrees": 90})),
        (lambda v: np.rot90(v), ("rotate", {"degrees": 270})),
        (lambda v: v[:, ::-1], ("flip", {"axis": "horizontal"})),
        (lambda v: v[::-1], ("flip", {"axis": "vertical"})),
        (lambda v: 255 - v, ("invert", {})),
        (lambda v: v.repeat(3, 0).repeat(3, 1), ("rescale", {})),
        (lambda v: np.pad(v, 2), ("pad_or_crop", {"rows": -2, "columns": -2})),
    ],
)
def test_each_repair_undoes_its_fault(values, spoil, repair):
    assert np.array_equal(repair_values(spoil(values), (5, 7), [repair]), values)


def test_by_hand():
    values = np.array([[10, 200], [128, 127]], np.uint8)
    assert repair_values(values, (2, 2), []).tolist() == [[0, 255], [255, 0]]
    assert repair_values(values, (2, 2), [], soft=True).tolist() == values.tolist()
    shifted = repair_values(values, (2, 2), [("shift", {"rows": 1, "columns": 0})])
    assert shifted.tolist() == [[0, 0], [0, 255]]
