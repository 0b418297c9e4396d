from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from workbook.curation.errata import read_errata
from workbook.curation.orphans import match_misspelt


def test_spelling():
    image, mask = Path("Sp_D_NNN_A_ani0099_ani0100.0288.jpg"), Path("Sp_D_NNN_A_ani0099_ani0100_0288_gt.png")
    assert match_misspelt([image], [mask]) == {image: mask}
    assert match_misspelt([Path("A-1.jpg")], [Path("a_1_mask.png")]) == {
        Path("A-1.jpg"): Path("a_1_mask.png")
    }
    assert match_misspelt([Path("a.jpg")], [Path("b.png")]) == {}


def test_two_that_are_alike_are_not_guessed():
    assert match_misspelt([Path("a-1.jpg"), Path("a.1.jpg")], [Path("a_1_gt.png")]) == {}


def test_the_number_of_a_casia_name_tells():
    image, mask = Path("Sp_D_N_A_nat0054_nat0054_0189.jpg"), Path("Sp_S_N_A_nat0054_nat0054_0189_gt.png")
    assert match_misspelt([image], [mask]) == {image: mask}


def test_errata_come_first():
    image, mask = Path("Sp_S_NNN_R_arc0003_arc0004_0051.jpg"), Path("Sp_S_NNN_R_arc0003_arc0003_0051_gt.png")
    decoy = Path("Sp_S_NNN_R_arc0003_arc00040051_gt.png")
    assert match_misspelt([image], [mask, decoy], read_errata("casia-v1")) == {image: mask}
    assert match_misspelt([image], [mask, decoy]) == {image: decoy}


@settings(max_examples=60, deadline=None)
@given(st.sets(st.text("aB.1_-", min_size=1)), st.sets(st.text("aB.1_-", min_size=1)))
def test_every_match_is_of_its_own(images, masks):
    found = match_misspelt([Path(f"i/{n}.jpg") for n in images], [Path(f"m/{n}.png") for n in masks])
    assert len(set(found.values())) == len(found)
