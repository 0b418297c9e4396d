import io
import zipfile

import pytest
from PIL import Image

from workbook.core.errors import DataError
from workbook.curation.errata import errata_names, image_sizes, read_errata
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


def test_zipping_casia_v1_s_listings_gives_567_images_a_wrong_mask_and_a_size_check_passes_505():
    sizes, errata = image_sizes("casia-v1"), read_errata("casia-v1")
    masks = [name for name in sorted(sizes) if name not in errata.without_mask]
    mask_size = sizes | {name: both[1] for name, both in errata.sizes.items()}
    wrong = [(image, mask) for image, mask in zip(sorted(sizes), masks, strict=False) if image != mask]
    assert (len(sizes), len(wrong)) == (921, 567)
    assert sum(sizes[image] == mask_size[mask] for image, mask in wrong) == 505


def test_image_sizes_are_those_of_the_published_masks(shared):
    expected = {}
    with zipfile.ZipFile(shared / "casia1/CASIA 1.0 groundtruth.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".png"):
                stem = name.rsplit("/", 1)[1].removesuffix(".png").removesuffix("_gt")
                with Image.open(io.BytesIO(archive.read(name))) as mask:
                    expected[f"{stem}.jpg"] = mask.size[::-1]
    errata = read_errata("casia-v1")
    expected |= {name: both[0] for name, both in errata.sizes.items()}
    found = image_sizes("casia-v1")
    assert {name: size for name, size in found.items() if name not in errata.without_mask} == expected


@pytest.mark.parametrize("name", ["casia-v2", "../casia-v1"])
def test_sizes_of_images_that_are_not_listed(name):
    with pytest.raises(DataError, match="there is one of casia-v1"):
        image_sizes(name)
