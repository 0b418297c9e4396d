"""Corrections of a JSON list of pairs, wherever it lies."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbook.core.errors import DataError
from workbook.curation.applying import apply_plan, correct
from workbook.curation.corrections import Correction, Plan
from workbook.curation.faults import find_faults


def audit(file):
    return find_faults(file, progress=False)


def code_01(mask):
    with Image.open(mask) as picture:
        changed = picture.point(lambda value: value // 255)
    changed.save(mask)


def test_a_json_of_pairs_is_corrected_too(dataset, tmp_path):
    image, mask = (next((dataset / part).iterdir()) for part in ("Tp", "Gt"))
    code_01(mask)
    file = dataset / "pairs.json"
    file.write_text(json.dumps([[str(image), f"Gt/{mask.name}"], ["Au/Au_ani_0002.png", "Negative"]]))
    pairing = correct(file, tmp_path / "out", progress=False)
    assert [pair.authentic for pair in pairing.pairs] == [False, True]
    assert all(Path(pair.image).is_file() for pair in pairing.pairs)
    assert audit(tmp_path / "out/pairs.json").clean


def test_a_json_elsewhere_with_absolute_paths(dataset, tmp_path):
    image, mask = (next((dataset / part).iterdir()) for part in ("Tp", "Gt"))
    code_01(mask)
    file = tmp_path / "data/lists/pairs.json"
    file.parent.mkdir()
    file.write_text(json.dumps([[str(image), str(mask)]]))
    (pair,) = correct(file, tmp_path / "out", progress=False).pairs
    assert pair.mask.read_bytes() != mask.read_bytes()
    assert audit(tmp_path / "out/pairs.json").clean


def test_a_json_far_from_its_files_is_corrected_beside_itself(dataset, tmp_path_factory):
    image, mask = (next((dataset / part).iterdir()) for part in ("Tp", "Gt"))
    code_01(mask)
    work = tmp_path_factory.mktemp("elsewhere")
    (work / "pairs.json").write_text(json.dumps([[str(image), str(mask)]]))
    (pair,) = correct(work / "pairs.json", work / "out", progress=False).pairs
    assert pair.mask.is_relative_to(work / "out")
    assert audit(work / "out/pairs.json").clean
    for out in (image.parent / "out", dataset):
        with pytest.raises(DataError, match="beside it"):
            correct(work / "pairs.json", out, progress=False)


def test_in_a_json_an_image_that_lost_its_mask_is_not_called_authentic(dataset, tmp_path):
    images, masks = (sorted((dataset / part).iterdir())[:3] for part in ("Tp", "Gt"))
    file = dataset / "pairs.json"
    file.write_text(json.dumps([[str(i), str(m)] for i, m in zip(images, masks, strict=True)]))
    plan = Plan(
        [
            Correction("drop", None, f"Gt/{masks[0].name}"),
            Correction("treat_as_authentic", f"Tp/{images[1].name}", f"Gt/{masks[1].name}"),
            Correction("use_mask", None, f"Gt/{masks[2].name}", {"right_mask": f"Gt/{masks[1].name}"}),
        ]
    )
    pairs = apply_plan(plan, file, tmp_path / "out", progress=False).pairs
    assert [(pair.name, pair.authentic) for pair in pairs] == [
        (images[1].name, True),
        (images[2].name, False),
    ]
    assert pairs[1].mask.name == masks[2].name
    assert np.array_equal(np.asarray(Image.open(pairs[1].mask)), np.asarray(Image.open(masks[1])))
