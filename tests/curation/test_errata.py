import pytest

from workbook.core.errors import DataError
from workbook.curation.errata import errata_names, read_errata
from workbook.curation.names import CasiaName, name_contradiction


def test_what_the_tables_hold():
    one, two = read_errata("casia-v1"), read_errata("casia-v2")
    assert (len(one.renames), len(one.without_mask), len(one.sizes)) == (33, 1, 2)
    assert (len(two.renames), len(two.sizes), len(two.duplicates)) == (141, 17, 23)
    kinds = [
        f"{CasiaName.parse(wrong).kind}{CasiaName.parse(right).kind}" for wrong, right in two.renames.items()
    ]
    assert (kinds.count("SD"), kinds.count("DS")) == (39, 60)
    moves = [wrong.parent.name + right.parent.name for wrong, right in one.renames.items()]
    assert [moves.count(move) for move in ("SpCM", "SpSp", "CMSp", "CMCM")] == [9, 3, 20, 1]
    assert len(read_errata("coverage").notes) == 9
    assert list(read_errata("imd2020").notes) == ["z14/00030_fake.jpg"]


@pytest.mark.parametrize("name", errata_names())
def test_every_table_names_its_sources_and_corrects_names(name):
    errata = read_errata(name)
    assert errata.sources
    assert len(set(errata.renames.values())) == len(errata.renames)
    for wrong, right in errata.renames.items():
        assert name_contradiction(right) is None
        assert errata.right_stem(wrong) == right.stem


def test_renames_lead_to_published_names(shared):
    published = set((shared / "casia2/tp_list.txt").read_text().split())
    assert {right.name for right in read_errata("casia-v2").renames.values()} <= published


def test_an_unknown_table():
    with pytest.raises(DataError, match="choose from casia-v1, casia-v2"):
        read_errata("../secret")


def test_duplicates_are_published_authentic_images(shared):
    published = set((shared / "casia2/au_list.txt").read_text().split())
    for pair in read_errata("casia-v2").duplicates:
        assert set(pair) <= published
