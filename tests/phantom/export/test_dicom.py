"""MR files read back with pydicom: values computed by hand or taken from real files."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pydicom
import pytest

from lvvol.phantom.export.dicom import ct_file, directory_file, mr_file
from lvvol.phantom.export.vendors import CineImage, SeriesHeader, StudyHeader

STARTED = datetime(2024, 1, 1, 9, 0, 0)
SIEMENS = StudyHeader("7", "Phantom^7", "2.25.1", "2.25.2", "SIEMENS", 1.5, STARTED)
GE = replace(SIEMENS, manufacturer="GE MEDICAL SYSTEMS")
SERIES = SeriesHeader(5, "2.25.3", "sax", STARTED + timedelta(seconds=300), 90, ("2.25.8",))
# Rows run along (0, 0.6, -0.8), columns along the perpendicular (-0.8, 0.48, 0.36); pixels are
# 2 x 1.5 mm. The cross product, the normal, is (0.6, 0.64, 0.48).
AFFINE = np.array(
    [[-1.6, 0.0, 0.6, 10.0], [0.96, 0.9, 0.64, -20.0], [0.72, -1.2, 0.48, 30.0], [0, 0, 0, 1]]
)
IMAGE = CineImage(
    pixels=np.arange(12, dtype=np.uint16).reshape(4, 3) * 100,
    affine=AFFINE,
    thickness_mm=8.0,
    spacing_mm=10.0,
    acquired=STARTED + timedelta(seconds=325.25),
    n_phases=30,
    time_ms=374.667,
    interval_ms=1124.0,
    instance=11,
    uid="2.25.4",
)


def reread(image=IMAGE, series=SERIES, study=SIEMENS):
    return pydicom.dcmread(io.BytesIO(mr_file(image, series, study)))


@pytest.mark.parametrize("study", [SIEMENS, GE], ids=["siemens", "ge"])
def test_position_and_pixels_are_stored(study):
    file = reread(study=study)
    assert file.ImagePositionPatient == pytest.approx([10, -20, 30])
    assert file.ImageOrientationPatient == pytest.approx([0, 0.6, -0.8, -0.8, 0.48, 0.36])
    assert file.PixelSpacing == pytest.approx([2.0, 1.5])
    assert file.SliceThickness == 8
    assert (file.pixel_array == IMAGE.pixels).all()
    assert (file.Rows, file.Columns) == (4, 3)
    assert file.PixelRepresentation == (study is GE)
    assert (file.SmallestImagePixelValue, file.LargestImagePixelValue) == (0, 1100)
    assert file.TriggerTime == pytest.approx(374.667)
    assert file.InstanceNumber == 11
    assert file.SOPInstanceUID == file.file_meta.MediaStorageSOPInstanceUID == "2.25.4"


def test_siemens_headers_describe_the_sequence_as_an_aera_does():
    file = reread()
    # A real file has 38.92 ms and *tfi2d1_14 for a phase of 37.4 ms.
    assert (file.RepetitionTime, file.SequenceName) == (38.92, "*tfi2d1_14")
    assert file.ImageType == ["ORIGINAL", "PRIMARY", "M", "RETRO", "NORM", "DIS2D"]
    assert (file.ScanningSequence, file.SequenceVariant) == ("GR", ["SK", "SS"])
    assert file.ScanOptions == "CT"
    assert (file.NominalInterval, file.CardiacNumberOfImages) == (1124, 30)
    # Position along the normal: 0.6 * 10 - 0.64 * 20 + 0.48 * 30.
    assert file.SliceLocation == pytest.approx(7.6)
    assert "SpacingBetweenSlices" not in file
    # One time for the whole scan; images are created some seconds later.
    assert file.AcquisitionTime == "090525.250000"
    assert file.SeriesTime == "090509"
    assert file.ContentTime == file.InstanceCreationTime > file.AcquisitionTime
    assert [item.ReferencedSOPInstanceUID for item in file.ReferencedImageSequence] == ["2.25.8"]
    assert file.ManufacturerModelName == "Aera"
    assert file.MagneticFieldStrength == 1.5
    assert reread(study=replace(SIEMENS, field_t=3.0)).ManufacturerModelName == "Skyra"


def test_ge_headers_describe_the_sequence_as_a_signa_does():
    image = replace(IMAGE, n_phases=20, interval_ms=750.0, time_ms=56.25)
    file = reread(image, study=GE)
    assert file.ImageType == ["ORIGINAL", "PRIMARY", "CARDIAC", "NONE"]
    assert (file.ScanningSequence, file.SequenceVariant) == ("GR", "SS")
    assert file.ScanOptions == ["FAST_GEMS", "SEQ_GEMS", "CG"]
    # A real file has 80 beats per minute, 20 phases, 37.5 ms in microseconds.
    assert (file.HeartRate, file.NominalInterval) == (80, 750)
    assert file.TemporalResolution == 37500
    assert file.RepetitionTime == 3.349
    assert file.NominalCardiacTriggerDelayTime == file.TriggerTime == 56.25
    assert file.SpacingBetweenSlices == 10
    assert file.ImagesInAcquisition == 90
    # Centre of the image, at row 1.5 and column 1, along the axis nearest to the normal, y, which
    # GE counts to the front: -(-20 + 1.5 * 0.96 + 0.9).
    assert file.SliceLocation == pytest.approx(17.66)
    assert "SequenceName" not in file
    assert file.AcquisitionTime == "090525.250000"
    assert file.SeriesTime == "090500"


@pytest.mark.parametrize("study", [SIEMENS, GE], ids=["siemens", "ge"])
def test_an_ungated_image_has_no_trigger_time(study):
    file = reread(replace(IMAGE, n_phases=1), study=study)
    for keyword in ("TriggerTime", "NominalInterval", "CardiacNumberOfImages", "HeartRate"):
        assert keyword not in file
    assert "CG" not in file.ScanOptions
    assert "RETRO" not in file.ImageType


def test_anonymising_replaces_and_deletes_at_any_depth():
    study = replace(
        SIEMENS,
        anonymised={
            "StudyInstanceUID": None,
            "ReferencedSOPInstanceUID": None,
            "PatientID": "nobody",
            "StudyDate": "20120000",
        },
    )
    content = mr_file(IMAGE, SERIES, study)
    assert b"20120000" in content  # not a date, so pydicom would warn
    file = pydicom.dcmread(io.BytesIO(content), specific_tags=["StudyInstanceUID", "PatientID"])
    assert "StudyInstanceUID" not in file
    assert file.PatientID == "nobody"
    (item,) = reread(study=study).ReferencedImageSequence
    assert "ReferencedSOPInstanceUID" not in item
    assert item.ReferencedSOPClassUID == pydicom.uid.MRImageStorage
    ct = pydicom.dcmread(io.BytesIO(ct_file(study, "2.25.5", "2.25.6")))
    assert "StudyInstanceUID" not in ct


def test_other_files_are_dicom_but_not_mr():
    ct = pydicom.dcmread(io.BytesIO(ct_file(SIEMENS, "2.25.5", "2.25.6")))
    assert (ct.Modality, ct.StudyInstanceUID) == ("CT", "2.25.1")
    assert ct.SOPClassUID == pydicom.uid.CTImageStorage
    directory = pydicom.dcmread(io.BytesIO(directory_file("2.25.7")))
    assert len(directory.DirectoryRecordSequence) == 0
    assert "SOPClassUID" not in directory


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.full((4, 4), 40000, np.uint16), "up to 40000"),
        (np.zeros((4, 4), np.float32), "float32"),
    ],
)
def test_pixels_that_do_not_fit_are_refused(pixels, message):
    with pytest.raises(ValueError, match=message):
        mr_file(replace(IMAGE, pixels=pixels), SERIES, SIEMENS)


def tags(files):
    return [{element.keyword for element in file} for file in files]


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("pattern", "study", "lacking"),
    [
        # Anonymising removed these from the real files, but not from ours.
        ("dsb2_dicom/*/study/*/*.dcm", SIEMENS, set()),
        (
            "sunnybrook/SCD_IMAGES_01/*/*/*.dcm",
            GE,
            {
                "",  # group lengths, which pydicom does not write
                "PerFrameFunctionalGroupsSequence",
                "ReferencedPatientSequence",
                "ReferencedPerformedProcedureStepSequence",
                "ReferencedStudySequence",
                "StudyPriorityID",
                "StudyStatusID",
            },
        ),
    ],
    ids=["siemens", "ge"],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, on invalid values
def test_real_headers_hold_the_same_elements(real_data, pattern, study, lacking):
    paths = sorted(real_data.glob(pattern))[::60]
    real = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
    ours = tags([reread(study=study)])[0] - {"PixelData"}
    assert set.intersection(*tags(real)) - ours == lacking
    anonymised = {
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "FrameOfReferenceUID",
        "StudyDate",
        "SeriesDate",
        "AcquisitionDate",
        "ContentDate",
        "ContentTime",
        "AccessionNumber",
        "ReferringPhysicianName",
        "StudyID",
    }
    assert ours - set.union(*tags(real)) <= anonymised
    for keyword in ("ScanningSequence", "MRAcquisitionType", "Manufacturer", "Modality", "HighBit"):
        assert {str(file[keyword].value) for file in real} == {
            str(reread(study=study)[keyword].value)
        }
