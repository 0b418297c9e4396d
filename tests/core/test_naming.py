"""Names in tables and curves."""

import pytest

from workbook.core.naming import snake_case


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PixelF1", "pixel_f1"),
        ("BestPixelF1", "best_pixel_f1"),
        ("PixelIoU", "pixel_iou"),
        ("SoftIoULoss", "soft_iou_loss"),
        ("ImageAUC", "image_auc"),
        ("BCE", "bce"),
        ("BCELoss", "bce_loss"),
        ("L1Loss", "l1_loss"),
        ("BinaryJaccardIndex", "binary_jaccard_index"),
        ("mse_loss", "mse_loss"),
    ],
)
def test_snake_case(name, expected):
    assert snake_case(name) == expected
