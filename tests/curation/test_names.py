from pathlib import Path

import pytest

from workbook.core.images import read_image
from workbook.core.pairs import Pair
from workbook.curation.names import CasiaName, find_hosts, name_contradiction, photographs, right_stem


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("Sp_D_CND_A_pla0005_pla0023_0281.jpg", ("pla00005", "pla00023")),
        ("Tp_D_CRN_M_N_pla00035_pla00033_10997.tif", ("pla00035", "pla00033")),
        ("Tp_D_CRN_M_N_pla00035_pla00033_10997_gt.png", ("pla00035", "pla00033")),
        ("Tp_S_NNN_S_O_pla00077_pla00077_11212.jpg", ("pla00077",)),
        ("Sp_D_CND_A_pla0005_pla0023_0281_au.png", ("pla00005",)),
        ("Au_ani_0001.jpg", ("ani00001",)),
        ("Au_ani_00001.jpg", ("ani00001",)),
        ("img_au.jpg", ("img",)),
        ("img.jpg", ("img",)),
    ],
)
def test_the_photographs_of_a_name(name, ids):
    assert photographs(name) == ids


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("Sp_D_NNN_A_cha0052_cha0052_0309.jpg", "Sp_S_NNN_A_cha0052_cha0052_0309"),
        ("Sp_S_NNN_A_arc0002_arc0026_0201.jpg", "Sp_D_NNN_A_arc0002_arc0026_0201"),
        ("Sp_D_NNN_A_ani0099_ani0100.0288_gt.png", "Sp_D_NNN_A_ani0099_ani0100_0288"),
        ("Tp_S_CNN_S_N_cha0003_cha00003_00323.tif", "Tp_S_CNN_S_N_cha00003_cha00003_00323"),
    ],
)
def test_a_name_that_contradicts_itself_is_corrected(name, right):
    assert name_contradiction(Path(name))["right_name"] == right
    assert right_stem(name) == right


@pytest.mark.parametrize(
    "name",
    [
        "Sp_S_CND_A_pla0016_pla0016_0196.jpg",
        "Tp_S_CnN_S_N_txt00071_txt00071_01297.tif",
        "Au_ani_0001.jpg",
        "holiday.jpg",
    ],
)
def test_other_names_are_left_alone(name):
    assert name_contradiction(Path(name)) is None


def test_published_lists_of_casia_are_understood(shared):
    for name in (shared / "casia2/tp_list.txt").read_text().split():
        assert CasiaName.parse(name) is not None, name
        assert name_contradiction(Path(name)) is None, name


def test_the_host_is_found_by_suffix_then_by_id():
    tampered = Pair(Path("Tp/Sp_D_N_A_ani0002_pla0003_0007.jpg"), Path("m.png"))
    by_id, by_suffix = Pair(Path("Au/Au_ani_0002.jpg")), Pair(Path(f"Au/{tampered.image.stem}_au.png"))
    other = Pair(Path("Au/Au_pla_0003.jpg"))  # the donor
    assert find_hosts([tampered, by_id, other]) == {tampered.image: by_id.image}
    assert find_hosts([tampered, by_id, by_suffix]) == {tampered.image: by_suffix.image}
    assert find_hosts([tampered, other]) == {}


def test_of_two_photographs_casia_names_the_host_first(shared):
    """The puma of `ani0031`, which a copy-move shows alone, was pasted before the temple of `arc0024`."""
    spliced = Pair(Path("Tp/Sp_D_CRN_A_arc0024_ani0031_0265.jpg"), Path("m.png"))
    temple, puma = Pair(Path("Au/Au_arc_0024.jpg")), Pair(Path("Au/Au_ani_0031.jpg"))
    assert find_hosts([spliced, puma, temple]) == {spliced.image: temple.image}
    samples = shared / "casia1/samples"  # published with the forgeries in Au and their hosts in Tp
    forgery = read_image(samples / f"Au/{spliced.image.stem}_au.png").int()
    likeness = {
        stem: (forgery - read_image(samples / f"Tp/{stem}.png").int()).abs().float().mean()
        for stem in (spliced.image.stem, "Sp_S_NNN_A_ani0031_ani0031_0197")
    }
    assert likeness[spliced.image.stem] < 0.2 * likeness["Sp_S_NNN_A_ani0031_ani0031_0197"]
