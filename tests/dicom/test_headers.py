"""What is read of the patient, and what is not unless asked."""

import pytest

from lvvol import load_study
from lvvol.dicom.headers import read_headers, read_patient
from lvvol.errors import StudyNotFoundError
from lvvol.provenance import Patient
from tests.support.discs import disc_stack

NAMES = {"PatientName": "Doe^Jane", "PatientBirthDate": "19500102", "StudyDate": "20240305"}


def patient_of(study, identify=False, **tags):
    for z in range(4):
        study.slice(z, **{**NAMES, **tags})
    return read_patient(study.folder, load_study(study.folder), identify=identify)


def test_height_and_weight_are_read_and_nobody_named(study):
    assert patient_of(study, PatientSize=1.8, PatientWeight=80) == Patient(180, 80)


@pytest.mark.parametrize(("size", "weight"), [(180, 80_000), (0, 0), (None, None)])
def test_implausible_sizes_are_unknown(study, size, weight):
    assert patient_of(study, PatientSize=size, PatientWeight=weight) == Patient()


def test_names_are_read_if_asked(study):
    named = patient_of(study, identify=True)
    assert named == Patient(None, None, "Doe Jane", "P", "19500102", "20240305")


def test_a_stack_of_no_files_has_no_patient(tmp_path):
    assert read_patient(tmp_path, disc_stack()) == Patient()


def test_a_file_that_went_is_named(study):
    study.slice(0)
    with pytest.raises(StudyNotFoundError, match=r"gone\.dcm: expected the file read before"):
        read_headers(study.folder, ["gone.dcm"])


def test_the_stack_names_files_frames_and_cycles(study):
    for z in range(4):
        study.slice(z, NominalInterval=None if z == 1 else 800, HeartRate=60)
    stack = load_study(study.folder)
    assert stack.files[0][:2] == ("0000.dcm", "0001.dcm")
    assert {frame for row in stack.frames for frame in row} == {0}
    assert stack.cycles_ms == (800, 1000, 800, 800)
