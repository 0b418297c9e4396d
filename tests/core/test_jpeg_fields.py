import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.fft import dctn

from workbook.core import Pair, PairDataset, collate, jpeg_fields, read_jpeg
from workbook.core.errors import DataError, WorkbookError


def picture(height=40, width=56):
    rng = np.random.default_rng(3)
    ramp = np.linspace(60, 190, height * width * 3).reshape(height, width, 3)
    return np.rint(ramp + rng.normal(0, 12, ramp.shape)).astype(np.uint8)


def recomputed(data):
    """The referee: the transform of the decoded luminance, divided by the table that Pillow reads."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("YCbCr", image.size)
        assert image.mode == "YCbCr"
        luminance = np.asarray(image)[..., 0].astype(float) - 128
        table = np.array(image.quantization[0]).reshape(8, 8)
    rows, columns = (side // 8 for side in luminance.shape)
    blocks = luminance.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3)
    found = np.rint(dctn(blocks, axes=(2, 3), norm="ortho") / table)
    return found.transpose(0, 2, 1, 3).reshape(luminance.shape), table


@pytest.mark.parametrize("quality", [50, 75, 90])
def test_a_files_coefficients_are_those_of_its_pixels(tmp_path, quality):
    file = tmp_path / "a.jpg"
    Image.fromarray(picture()).save(file, quality=quality)
    coefficients, table = read_jpeg(file)
    expected, expected_table = recomputed(file.read_bytes())
    np.testing.assert_array_equal(table, expected_table)
    np.testing.assert_array_equal(coefficients, expected)
    assert coefficients.abs().max() > 3


def test_a_samples_image_is_saved_at_quality_75_as_imdl_benco_does():
    image = torch.from_numpy(picture()).permute(2, 0, 1)
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "JPEG")
    expected, table = recomputed(buffer.getvalue())
    fields = jpeg_fields({"image": image})
    np.testing.assert_array_equal(fields["DCT_coef"], expected)
    np.testing.assert_array_equal(fields["qtables"], table)


def test_one_flat_block_by_hand():
    # 128 + 32 everywhere: the mean's coefficient is 8 * 32 = 256, over a step of 8
    fields = jpeg_fields({"image": torch.full((3, 8, 8), 160, dtype=torch.uint8)})
    assert (fields["qtables"][0, 0].item(), fields["DCT_coef"][0, 0].item()) == (8, 32)
    assert fields["DCT_coef"].count_nonzero() == 1


def test_sides_are_rounded_up_and_batches_hold_the_fields(tmp_path):
    assert jpeg_fields({"image": torch.zeros(3, 9, 17, dtype=torch.uint8)})["DCT_coef"].shape == (16, 24)
    Image.fromarray(picture()).save(tmp_path / "a.png")
    data = PairDataset([Pair(tmp_path / "a.png")] * 2, size=(32, 48), post_func=jpeg_fields)
    batch = collate([data[0], data[1]])
    assert (batch["DCT_coef"].shape, batch["qtables"].shape) == ((2, 32, 48), (2, 8, 8))


def test_what_cannot_be_read_is_named(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="not uint8"):
        jpeg_fields({"image": torch.zeros(3, 8, 8)})
    (tmp_path / "a.jpg").write_bytes(b"no JPEG")
    with pytest.raises(DataError, match=r"a\.jpg: cannot be read as a JPEG"):
        read_jpeg(tmp_path / "a.jpg")
    monkeypatch.setitem(__import__("sys").modules, "jpeglib", None)
    with pytest.raises(WorkbookError, match=r"pip install 'imdl-workbook\[jpeg\]'"):
        read_jpeg(tmp_path / "a.jpg")
