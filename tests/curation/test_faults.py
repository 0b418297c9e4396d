import json

import numpy as np
import pytest
from PIL import Image, ImageFilter

from workbook.core.errors import DataError
from workbook.curation.faults import KINDS, find_faults


def audit(*folders, **options):
    return find_faults(*folders, progress=False, **options)


def found(report):
    return sorted(
        (fault.kind, fault.image.name if fault.image else "", fault.mask.name if fault.mask else "")
        for fault in report.faults
    )


@pytest.fixture
def files(dataset, stem):
    return dataset / "Tp" / f"{stem}.png", dataset / "Gt" / f"{stem}_gt.png"


def test_a_sound_dataset_has_no_fault(dataset):
    report = audit(dataset)
    assert report.clean
    assert (report.images, report.masks, report.pairs) == (8, 4, 4)


def remake(path, change):
    with Image.open(path) as picture:
        changed = change(picture.copy())
    changed.save(path)


def alpha_only(mask):
    black = Image.new("L", mask.size)
    return Image.merge("RGBA", (black, black, black, mask))


MASK_FAULTS = {
    "size_mismatch": lambda mask: mask.transpose(Image.Transpose.ROTATE_90),
    "not_binary": lambda mask: mask.filter(ImageFilter.GaussianBlur(1)),
    "coded_01": lambda mask: mask.point(lambda value: value // 255),
    "alpha_only": alpha_only,
    "empty_mask": lambda mask: mask.point(lambda _: 0),
    "full_mask": lambda mask: mask.point(lambda _: 255),
    "inverted_mask": lambda mask: mask.point(lambda value: 255 - value),
    "misaligned": lambda mask: mask.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


@pytest.mark.parametrize("kind", MASK_FAULTS)
def test_each_fault_of_a_mask_is_found_and_no_other(dataset, files, kind):
    remake(files[1], MASK_FAULTS[kind])
    assert found(audit(dataset)) == [(kind, files[0].name, files[1].name)]


def test_an_opaque_rgba_mask_is_no_fault(dataset, files):
    remake(files[1], lambda mask: mask.convert("RGBA"))
    assert audit(dataset).clean


def test_images_and_masks_left_alone(dataset, files):
    files[1].rename(files[1].with_name("zebra_gt.png"))
    assert found(audit(dataset)) == [
        ("image_without_mask", files[0].name, ""),
        ("mask_without_image", "", "zebra_gt.png"),
    ]


def test_a_misspelt_image_is_given_its_mask(dataset, files):
    files[0].rename(files[0].with_name("Sp_D_NNN_A_ani0001_pla0051.0001.png"))
    report = audit(dataset)
    assert report.counts() == {"image_without_mask": 1, "mask_without_image": 1, "contradictory_name": 1}
    assert {fault.repair for fault in report.faults} == {"rename", "keep"}


def test_ambiguous_names(dataset, files):
    files[1].with_name(files[1].stem.replace("_gt", "_mask.png")).write_bytes(files[1].read_bytes())
    kinds = [kind for kind, _, _ in found(audit(dataset))]
    assert kinds == ["ambiguous_name"] * 3


@pytest.mark.parametrize("part", [0, 1])
def test_unreadable_files(dataset, files, part):
    whole = files[part].read_bytes()
    files[part].write_bytes(whole[: len(whole) // 2])
    (fault,) = audit(dataset).faults
    assert fault.kind == "unreadable"
    assert fault.detail["file"] == ("image", "mask")[part]


def test_what_other_readers_see_otherwise_is_reported(tmp_path, make):
    pixels = make.photograph(0)
    images = tmp_path / "Tp"
    long = "übergrößenträger" * 6
    for name in ("frames", "deep", "cmyk", "palette", "one_bit", long):
        make.save(tmp_path / "Gt" / f"{name}.png", make.region())
    images.mkdir()
    Image.fromarray(pixels).save(
        images / "frames.gif", save_all=True, append_images=[Image.fromarray(pixels[::-1].copy())]
    )
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 200).save(images / "deep.png")
    Image.fromarray(pixels).convert("CMYK").save(images / "cmyk.jpg")
    Image.fromarray(pixels).quantize(16).save(images / "palette.png")
    Image.fromarray(pixels).convert("1").save(images / "one_bit.png")
    make.save(images / f"{long}.jpg", pixels)
    report = audit(tmp_path)
    assert {(fault.image.name, fault.detail["cause"].split(":")[0]) for fault in report.faults} == {
        ("deep.png", "16-bit"),
        ("frames.gif", "animated"),
        ("cmyk.jpg", "CMYK"),
        ("palette.png", "palette"),
        ("one_bit.png", "1-bit"),
    }
    assert {(fault.kind, fault.repair) for fault in report.faults} == {("unreadable", "convert")}
    assert report.to_json() == audit(tmp_path, pixels=False).to_json()


@pytest.mark.parametrize(("turned", "as_shown"), [(6, True), (6, False), (8, True), (3, False)])
def test_exif_rotation(dataset, files, make, turned, as_shown):
    exif = Image.Exif()
    exif[274] = turned
    with Image.open(files[0]) as picture:
        picture.copy().save(files[0], exif=exif)
    if as_shown:
        back = {6: Image.Transpose.ROTATE_270, 8: Image.Transpose.ROTATE_90}[turned]
        remake(files[1], lambda mask: mask.transpose(back))
    (fault,) = audit(dataset).faults
    assert (fault.kind, fault.detail["orientation"]) == ("exif_rotation", turned)
    assert ("mask" in fault.detail) == as_shown


def test_duplicates_in_another_format_are_found(dataset, files):
    second = files[0].with_name("copy.bmp")
    with Image.open(files[0]) as picture:
        picture.save(second)
    files[1].with_name("copy_gt.png").write_bytes(files[1].read_bytes())
    (fault,) = audit(dataset).faults
    assert (fault.kind, fault.detail["same_as"]) == ("duplicate_image", str(files[0]))
    assert fault.image == second


def test_a_tampered_image_equal_to_an_authentic_one_goes(dataset, files):
    host = dataset / "Au" / "Au_ani_0001.png"
    files[0].write_bytes(host.read_bytes())
    duplicates = [fault for fault in audit(dataset).faults if fault.kind == "duplicate_image"]
    assert [fault.image for fault in duplicates] == [files[0]]


def test_headers_alone_show_sizes(dataset, files):
    remake(files[1], lambda mask: mask.resize((32, 24)))
    (fault,) = audit(dataset, pixels=False).faults
    assert (fault.kind, fault.detail["cause"]) == ("size_mismatch", "scaled")


def test_the_report_is_json_and_a_table(dataset, files):
    remake(files[1], MASK_FAULTS["size_mismatch"])
    report = audit(dataset)
    written = json.loads(report.to_json())
    assert written.keys() == {"images", "masks", "pairs", "faults"}
    (entry,) = written["faults"]
    assert entry.keys() == {"kind", "image", "mask", "detail", "repair"}
    assert (entry["detail"]["cause"], entry["repair"]) == ("rotated", "rotate")
    assert list(report.table()["kind"]) == ["size_mismatch"]
    assert entry["kind"] in KINDS


def test_workers_and_order_of_files_change_nothing(dataset, files):
    remake(files[1], MASK_FAULTS["not_binary"])
    files[0].with_name("extra.png").write_bytes(b"")
    assert audit(dataset, workers=1).to_json() == audit(dataset, workers=4).to_json()


def test_unknown_errata_are_an_error(dataset):
    with pytest.raises(DataError, match="choose from casia-v1"):
        audit(dataset, errata="casia-v3")


def test_the_real_triplets_have_no_fault(shared):
    assert audit(shared / "casia1/samples").clean
    assert audit(shared / "casia2/samples").clean


def test_a_right_name_that_is_taken_is_not_given_twice(dataset, files):
    wrong = files[0].with_name(files[0].name.replace("_D_", "_S_"))
    with Image.open(files[0]) as picture:
        picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(wrong)
    files[1].with_name(f"{wrong.stem}_gt.png").write_bytes(files[1].read_bytes())
    repairs = {fault.kind: fault.repair for fault in audit(dataset).faults}
    assert repairs["contradictory_name"] == "drop"


def test_an_empty_mask_of_an_image_that_was_changed_loses_the_pair(dataset, files):
    remake(files[1], MASK_FAULTS["empty_mask"])
    assert audit(dataset).faults[0].repair == "drop"
    (dataset / "Au/Au_ani_0001.png").unlink()
    assert audit(dataset).faults[0].repair == "treat_as_authentic"


def test_photographs_that_the_errata_know_twice_are_reported_once(tmp_path, make):
    make.save(tmp_path / "Tp/a.png", make.photograph(0))
    make.save(tmp_path / "Gt/a_gt.png", make.region())
    for number, name in enumerate(("Au_ani_10140", "Au_ani_20016", "Au_ani_10141")):
        make.save(tmp_path / f"Au/{name}.jpg", make.photograph(number + 1))
    assert audit(tmp_path).clean
    (fault,) = audit(tmp_path, errata="casia-v2").faults
    assert (fault.kind, fault.image.name, fault.repair) == ("duplicate_image", "Au_ani_20016.jpg", "drop")
    assert fault.detail["errata"] == "casia-v2"
    (tmp_path / "Au/Au_ani_20016.jpg").write_bytes((tmp_path / "Au/Au_ani_10140.jpg").read_bytes())
    assert audit(tmp_path, errata="casia-v2").counts() == {"duplicate_image": 1}


def test_a_size_that_the_errata_know_says_so(tmp_path, make):
    for folder in ("z13", "z14"):
        make.save(tmp_path / f"images/{folder}/00030_fake.jpg", make.photograph(int(folder[1:])))
        make.save(tmp_path / f"masks/{folder}/00030_fake_mask.png", make.region((30, 40)))
    report = audit(tmp_path, errata="imd2020")
    told = {fault.image.parent.name: fault.detail.get("errata") for fault in report.faults}
    assert told["z13"] is None
    assert told["z14"].startswith("imd2020: ")
