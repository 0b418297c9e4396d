import numpy as np
import pytest
from PIL import Image

from workbook.core.alpha import informative_alpha

DISC = Image.fromarray(((np.hypot(*np.mgrid[-8:8, -8:8]) < 5) * 255).astype(np.uint8))
GREY_PHOTOGRAPH = Image.effect_noise((16, 16), 40)


def rgba(*bands):
    return Image.merge("RGBA", bands if len(bands) == 4 else (bands[0],) * 3 + (bands[1],))


@pytest.mark.parametrize(
    ("picture", "in_alpha"),
    [
        (rgba(Image.new("L", (16, 16)), DISC), True),  # black all over: nothing but alpha says anything
        (rgba(GREY_PHOTOGRAPH, DISC), True),
        (rgba(DISC, GREY_PHOTOGRAPH), False),
        (rgba(DISC, Image.new("L", (16, 16), 255)), False),  # opaque
        (rgba(DISC, Image.new("L", (16, 16), 128)), False),  # constant
        (rgba(GREY_PHOTOGRAPH, Image.new("L", (16, 16), 255)), False),
        (rgba(DISC, Image.new("L", (16, 16)), Image.new("L", (16, 16)), GREY_PHOTOGRAPH), True),  # a red disc
        (rgba(Image.fromarray(255 - np.asarray(DISC)), DISC), True),  # black where it shows, white where not
    ],
)
def test_where_a_mask_lies(picture, in_alpha):
    found = informative_alpha(picture)
    assert (found is not None) == in_alpha
    if found is not None:
        assert np.array_equal(np.asarray(found), np.asarray(picture.getchannel("A")))
