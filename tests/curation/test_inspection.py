import numpy as np
import pytest
from PIL import Image

from workbook.core.pairs import Pair
from workbook.curation.inspection import Options, _choose_repair, inspect_group, inspect_pair


@pytest.fixture
def triplet(dataset, stem):
    pair = Pair(dataset / f"Tp/{stem}.png", dataset / f"Gt/{stem}_gt.png")
    return pair, Pair(dataset / "Au/Au_ani_0001.png")


@pytest.mark.parametrize("turns", [1, 3])
def test_the_host_tells_which_way_a_mask_was_turned(triplet, turns):
    pair, host = triplet
    right = np.asarray(Image.open(pair.mask))
    Image.fromarray(np.rot90(right, turns)).save(pair.mask)
    findings = inspect_group(host.image, [pair, host], Options())[1].findings
    ((kind, detail, repair),) = findings
    assert (kind, repair, detail["evidence"]) == ("size_mismatch", "rotate", "host")
    assert detail["degrees"] == 90 * (4 - turns)


@pytest.mark.parametrize("offset", [(0, 0), (0, 4), (2, 0)])
def test_the_host_tells_where_a_mask_was_cut(triplet, offset):
    pair, host = triplet
    right = np.asarray(Image.open(pair.mask))
    rows, columns = offset
    Image.fromarray(right[rows : rows + 46, columns : columns + 60]).save(pair.mask)
    ((_, detail, repair),) = inspect_group(host.image, [pair, host], Options())[1].findings
    assert (repair, detail["rows"], detail["columns"]) == ("pad_or_crop", *offset)


@pytest.mark.parametrize("turns", [1, 3])
def test_without_a_host_the_edges_of_the_image_tell(tmp_path, make, turns):
    image = np.zeros((40, 60, 3), np.uint8)
    image[5:20, 5:15] = 200
    make.save(tmp_path / "a.png", image)
    make.save(tmp_path / "m.png", np.rot90(np.ascontiguousarray(image[..., 0] // 200 * 255), turns))
    ((_, detail, _),) = inspect_pair(Pair(tmp_path / "a.png", tmp_path / "m.png"), None, Options()).findings
    assert (detail["evidence"], detail["degrees"]) == ("edges", 90 * (4 - turns))


def test_real_portraits_tell_which_way(shared):
    right = total = 0
    for path in sorted((shared / "portraits/images").iterdir())[:40]:
        picture = Image.open(path)
        picture.load()
        if picture.width != picture.height:
            mask = Image.open(shared / f"portraits/masks/{path.stem}.png").resize(picture.size)
            turned = np.rot90(np.asarray(mask.convert("L")))
            right += _choose_repair(turned, picture, None)[1][0][1]["degrees"] == 270
            total += 1
    assert right / total > 0.9
