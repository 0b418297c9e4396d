import os
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter, ImageOps

from workbook.core.errors import DataError
from workbook.curation import applying
from workbook.curation.applying import apply_plan, correct
from workbook.curation.corrections import Correction, Plan, make_plan
from workbook.curation.faults import find_faults


def audit(folder, **options):
    return find_faults(folder, progress=False, **options)


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def remake(path, change):
    with Image.open(path) as picture:
        changed = change(picture.copy())
    changed.save(path)


def spoil(root):
    """Every sort of repair at once; returns the right mask of the rotated one."""
    images, masks = sorted((root / "Tp").iterdir()), sorted((root / "Gt").iterdir())
    right = np.asarray(Image.open(masks[0])).copy()
    remake(masks[0], lambda mask: mask.transpose(Image.Transpose.ROTATE_90))
    remake(masks[1], lambda mask: mask.filter(ImageFilter.GaussianBlur(1)))
    images[2].rename(images[2].with_name(images[2].name.replace("_D_", "_S_")))
    images[3].write_bytes(images[3].read_bytes()[:500])
    return right, masks[0]


def test_plan_then_apply_then_audit_is_clean(dataset, tmp_path):
    right, mask = spoil(dataset)
    before = contents(dataset)
    pairing = correct(dataset, tmp_path / "out", progress=False)
    assert audit(tmp_path / "out").clean
    assert contents(dataset) == before
    assert len([pair for pair in pairing.pairs if pair.mask]) == 3
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out/Gt" / mask.name)), right)


