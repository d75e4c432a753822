"""Studies whose parts carry different identifiers."""

import pytest

from lvvol import load_study
from lvvol.errors import AmbiguousStudyError
from tests.support.altered import (
    N_SLICES,
    phantom_images,
    read_images,
    shift,
    short_axis,
    write_images,
)


def joined(stack):
    return [w for w in stack.warnings if w.startswith("The slices have different")]


def other_study(image):
    image.StudyInstanceUID = "1.2.3"


def other_spelling(image):
    image.PatientID = "PHANTOM^2"


def no_patient(image):
    image.PatientID = ""


def other_identifiers(image):
    """As from a second anonymisation."""
    image.PatientID = "another"
    image.StudyInstanceUID = "1.2.3"
    image.FrameOfReferenceUID = "1.2.4"


SPOIL = [other_study, other_spelling, no_patient, other_identifiers]


@pytest.mark.parametrize("n_slices", [1, 2, 3])
@pytest.mark.parametrize("spoil", SPOIL)
def test_end_slices_with_other_identifiers_are_measured(spoil, n_slices, tmp_path):
    images = phantom_images()
    for phases in short_axis(images)[-n_slices:]:
        for image in phases:
            spoil(image)
    stack = load_study(write_images(images, tmp_path))
    assert stack.n_slices == N_SLICES
    assert len(joined(stack)) == 1


def test_series_with_study_uids_of_their_own_are_one_stack(tmp_path):
    images = phantom_images()
    for index, phases in enumerate(short_axis(images)):
        for image in phases:
            image.StudyInstanceUID = f"1.2.{index}"
    stack = load_study(write_images(images, tmp_path))
    assert stack.n_slices == N_SLICES
    (warning,) = joined(stack)
    assert f"different Study Instance UIDs ({N_SLICES} parts" in warning


@pytest.mark.parametrize("by_mm", [(0, 0, 4), (30, 0, 0)])
def test_stray_slice_of_another_patient_is_not_measured(by_mm, tmp_path):
    """It lies between two slices, or beside their axis."""
    images = phantom_images()
    for image in short_axis(images)[3]:
        other_identifiers(image)
        shift(image, by_mm)
    stack = load_study(write_images(images, tmp_path))
    assert stack.n_slices == N_SLICES - 1
    assert not joined(stack)
    assert any(w.startswith("Left out 12 files, all of them parallel") for w in stack.warnings)


def test_follow_up_of_the_same_patient_is_not_mixed_in(study, new_study):
    later = new_study("study/later")
    for index in range(7):
        study.slice(index, 6)
        later.slice(index + 0.5, 6)
    with pytest.raises(AmbiguousStudyError):
        load_study(study.folder)


@pytest.mark.parametrize("spoil", SPOIL)
@pytest.mark.parametrize("name", ["dsb2_dicom/501", "sunnybrook/SCD_IMAGES_01/SCD0000201"])
def test_real_end_slices_with_other_identifiers_are_measured(real_data, name, spoil, tmp_path):
    untouched = load_study(real_data / name)
    last = {uid for uids in untouched.sop_instance_uids[-2:] for uid in uids}
    images = read_images(real_data / name)
    for image in images:
        if image.SOPInstanceUID in last:
            spoil(image)
    stack = load_study(write_images(images, tmp_path))
    assert stack.n_slices == untouched.n_slices
    assert len(joined(stack)) == 1
