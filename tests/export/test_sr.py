"""DICOM SR, read by highdicom and checked by dciodvfy."""

import io
import shutil
import subprocess
from dataclasses import replace

import highdicom
import pydicom
import pytest

from lvvol import load_study
from lvvol.export.seg import make_segs
from lvvol.export.sr import make_sr
from lvvol.provenance import Patient, Provenance
from lvvol.uncertainty import intervals
from tests.support.labelled_rows import calibration
from tests.support.measured import measured
from tests.support.studies import enhanced

PATIENT = {
    "PatientName": "Doe^Jane",
    "PatientBirthDate": "19500102",
    "PatientSex": "F",
    "StudyDate": "20240305",
    "StudyTime": "101500",
    "StudyID": "7",
}


@pytest.fixture
def source(study):
    for z in range(4):
        study.slice(z, NominalInterval=800, **PATIENT)
    return study.folder


def values_of(container):
    """Every number below a container: code to value and unit."""
    found = {}
    for item in container.ContentSequence:
        if item.ValueType == "NUM":
            (value,) = item.MeasuredValueSequence
            unit = value.MeasurementUnitsCodeSequence[0].CodeValue
            code = item.ConceptNameCodeSequence[0].CodeValue
            found[code] = (float(value.NumericValue), unit)
        if "ContentSequence" in item:
            found |= values_of(item)
    return found


def test_volumes_have_their_codes_and_units(source):
    prediction = measured(load_study(source))
    provenance = Provenance(study=source, patient=Patient(height_cm=180, weight_kg=80))
    found = values_of(pydicom.dcmread(io.BytesIO(make_sr(prediction, provenance))))
    assert found["8821-1"] == (pytest.approx(prediction.edv_ml), "mL")
    assert found["8823-7"] == (pytest.approx(prediction.esv_ml), "mL")
    assert found["90096001"] == (pytest.approx(prediction.sv_ml), "mL")
    assert found["8811-2"] == (pytest.approx(prediction.ef_percent), "%")
    assert found["8867-4"] == (pytest.approx(75), "/min")
    assert found["82799009"] == (pytest.approx(prediction.sv_ml * 75 / 1000), "L/min")
    assert found["54993008"] == (pytest.approx(prediction.sv_ml * 75 / 2000), "L/min/m2")
    assert found["8277-6"] == (pytest.approx(2), "m2")
    assert "118565006" not in found  # there is no segmentation


def with_intervals(prediction):
    return replace(prediction, intervals=intervals(prediction, calibration(), 0.9))


def test_intervals_reach_below_and_above_their_values(source):
    prediction = with_intervals(measured(load_study(source)))
    content = make_sr(prediction, Provenance(study=source))
    report = highdicom.sr.srread(io.BytesIO(content))
    (group,) = report.content.get_image_measurement_groups()
    reached = {}
    for measurement in group.get_measurements():
        reached[measurement.name.value] = [
            float(child.MeasuredValueSequence[0].NumericValue)
            for code in ("371885007", "371886008")
            for child in measurement[0].get("ContentSequence", ())
            if child.ConceptNameCodeSequence[0].CodeValue == code
        ]
    low, high = prediction.edv_interval_ml
    assert reached["8821-1"] == pytest.approx([prediction.edv_ml - low, high - prediction.edv_ml])
    assert len(reached["8811-2"]) == 2
    assert reached["8867-4"] == []
    assert b"90 % intervals, calibration somewhere" in content


def test_it_refers_to_the_segmentations_of_its_run_and_to_the_images(source):
    prediction = measured(load_study(source))
    provenance = Provenance(study=source, names=("seg", "sr"))
    segs = [pydicom.dcmread(io.BytesIO(c)) for c in make_segs(prediction, provenance).values()]
    sr = pydicom.dcmread(io.BytesIO(make_sr(prediction, provenance)))
    (study_item,) = sr.CurrentRequestedProcedureEvidenceSequence
    named = {
        item.ReferencedSOPInstanceUID
        for series in study_item.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    images = {uid for row in prediction.stack.sop_instance_uids for uid in row}
    assert named == images | {seg.SOPInstanceUID for seg in segs[1:]}  # at ED and ES
    report = highdicom.sr.srread(io.BytesIO(make_sr(prediction, provenance)))
    for seg, ml in zip(segs[1:], (prediction.edv_ml, prediction.esv_ml), strict=True):
        (group,) = report.content.get_volumetric_roi_measurement_groups(
            referenced_sop_instance_uid=seg.SOPInstanceUID
        )
        (volume,) = group.get_measurements()
        assert volume.value == pytest.approx(ml, rel=0.1)  # P and O of discs nearly agree


def test_papillary_muscles_and_research_use_are_said(source):
    sr = make_sr(measured(load_study(source)), Provenance(study=source))
    assert b"Papillary Muscle Included" in sr
    assert b"Research use only" in sr


def test_sources_without_uids_and_with_impossible_dates_are_reported(study):
    study.uids.clear()
    for z in range(4):
        study.slice(
            z, SeriesInstanceUID=None, SeriesNumber=z, PatientBirthDate="00000000",
            StudyDate="20120000",
        )  # fmt: skip
    provenance = Provenance(study=study.folder)
    sr = pydicom.dcmread(io.BytesIO(make_sr(measured(load_study(study.folder)), provenance)))
    assert sr.StudyDate == ""
    assert len(sr.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence) == 4


def test_undefined_values_are_left_out(source):
    prediction = measured(load_study(source))
    empty = replace(prediction, areas_mm2=0 * prediction.areas_mm2)
    sr = pydicom.dcmread(io.BytesIO(make_sr(empty, Provenance(study=source))))
    assert "8811-2" not in values_of(sr)
    assert values_of(sr)["8821-1"] == (0, "mL")


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("kind", ["classic", "enhanced"])
@pytest.mark.parametrize("names", [("sr",), ("seg", "sr")])
def test_dciodvfy_finds_no_fault(study, tmp_path, kind, names):
    path = study.folder
    if kind == "classic":
        for z in range(4):
            study.slice(z, NominalInterval=800, **PATIENT)
    else:
        ds = enhanced(study)
        for keyword, value in PATIENT.items():
            setattr(ds, keyword, value)
        path = study.save(ds)
    prediction = with_intervals(measured(load_study(path)))
    content = make_sr(prediction, Provenance(study=path, names=names))
    (tmp_path / "sr.dcm").write_bytes(content)
    done = subprocess.run(
        ["dciodvfy", "-new", tmp_path / "sr.dcm"], capture_output=True, text=True, check=False
    )
    said = (done.stdout + done.stderr).splitlines()
    assert [line for line in said if line.startswith(("Error", "Warning"))] == []
