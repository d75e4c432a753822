"""One warning sums up what was left out and may belong to the stack."""

import copy
from itertools import chain

import pytest

from lvvol import load_study
from tests.support.altered import (
    N_PHASES,
    N_SLICES,
    phantom_images,
    read_images,
    short_axis,
    write_images,
)


def left_out(folder):
    return [w for w in load_study(folder).warnings if w.startswith("Left out")]


def no_orientation(image):
    image.ImageOrientationPatient = [0, 0, 0, 0, 0, 0]


def other_modality(image):
    image.Modality = "OT"


def other_study(image):
    """Identifiers of another study, and planes off the axis of the stack, which cannot join it."""
    image.ImagePositionPatient = [x + 60 for x in image.ImagePositionPatient]
    image.StudyInstanceUID = "1.2.3"
    image.PatientID = "another"
    image.FrameOfReferenceUID = "1.2.4"


SPOIL = [
    (no_orientation, "non-perpendicular axes"),
    (other_modality, "modality OT, not MR"),
    (other_study, "belongs to another patient or study"),
]


@pytest.mark.parametrize(("spoil", "reason"), SPOIL)
def test_spoiled_slices_are_reported(spoil, reason, tmp_path):
    images = phantom_images()
    lost = short_axis(images)[3]
    for image in lost:
        spoil(image)
    (warning,) = left_out(write_images(images, tmp_path))
    assert warning.startswith(f"Left out {N_PHASES} files")
    assert f"{N_PHASES} ({reason}" in warning


def test_spoiled_phase_of_every_slice_is_reported(tmp_path):
    """It is a small share of the files, but they are of the series of the stack."""
    images = phantom_images()
    for phases in short_axis(images):
        no_orientation(phases[0])
    (warning,) = left_out(write_images(images, tmp_path))
    assert warning.startswith(f"Left out {N_SLICES} files, beside the")


def as_phase(image):
    image.ImageType = ["ORIGINAL", "PRIMARY", "P"]


def as_foreign(image):
    image.PatientID = image.StudyInstanceUID = "2.25.77"


@pytest.mark.parametrize("spoil", [as_phase, as_foreign])
def test_phase_of_every_slice_that_its_header_denies_is_reported(spoil, tmp_path):
    """Each slice lacks the same phase, so that nothing else shows it."""
    images = phantom_images()
    for phases in short_axis(images):
        spoil(phases[0])
    (warning,) = left_out(write_images(images, tmp_path))
    assert warning.startswith(f"Left out {N_SLICES} files, all of them parallel cine")


def test_phase_maps_in_the_series_of_their_magnitude_are_not_reported(tmp_path):
    images = phantom_images()
    maps = copy.deepcopy([image for phases in short_axis(images) for image in phases])
    for image in maps:
        as_phase(image)
        image.SOPInstanceUID = f"{image.SOPInstanceUID}.1"
        image.PixelData = image.PixelData[::-1]
    assert not left_out(write_images([*images, *maps], tmp_path))


def test_few_stray_files_are_not_reported(tmp_path):
    """Four of 96: a report on paper, a localiser without positions."""
    images = phantom_images()
    stray = [image for image in images if "sax" not in image.SeriesDescription.lower()][:4]
    for image in stray:
        other_modality(image)
    assert not left_out(write_images(images, tmp_path))


def test_repeated_slice_is_not_reported(study):
    for index in range(7):
        study.slice(index, 6, SeriesNumber=1, acquired=f"1200{index:02d}")
    study.slice(3, 6, SeriesNumber=1, acquired="121000")
    assert not left_out(study.folder)


@pytest.mark.parametrize("spoil", [no_orientation, other_modality])
@pytest.mark.parametrize("name", ["dsb2_dicom/501", "sunnybrook/SCD_IMAGES_01/SCD0000301"])
def test_spoiled_phase_of_real_studies_is_reported(real_data, name, spoil, tmp_path):
    untouched = load_study(real_data / name)
    assert not [w for w in untouched.warnings if w.startswith("Left out")]
    first = set(chain.from_iterable(uids[:1] for uids in untouched.sop_instance_uids))
    images = read_images(real_data / name)
    for image in images:
        if image.SOPInstanceUID in first:
            spoil(image)
    (warning,) = left_out(write_images(images, tmp_path))
    assert warning.startswith(f"Left out {untouched.n_slices} files")
