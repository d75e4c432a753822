"""The field of view: slices beside the others, and sizes that no heart fits."""

from itertools import chain

import numpy as np
import pytest

from lvvol import load_study
from lvvol.errors import ImageSizeError, NotCineError
from tests.support.altered import phantom_images, read_images, shift, short_axis, write_images


def mirror_row(image):
    """Mirror the direction of rows, not the position: the image extends to the other side."""
    right, down = np.array(image.ImageOrientationPatient, dtype=float).reshape(2, 3)
    image.ImageOrientationPatient = [*-right, *down]


def mirror_both(image):
    image.ImageOrientationPatient = [-float(x) for x in image.ImageOrientationPatient]


def mirror_in_place(image):
    """Mirror the direction of rows about the centre of the image."""
    width_mm = (image.Columns - 1) * float(image.PixelSpacing[1])
    shift(image, (width_mm, 0, 0))
    mirror_row(image)


BESIDE = [
    mirror_row,
    mirror_both,
    lambda image: shift(image, (30, 0, 0)),
    lambda image: shift(image, (0, -60, 0)),
    lambda image: shift(image, (300, 0, 0)),
]


def about(stack, words):
    return [w for w in stack.warnings if words in w]


@pytest.mark.parametrize("move", BESIDE)
def test_slices_beside_the_others_are_reported(move, tmp_path):
    images = phantom_images()
    for image in chain.from_iterable(short_axis(images)[-3:]):
        move(image)
    (warning,) = about(load_study(write_images(images, tmp_path)), "beside the others")
    assert warning.startswith(("Slices 1, 2 and 3 are", "Slices 6, 7 and 8 are"))


def test_mirrored_slice_in_its_place_is_reported(tmp_path):
    images = phantom_images()
    for image in short_axis(images)[4]:
        mirror_in_place(image)
    stack = load_study(write_images(images, tmp_path))
    assert not about(stack, "beside the others")
    (warning,) = about(stack, "turned or mirrored")
    assert warning.startswith(("Slice 4 is", "Slice 5 is"))


def test_small_shift_is_not_reported(tmp_path):
    images = phantom_images()
    for image in short_axis(images)[4]:
        shift(image, (12, -8, 0))
    assert not load_study(write_images(images, tmp_path)).warnings


@pytest.mark.parametrize("factor", [0.7, 1.25])
def test_slice_of_another_spacing_at_the_same_corner_is_reported(tmp_path, factor):
    """The centre of its field of view moves with the spacing."""
    images = phantom_images()
    rescale(short_axis(images)[4], factor, factor)
    (warning,) = about(load_study(write_images(images, tmp_path)), "about another centre")
    assert warning.startswith(("Slice 4 is", "Slice 5 is"))


@pytest.mark.parametrize("factor", [0.7, 1.25])
def test_slice_of_another_spacing_about_the_same_centre_is_not_reported(tmp_path, factor):
    images = phantom_images()
    for image in short_axis(images)[4]:
        row_mm, column_mm = (float(x) for x in image.PixelSpacing)
        grown = (1 - factor) / 2
        shift(
            image, (grown * (image.Columns - 1) * column_mm, grown * (image.Rows - 1) * row_mm, 0)
        )
        rescale([image], factor, factor)
    assert not about(load_study(write_images(images, tmp_path)), "about another centre")


def test_smaller_field_of_view_is_not_reported(study):
    """A slice with half the rows and columns around the same centre overlaps in full."""
    for index in range(7):
        study.slice(index, 2)
    small = {"rows": 14, "columns": 12}
    offset = 5 * 1.5 * np.array([1.0, 2.0, -2.0]) / 3 + 4 * 1.25 * np.array([2.0, 1.0, 2.0]) / 3
    study.slice(7, 2, offset_mm=tuple(offset), **small)
    assert not about(load_study(study.folder), "beside the others")


@pytest.mark.parametrize("name", ["dsb2_dicom/501", "sunnybrook/SCD_IMAGES_01/SCD0000101"])
def test_real_slices_beside_the_others_are_reported(real_data, name, tmp_path):
    images = read_images(real_data / name)
    untouched = load_study(real_data / name)
    assert not about(untouched, "beside the others") + about(untouched, "turned or mirrored")
    basal = set(chain.from_iterable(untouched.sop_instance_uids[-3:]))
    for image in images:
        if image.SOPInstanceUID in basal:
            mirror_row(image)
    assert about(load_study(write_images(images, tmp_path)), "beside the others")


def rescale(images, factor_rows, factor_columns):
    for image in images:
        row_mm, column_mm = image.PixelSpacing
        image.PixelSpacing = [row_mm * factor_rows, column_mm * factor_columns]


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ((0.5, 0.5), "the longer side is usually 200 to 500 mm"),
        ((1.8, 1.8), "the longer side is usually 200 to 500 mm"),
        ((1.2, 1.0), "are not square"),
    ],
)
def test_unlikely_sizes_are_reported(factors, words, tmp_path):
    images = phantom_images()
    rescale(images, *factors)
    assert about(load_study(write_images(images, tmp_path)), words)


def test_absurd_fields_are_refused(tmp_path):
    images = phantom_images()
    rescale(images, 5, 5)
    with pytest.raises(NotCineError, match="field of view above 700 mm: its Pixel Spacing is"):
        load_study(write_images(images, tmp_path))


def test_contradicting_diameter_is_reported(tmp_path):
    images = phantom_images()
    slices = short_axis(images)
    longest_mm = max(slices[0][0].Rows, slices[0][0].Columns) * float(slices[0][0].PixelSpacing[0])
    for image in images:
        image.ReconstructionDiameter = round(longest_mm, 1)
    assert not load_study(write_images(images, tmp_path / "right")).warnings
    for image in slices[2]:
        image.ReconstructionDiameter = 421.0
    (warning,) = load_study(write_images(images, tmp_path / "wrong")).warnings
    assert warning.startswith("Reconstruction Diameter is 421 mm, but with Pixel Spacing")


def test_stack_too_large_for_memory_is_refused_before_it_is_allocated(tmp_path, monkeypatch):
    monkeypatch.setattr("lvvol.dicom.stack.field.MAX_STACK_BYTES", 1 << 20)
    with pytest.raises(ImageSizeError, match="found 8 slices of 12 phases"):
        load_study(write_images(phantom_images(), tmp_path))


@pytest.mark.parametrize("factor", [0.5, 1.25])
def test_real_spacing_against_the_diameter_is_reported(real_data, factor, tmp_path):
    images = read_images(real_data / "sunnybrook/SCD_IMAGES_01/SCD0000301")
    rescale(images, factor, factor)
    assert about(load_study(write_images(images, tmp_path)), "Reconstruction Diameter is 330 mm")
