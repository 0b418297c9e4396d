import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from workbook.core.errors import DataError
from workbook.curation import Fault
from workbook.show import show_faults
from workbook.show.fault_pictures import stored


def write(path, pixels):
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def image(tmp_path):
    return write(tmp_path / "a.png", np.full((24, 36, 3), 90))


def boxed(height, width, value=255):
    mask = np.zeros((height, width))
    mask[2:8, 3:9] = value
    return mask


def words(ax):
    return " ".join([ax.get_title().replace("\n", " "), *(text.get_text() for text in ax.texts)])


def test_each_picture_has_its_own_size(image, tmp_path):
    mask = write(tmp_path / "m.png", boxed(36, 24))
    figure = show_faults([Fault("size_mismatch", image, mask, {"cause": "rotated", "degrees": 90}, "rotate")])
    shapes = [ax.images[0].get_array().shape[:2] for ax in figure.axes]
    assert shapes == [(24, 36), (36, 24), (24, 36)]
    assert "size_mismatch: rotated repair: rotate" in words(figure.axes[2])
    assert figure.axes[2].images[1].get_extent() == [-0.5, 23.5, 35.5, -0.5]  # the mask, pixel on pixel
    assert figure.axes[2].get_xlim() == (-0.5, 35.5)


def test_files_that_cannot_be_read_are_shown_as_their_reason(image, tmp_path):
    broken, empty = tmp_path / "b.png", tmp_path / "e.png"
    broken.write_bytes(image.read_bytes()[:60])
    empty.write_bytes(b"")
    faults = [
        Fault("unreadable", broken, None, {"file": "image", "cause": "truncated"}, "drop"),
        Fault("unreadable", image, empty, {"file": "mask", "cause": "empty file"}, "drop"),
    ]
    axes = show_faults(faults).axes
    assert "cannot be read" in words(axes[0])
    assert "no mask" in words(axes[1])
    assert "unreadable: truncated" in words(axes[2])
    assert axes[3].images
    assert "empty file" in words(axes[4])


def test_a_mask_is_shown_as_it_is_stored(image, tmp_path):
    coded = write(tmp_path / "m.png", boxed(24, 36, 1))
    axes = show_faults([Fault("coded_01", image, coded, {"marked_pixels": 36}, "binarise")]).axes
    assert axes[1].images[0].get_array().max() == 1  # as good as black
    alpha = axes[2].images[1].get_array()[..., 3]
    assert (alpha > 0).sum() == 36  # what it means
    assert "coded_01: marked pixels 36" in words(axes[2])


def test_alpha_is_left_out_of_what_is_stored(tmp_path):
    rgba = np.zeros((4, 5, 4))
    rgba[1, 1, 3] = 255
    assert stored(write(tmp_path / "m.png", rgba)).max() == 0


def test_sixteen_bits_are_shown_on_their_scale(tmp_path):
    Image.fromarray(np.array([[0, 65535, 256]], dtype=np.uint16)).save(tmp_path / "m.png")
    assert stored(tmp_path / "m.png")[0, :, 0].tolist() == [0, 255, 1]


def test_grey_pixels_are_picked_out(image, tmp_path):
    mask = boxed(24, 36)
    mask[2, 3:9] = 100
    fault = Fault("not_binary", image, write(tmp_path / "m.png", mask), {"cause": "soft"}, "binarise")
    assert show_faults([fault]).axes[2].images[0].get_array().sum() == 6


def test_a_duplicate_is_shown_with_its_twin(image, tmp_path):
    twin = write(tmp_path / "twin.png", np.full((24, 36, 3), 90))
    ax = show_faults([Fault("duplicate_image", image, None, {"same_as": str(twin)}, "drop")]).axes[2]
    assert "twin.png" in words(ax)
    assert ax.images


def test_with_its_host_a_misaligned_mask_is_shown_on_the_difference(image, tmp_path):
    host = np.full((24, 36, 3), 90)
    host[10:20, 10:20] = 250
    hosts = {image: write(tmp_path / "host.png", host)}
    fault = Fault("misaligned", image, write(tmp_path / "m.png", boxed(24, 36)), {"fits": "flipped"}, "flip")
    ax = show_faults([fault], hosts).axes[2]
    assert ax.images[0].get_array().sum() == 100
    assert ax.collections  # the mask's outline
    assert "misaligned: fits flipped" in words(ax)
    hosts[image] = write(tmp_path / "host.png", host[:5])
    assert "cannot be compared" in words(show_faults([fault], hosts).axes[2])


def test_a_mask_without_image(tmp_path):
    mask = write(tmp_path / "m.png", boxed(24, 36))
    axes = show_faults([Fault("mask_without_image", None, mask, {}, "drop")]).axes
    assert "no image" in words(axes[0])
    assert axes[1].images


def test_a_rotated_photograph_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (36, 24)).save(tmp_path / "r.jpg", exif=exif)
    axes = show_faults([Fault("exif_rotation", tmp_path / "r.jpg", None, {}, "rotate")]).axes
    assert axes[0].images[0].get_array().shape[:2] == (24, 36)
    assert axes[2].images[0].get_array().shape[:2] == (36, 24)


def test_many_faults_are_cut_and_none_is_told(image, tmp_path):
    fault = Fault("image_without_mask", image, None, {}, "drop")
    figure = show_faults([fault] * 5, limit=2, save=tmp_path / "f.png")
    assert len(figure.axes) == 6
    assert figure.get_suptitle() == "Faults: the first 2 of 5"
    assert (tmp_path / "f.png").exists()
    own, places = plt.subplots(1, 2)
    assert show_faults([fault] * 2, ax=places[1]) is own
    assert len(own.axes) == 2 + 6
    assert min(ax.get_position().x0 for ax in own.axes[2:]) >= places[1].get_position().x0 - 1e-9
    with pytest.raises(DataError, match="no fault"):
        show_faults([])
