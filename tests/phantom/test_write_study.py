"""A phantom study on disk."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from lvvol.dicom import load_study
from lvvol.dicom.write import CineSeries, StudyHeader, write_cine_series
from lvvol.errors import OutputError
from lvvol.phantom import make_phantom, write_study


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(5, n_phases=4)


@pytest.fixture(scope="module")
def written(phantom, tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom") / "made" / "study"
    write_study(phantom, folder)
    return folder


def by_uid(folder):
    files = [pydicom.dcmread(path) for path in sorted(folder.rglob("*.dcm"))]
    return {file.SOPInstanceUID: file for file in files}


def test_files_are_valid_mr_images(phantom, written, monkeypatch):
    # Values that break the rules of their type then raise when they are read.
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.RAISE)
    files = by_uid(written)
    n_slices, n_phases = phantom.images.shape[:2]
    assert len(files) == (n_slices + 1) * n_phases
    for file in files.values():
        assert file.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
        assert file.file_meta.MediaStorageSOPClassUID == pydicom.uid.MRImageStorage
        assert file.file_meta.MediaStorageSOPInstanceUID == file.SOPInstanceUID
        for uid in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
            assert file[uid].value.is_valid
        assert file.FrameOfReferenceUID.is_valid
        assert file.StudyInstanceUID == phantom.uid("study")
        assert file.SOPClassUID == pydicom.uid.MRImageStorage
        assert file.Modality == "MR"
        assert file.StudyDate == "20240101"
        assert file.SliceThickness == phantom.thickness_mm
        assert sum(1 for _ in file.iterall()) >= 55  # each read, none refused
    assert len({file.SeriesInstanceUID for file in files.values()}) == n_slices + 1


def test_pixels_times_and_positions_come_back(phantom, written):
    files = by_uid(written)
    stack = phantom.to_cine_stack()
    for z, uids in enumerate(stack.sop_instance_uids):
        for t, uid in enumerate(uids):
            file = files[uid]
            assert (file.pixel_array == phantom.images[z, t]).all()
            assert float(file.TriggerTime) == pytest.approx(stack.times_ms[z, t])
            assert file.InstanceNumber == t + 1
            position = np.array(file.ImagePositionPatient, float)
            row = np.array(file.ImageOrientationPatient[:3], float)
            column = np.array(file.ImageOrientationPatient[3:], float)
            between_rows, between_columns = map(float, file.PixelSpacing)
            # PS3.3 C.7.6.2.1.1: the centre of the pixel at row 10, column 20.
            centre = position + 20 * between_columns * row + 10 * between_rows * column
            assert centre == pytest.approx(
                (stack.affines[z] @ (10.0, 20.0, 0.0, 1.0))[:3], abs=1e-6
            )


def test_a_landmark_lands_where_the_header_says(phantom, written):
    truth = json.loads((written / "truth.json").read_text())
    heart = np.array(truth["heart_to_patient"])
    files = by_uid(written)
    tested = 0
    for z, area in enumerate(phantom.truth.areas_mm2[:, 0]):
        if area < 500:
            continue
        file = files[phantom.uid("sax", z, 0)]
        row = np.array(file.ImageOrientationPatient[:3], float)
        column = np.array(file.ImageOrientationPatient[3:], float)
        position = np.array(file.ImagePositionPatient, float)
        # Where the LV's axis crosses the plane.
        apex, axis, normal = heart[:3, 3], heart[:3, 2], np.cross(row, column)
        crossing = apex + axis * (normal @ (position - apex)) / (normal @ axis)
        r = (crossing - position) @ column / float(file.PixelSpacing[0])
        c = (crossing - position) @ row / float(file.PixelSpacing[1])
        coverage = phantom.lv_coverage[z, 0] / 255.0
        middle = np.array(
            [(coverage.sum(axis=1 - k) * np.arange(n)).sum() for k, n in enumerate(coverage.shape)]
        )
        middle /= coverage.sum()
        # The heart is bent by some millimetres off its axis, at most 6 + 2.
        assert np.hypot(*(middle - (r, c))) * float(file.PixelSpacing[0]) < 8.0
        assert coverage[round(r), round(c)] == 1.0
        tested += 1
    assert tested >= 5


def test_truth_is_written(phantom, written):
    truth = json.loads((written / "truth.json").read_text())
    volumes = truth["volumes_ml"]["exact"]
    assert truth["edv_ml"] == max(volumes) == volumes[truth["ed_phase"]]
    assert truth["esv_ml"] == min(volumes) == volumes[truth["es_phase"]]
    assert truth["ef_percent"] == pytest.approx(100 - 100 * truth["esv_ml"] / truth["edv_ml"])
    assert np.shape(truth["areas_mm2"]) == phantom.images.shape[:2]
    assert len(truth["volumes_ml"]["slices"]) == len(volumes) == phantom.images.shape[1]
    assert truth["positions_mm"] == phantom.positions_mm.tolist()


def test_reading_gives_the_same_stack(phantom, written):
    read, made = load_study(written), phantom.to_cine_stack()
    assert (read.images == made.images).all()
    assert read.affines == pytest.approx(made.affines, abs=1e-9)
    assert read.positions_mm == pytest.approx(made.positions_mm)
    assert read.times_ms == pytest.approx(made.times_ms)
    assert read.pixel_spacing_mm == pytest.approx(made.pixel_spacing_mm)
    assert read.study_uid == made.study_uid
    assert read.frame_of_reference_uid == made.frame_of_reference_uid
    assert read.series_uids == made.series_uids
    assert read.sop_instance_uids == made.sop_instance_uids
    assert any("2ch" in decision.what for decision in read.decisions)


def test_siemens_pixels_are_unsigned_and_ge_pixels_signed(phantom, tmp_path):
    for vendor, signed in (("SIEMENS", 0), ("GE MEDICAL SYSTEMS", 1)):
        small = replace(
            phantom,
            vendor=vendor,
            images=phantom.images[:1],
            affines=phantom.affines[:1],
            times_ms=phantom.times_ms[:1],
        )
        write_study(small, tmp_path / vendor)
        file = pydicom.dcmread(tmp_path / vendor / "sax_2" / "IM-0002-0001.dcm")
        assert file.Manufacturer == vendor
        assert file.PixelRepresentation == signed
        assert (file.pixel_array == phantom.images[0, 0]).all()


def test_an_empty_folder_is_taken(phantom, tmp_path):
    names = write_study(phantom, tmp_path)
    assert names[0] == tmp_path / "truth.json"
    assert all(name.is_file() for name in names)


def test_folders_with_content_and_files_are_refused(phantom, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    for out in (tmp_path, tmp_path / "mine.txt", tmp_path / "mine.txt" / "below"):
        with pytest.raises(OutputError, match=str(out)):
            write_study(phantom, out)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_a_failure_leaves_nothing_behind(phantom, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lvvol.dicom.write.write_cine_series", fail)
    with pytest.raises(OutputError, match="No space left"):
        write_study(phantom, tmp_path / "study")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"times_ms": np.zeros(3)}, "3 times and 2 UIDs"),
        ({"sop_instance_uids": ("2.25.1",)}, "2 times and 1 UIDs"),
        ({"images": np.full((2, 4, 4), 40000, np.uint16)}, "up to 40000"),
        ({"images": np.zeros((2, 4, 4), np.float32)}, "float32"),
    ],
)
def test_series_that_contradict_themselves_are_refused(changes, message, tmp_path):
    series = CineSeries(
        images=np.zeros((2, 4, 4), np.uint16),
        affine=np.eye(4),
        pixel_spacing_mm=(1.0, 1.0),
        thickness_mm=8.0,
        times_ms=np.array([0.0, 400.0]),
        number=1,
        description="sax",
        uid="2.25.3",
        sop_instance_uids=("2.25.1", "2.25.2"),
    )
    header = StudyHeader("phantom", "2.25.4", "2.25.5", "SIEMENS")
    with pytest.raises(ValueError, match=message):
        write_cine_series(tmp_path, replace(series, **changes), header)
    assert list(tmp_path.iterdir()) == []