def test_the_same_plan_gives_the_same_bytes(dataset, tmp_path):
    spoil(dataset)
    plan = make_plan(audit(dataset))
    assert Plan.from_json(plan.to_json()) == plan
    for name in ("one", "two"):
        apply_plan(Plan.from_json(plan.to_json()), dataset, tmp_path / name, progress=False)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_killed_half_way_nothing_shows_and_a_second_run_finishes(dataset, tmp_path, monkeypatch):
    spoil(dataset)
    plan, before = make_plan(audit(dataset)), contents(dataset)
    apply_plan(plan, dataset, tmp_path / "whole", progress=False)
    written, write = [], applying._write

    def fail_at_fifth(output, part, soft):
        if len(written) == 5:
            part.write_bytes(b"half a fi")
            raise OSError(28, "No space left on device")
        written.append(output.target)
        write(output, part, soft)

    monkeypatch.setattr(applying, "_write", fail_at_fifth)
    with pytest.raises(DataError, match=r"No space left on device.*goes on where it stopped"):
        apply_plan(plan, dataset, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
    assert contents(dataset) == before
    again = []
    monkeypatch.setattr(applying, "_write", lambda *a: (again.append(a[0].target), write(*a)))
    apply_plan(plan, dataset, tmp_path / "out", progress=False)
    assert not set(again) & set(written)
    assert not (tmp_path / "out.part").exists()
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_finished_copy_is_taken_as_it_is(dataset, tmp_path):
    plan = make_plan(audit(dataset))
    apply_plan(plan, dataset, tmp_path / "out", progress=False)
    stamp = os.stat(tmp_path / "out/Tp").st_mtime_ns
    assert len(apply_plan(plan, dataset, tmp_path / "out", progress=False).pairs) == 8
    assert len(correct(dataset, tmp_path / "out", progress=False).pairs) == 8
    assert os.stat(tmp_path / "out/Tp").st_mtime_ns == stamp


def test_what_another_plan_or_somebody_else_made_is_left_alone(dataset, tmp_path, monkeypatch):
    name = next((dataset / "Gt").iterdir()).name
    by_hand = Plan([Correction("invert", mask=f"Gt/{name}")])
    apply_plan(by_hand, dataset, tmp_path / "out", progress=False)
    (tmp_path / "mine").mkdir()
    before = contents(tmp_path / "out")
    for out in ("out", "mine"):
        with pytest.raises(DataError, match="no copy made by this plan; delete it or choose another folder"):
            apply_plan(Plan(), dataset, tmp_path / out, progress=False)
        with pytest.raises(DataError, match="no copy made by this plan; delete it or choose another folder"):
            correct(dataset, tmp_path / out, progress=False)
    assert contents(tmp_path / "out") == before
    monkeypatch.setattr(applying, "find_faults", None)  # somebody's folder is refused before the audit
    with pytest.raises(DataError, match="no copy made"):
        correct(dataset, tmp_path / "mine", progress=False)


def test_a_copy_made_by_correct_is_not_audited_again(dataset, tmp_path, monkeypatch):
    spoil(dataset)
    first = correct(dataset, tmp_path / "out", progress=False)
    monkeypatch.setattr(applying, "find_faults", None)
    assert correct(dataset, tmp_path / "out", progress=False) == first


def test_a_copy_of_another_state_of_the_source_is_made_anew(dataset, tmp_path):
    correct(dataset, tmp_path / "out", progress=False)
    _, mask = spoil(dataset)
    correct(dataset, tmp_path / "out", progress=False)
    correct(dataset, tmp_path / "fresh", progress=False)
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")
    assert len(list((tmp_path / "out/Tp").iterdir())) == 3
    other = dataset.with_name("other")  # another dataset with files of the same names
    shutil.copytree(dataset, other, copy_function=shutil.copyfile)
    remake(other / "Gt" / mask.name, lambda picture: picture.transpose(Image.Transpose.ROTATE_180))
    right = correct(other, tmp_path / "other_out", progress=False)
    assert len(correct(other, tmp_path / "out", progress=False).pairs) == len(right.pairs)
    assert contents(tmp_path / "out") == contents(tmp_path / "other_out")
    assert not (tmp_path / "out.part").exists()


def test_the_same_plan_of_a_changed_source_is_applied_anew(dataset, tmp_path):
    apply_plan(Plan(), dataset, tmp_path / "out", progress=False)
    mask = next((dataset / "Gt").iterdir())
    remake(mask, ImageOps.invert)
    apply_plan(Plan(), dataset, tmp_path / "out", progress=False)
    assert (tmp_path / "out/Gt" / mask.name).read_bytes() == mask.read_bytes()


def test_soft_or_not_is_another_copy(dataset, tmp_path):
    masks = sorted((dataset / "Gt").iterdir())
    remake(masks[1], lambda mask: mask.filter(ImageFilter.GaussianBlur(1)))
    for soft in (True, False, True):
        correct(dataset, tmp_path / "out", soft=soft, progress=False)
        values = set(np.asarray(Image.open(tmp_path / "out/Gt" / masks[1].name)).flat)
        assert (values == {0, 255}) is not soft


@pytest.mark.parametrize("out", ["", "copy", ".."])
def test_nothing_is_written_into_the_source(dataset, out):
    with pytest.raises(DataError, match="beside it"):
        apply_plan(Plan(), dataset, dataset / out, progress=False)


def test_a_target_that_cannot_be_written(dataset, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        apply_plan(Plan(), dataset, tmp_path / "file/out", progress=False)


def test_names_that_clash_or_are_not_there(dataset, tmp_path):
    images = sorted((dataset / "Tp").iterdir())
    clash = Correction("move", f"Tp/{images[0].name}", None, {"to": f"Tp/{images[1].name}"})
    for correction, says in ((clash, "would both get"), (Correction("drop", "Tp/none.png"), "has no such")):
        with pytest.raises(DataError, match=says):
            apply_plan(Plan([correction]), dataset, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("turned", range(2, 9))
def test_orientation_is_cleared_without_touching_pixels(tmp_path, make, turned):
    exif = Image.Exif()
    exif[274] = turned
    picture = Image.fromarray(make.photograph(0))
    (tmp_path / "data/Tp").mkdir(parents=True)
    picture.save(tmp_path / "data/Tp/a.jpg", exif=exif)
    picture.save(tmp_path / "data/Tp/b.png", exif=exif)
    mask = Image.fromarray(make.region())
    shown = ImageOps.exif_transpose(Image.open(tmp_path / "data/Tp/a.jpg")).size
    (tmp_path / "data/Gt").mkdir()
    for name in "ab":
        if shown == picture.size:
            mask.save(tmp_path / f"data/Gt/{name}.png")
        else:
            mask.info["exif"] = exif.tobytes()
            ImageOps.exif_transpose(mask).save(tmp_path / f"data/Gt/{name}.png")
    assert audit(tmp_path / "data").counts() == {"exif_rotation": 2}
    correct(tmp_path / "data", tmp_path / "out", progress=False)
    assert audit(tmp_path / "out").clean
    for name in ("a.jpg", "b.png"):
        with Image.open(tmp_path / "data/Tp" / name) as one, Image.open(tmp_path / "out/Tp" / name) as other:
            assert one.tobytes() == other.tobytes()
    for name in "ab":
        assert np.array_equal(np.asarray(Image.open(tmp_path / f"out/Gt/{name}.png")), make.region())


def test_a_matte_stays_soft_where_asked_and_becomes_binary_where_asked(tmp_path, make):
    make.save(tmp_path / "data/clip_img/1/clip_0/7.jpg", make.photograph(0))
    soft = np.asarray(Image.fromarray(make.region()).filter(ImageFilter.GaussianBlur(3)))
    matting = np.dstack([make.photograph(0), soft])
    make.save(tmp_path / "data/matting/1/matting_0/7.png", matting)
    for kept, name in ((True, "soft"), (False, "hard")):
        (pair,) = correct(tmp_path / "data", tmp_path / name, soft=kept, progress=False).pairs
        expected = soft if kept else np.where(soft >= 128, 255, 0)
        assert np.array_equal(np.asarray(Image.open(pair.mask)), expected)
        assert audit(tmp_path / name, soft=kept).clean


MASKS = {
    "good": lambda mask: mask,
    "rotated": lambda mask: mask.transpose(Image.Transpose.ROTATE_90),
    "half": lambda mask: mask.resize((mask.width // 2, mask.height // 2)),
    "cut": lambda mask: mask.crop((0, 3, mask.width - 2, mask.height)),
    "unrelated": lambda mask: mask.resize((20, 47)),
    "inverted": ImageOps.invert,
    "empty": lambda mask: mask.point(lambda _: 0),
    "faint": lambda mask: mask.point(lambda value: value // 3),
    "full": lambda mask: mask.point(lambda _: 255),
    "coded": lambda mask: mask.point(lambda value: value // 255),
    "soft": lambda mask: mask.filter(ImageFilter.GaussianBlur(2)),
    "flipped": ImageOps.mirror,
    "missing": None,
    "palette": lambda mask: mask.convert("P"),
}
NAMES = (
    "a",
    "b.c",
    "b_c",
    "Sp_D_N_A_ani0001_ani0001_1",
    "Sp_S_N_A_ani0001_ani0001_1",
    "Sp_S_N_A_ani001_pla2_7",
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_dataset_is_clean_after_its_plan(tmp_path_factory, make, data):
    root = tmp_path_factory.mktemp("any")
    source = root / "data"
    for folder in ("Tp", "Gt", "Au"):
        (source / folder).mkdir(parents=True)
    make.save(source / "Tp/sound.png", make.photograph(99))
    make.save(source / "Gt/sound_gt.png", make.region())
    if data.draw(st.booleans()):
        make.save(source / "Au/Au_ani_0001.png", make.photograph(1))
        make.save(source / "Au/a.png", make.photograph(2))
    for name in data.draw(st.sets(st.sampled_from(NAMES))):
        pixels = make.photograph(data.draw(st.integers(1, 4)))
        mask = make.region()
        if data.draw(st.booleans()):
            pixels[mask > 0] = 255 - pixels[mask > 0]
        for extension in data.draw(st.sets(st.sampled_from(["png", "gif", "tif"]), min_size=1, max_size=2)):
            make.save(source / f"Tp/{name}.{extension}", pixels)
        change = MASKS[data.draw(st.sampled_from(sorted(MASKS)))]
        ending = data.draw(st.sampled_from(["", "_gt", "_mask"]))
        if change:
            change(Image.fromarray(mask)).save(source / f"Gt/{name}{ending}.png")
    before = contents(source)
    correct(source, root / "out", progress=False)
    report = audit(root / "out")
    assert report.clean, report.faults
    assert contents(source) == before


@pytest.mark.parametrize("name", ["😀" * 62, "字" * 83, "x" * 251])
def test_the_longest_names_are_copied(tmp_path, make, name):
    make.save(tmp_path / f"data/Tp/{name}.png", make.photograph(0))
    make.save(tmp_path / f"data/Gt/{name}.png", make.region())
    (pair,) = correct(tmp_path / "data", tmp_path / "out", progress=False).pairs
    assert pair.image.stem == pair.mask.stem == name


def test_killed_while_it_takes_the_place_of_an_earlier_copy(dataset, tmp_path, monkeypatch):
    correct(dataset, tmp_path / "out", progress=False)
    before = contents(tmp_path / "out")
    spoil(dataset)

    def killed(folder, **_):
        if str(folder).endswith(".old") and folder.exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(applying.shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        correct(dataset, tmp_path / "out", progress=False)
    monkeypatch.undo()
    assert contents(tmp_path / "out.old") == before
    correct(dataset, tmp_path / "out", progress=False)
    correct(dataset, tmp_path / "fresh", progress=False)
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")
