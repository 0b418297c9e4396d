"""What a JPEG file holds before it is decoded: quantised DCT coefficients and their quantisation table."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workbook.core.errors import DataError, WorkbookError

QUALITY = 75  # what Pillow takes by default, and so IMDL-BenCo


def jpeg_fields(sample: Mapping[str, Any]) -> dict[str, Tensor]:
    """The luminance's DCT coefficients and quantisation table of an image saved as JPEG: a `post_func`.

    The image is saved as it comes out of the transforms, by Pillow at its default quality, and its own JPEG
    history is not looked at, exactly as IMDL-BenCo's `cat_net_post_func` does, whose field names these are;
    see `read_jpeg` for a file's own. CAT-Net wants sides that are multiples of 8.

    Args:
        sample: with an `image`, uint8 (3, H, W).

    Returns:
        `DCT_coef`, float32 (H, W), whole numbers, both sides rounded up to multiples of 8: 8x8 blocks, each
        where its pixels are, the mean's coefficient first. `qtables`, float32 (8, 8), in the same order.

    Raises:
        DataError: an image that is not uint8.
        WorkbookError: `jpeglib` is not installed.

    Source: Kwon, Nam, Yu, Lee, Kim, "Learning JPEG Compression Artifacts for Image Manipulation Detection and
    Localization", IJCV 2022.

    >>> fields = jpeg_fields({"image": torch.full((3, 16, 24), 128, dtype=torch.uint8)})
    >>> fields["DCT_coef"].shape, fields["DCT_coef"].abs().max().item(), fields["qtables"][0, :3].tolist()
    (torch.Size([16, 24]), 0.0, [8.0, 6.0, 5.0])
    """
    from PIL import Image

    image = sample["image"]
    if not isinstance(image, Tensor) or image.dtype != torch.uint8:
        raise DataError("jpeg_fields: the image is not uint8; give it before it is normalised")
    handle, name = tempfile.mkstemp(suffix=".jpg")  # libjpeg reads from files
    os.close(handle)
    try:
        Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()).save(name, "JPEG", quality=QUALITY)
        coefficients, table = read_jpeg(name)
    finally:
        Path(name).unlink(missing_ok=True)
    return {"DCT_coef": coefficients, "qtables": table}


def read_jpeg(file: str | os.PathLike[str]) -> tuple[Tensor, Tensor]:
    """A JPEG file's luminance: quantised DCT coefficients (H, W), quantisation table (8, 8), float32.

    Raises:
        DataError: the file cannot be read as a JPEG.
        WorkbookError: `jpeglib` is not installed.
    """
    try:
        import jpeglib
    except ImportError as error:
        raise WorkbookError(
            "DCT coefficients are read by jpeglib: pip install 'imdl-workbook[jpeg]'"
        ) from error
    try:
        found = jpeglib.read_dct(os.fspath(file))
        blocks = torch.from_numpy(found.Y).float()  # (rows, columns, 8, 8)
        table = torch.from_numpy(found.qt[found.quant_tbl_no[0]]).float()
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"{file}: cannot be read as a JPEG ({error}); give a .jpg file") from error
    rows, columns = blocks.shape[:2]
    return blocks.transpose(1, 2).reshape(rows * 8, columns * 8).contiguous(), table
