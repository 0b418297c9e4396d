import numpy as np
import pytest
from PIL import Image

from workbook.core import Pair, Pairing
from workbook.core.errors import DataError
from workbook.show import PairBrowser


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def pairs(tmp_path):
    mask = np.zeros((20, 30))
    mask[5:15, 5:20] = 255
    image = np.full((20, 30, 3), 90)
    stem = "Sp_D_NNN_A_ani0001_ani0002_0001"
    broken = write(tmp_path / "broken.png", image)
    broken.write_bytes(broken.read_bytes()[:70])
    return [
        Pair(write(tmp_path / f"Tp/{stem}.png", image), write(tmp_path / f"Gt/{stem}_gt.png", mask)),
        Pair(write(tmp_path / "Au/Au_ani_0001.png", image)),
        Pair(broken),
        Pair(write(tmp_path / "Tp/turned.png", image), write(tmp_path / "Gt/turned_gt.png", mask.T)),
    ]


def test_each_pair_is_shown_with_its_facts(pairs, drawn, has):
    browser = PairBrowser(pairs)
    assert browser.scene().lines == [
        "1 of 4: Sp_D_NNN_A_ani0001_ani0002_0001.png",
        "splice, 30 wide and 20 high, 25.0% marked",
    ]
    assert has(drawn(browser))  # the outline
    browser.next.click()
    assert browser.pair == pairs[1]
    assert browser.scene().lines[1] == "authentic, 30 wide and 20 high"
    assert not has(drawn(browser))


def test_an_unreadable_file_is_told_and_passed(pairs):
    browser = PairBrowser(pairs)
    browser.number.value = 3
    assert browser.scene().lines[0] == "3 of 4: broken.png"
    assert "cannot be read" in browser.text.value
    browser.number.value = 4
    assert "the mask has another size: 20 wide and 30 high" in browser.text.value


def test_only_what_is_shown_is_read(pairs, tmp_path):
    many = [Pair(tmp_path / f"missing{i}.png") for i in range(5000)]
    browser = PairBrowser([pairs[0], *many])
    assert "1 of 5001" in browser.text.value
    assert repr(browser) == "PairBrowser: 5001 pairs"


def test_it_takes_what_find_pairs_returns_and_refuses_nothing(pairs):
    assert PairBrowser(Pairing(pairs=pairs)).pairs == pairs
    with pytest.raises(DataError, match="no pairs"):
        PairBrowser([])
