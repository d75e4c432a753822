"""A phantom study on disk, in a scanner's export layout."""

from __future__ import annotations

import json
import re

import numpy as np
import pydicom
import pytest

from lvvol.dicom import load_study
from lvvol.errors import OutputError
from lvvol.phantom import make_phantom, plant, write_studies, write_study
from lvvol.phantom.scanner.plan import GE


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(5, n_phases=4, rows=128)


@pytest.fixture(scope="module")
def written(phantom, tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom") / "made" / "study"
    assert write_study(phantom, folder) == folder
    return folder


def by_uid(folder):
    files = [pydicom.dcmread(path) for path in folder.iterdir() if path.suffix != ".json"]
    return {file.SOPInstanceUID: file for file in files}


def test_files_are_valid_mr_images(phantom, written, monkeypatch):
    # Values that violate their VR then raise when read.
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.RAISE)
    files = by_uid(written)
    cines = [scan for scan in phantom.scans if scan.view != "localizer"]
    assert len(files) == len(cines) * 4 + 3
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
        assert sum(1 for _ in file.iterall()) >= 55  # each value can be read
    assert len({file.SeriesInstanceUID for file in files.values()}) == len(
        {scan.series for scan in phantom.scans}
    )


def test_pixels_times_and_positions_round_trip(phantom, written):
    files = by_uid(written)
    stack = phantom.to_cine_stack()
    for z, uids in enumerate(stack.sop_instance_uids):
        for t, uid in enumerate(uids):
            file = files[uid]
            assert (file.pixel_array == phantom.images[z, t]).all()
            assert float(file.TriggerTime) == pytest.approx(stack.times_ms[z, t])
            assert file.SliceThickness == min(8.0, np.diff(stack.positions_mm)[0].round(4))
            position = np.array(file.ImagePositionPatient, float)
            row = np.array(file.ImageOrientationPatient[:3], float)
            column = np.array(file.ImageOrientationPatient[3:], float)
            between_rows, between_columns = map(float, file.PixelSpacing)
            # PS3.3 C.7.6.2.1.1: the centre of the pixel at row 10, column 20.
            centre = position + 20 * between_columns * row + 10 * between_rows * column
            assert centre == pytest.approx(
                (stack.affines[z] @ (10.0, 20.0, 0.0, 1.0))[:3], abs=1e-6
            )


def test_a_landmark_is_where_the_header_says(phantom, written):
    truth = json.loads((written / "truth.json").read_text())
    heart = np.array(truth["heart_to_patient"])
    files = by_uid(written)
    tested = 0
    for z, area in enumerate(phantom.truth.areas_mm2[:, 0]):
        if area < 500:
            continue
        file = files[phantom.uid(phantom.reading.slices[z].name, 0)]
        row = np.array(file.ImageOrientationPatient[:3], float)
        column = np.array(file.ImageOrientationPatient[3:], float)
        position = np.array(file.ImagePositionPatient, float)
        # Intersection of the LV's axis and the plane.
        apex, axis, normal = heart[:3, 3], heart[:3, 2], np.cross(row, column)
        crossing = apex + axis * (normal @ (position - apex)) / (normal @ axis)
        r = (crossing - position) @ column / float(file.PixelSpacing[0])
        c = (crossing - position) @ row / float(file.PixelSpacing[1])
        coverage = phantom.lv_coverage[z, 0] / 255.0
        middle = np.array(
            [(coverage.sum(axis=1 - k) * np.arange(n)).sum() for k, n in enumerate(coverage.shape)]
        )
        middle /= coverage.sum()
        # The heart is bent away from its axis by at most 6 + 2 mm.
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
    stack = load_study(written)
    reading = truth["reading"]
    assert truth["positions_mm"] == pytest.approx(stack.positions_mm.tolist())
    assert (reading["n_slices"], reading["n_phases"]) == stack.images.shape[:2]
    assert (reading["rows"], reading["columns"]) == stack.images.shape[2:]
    assert truth["faults"] == []
    used = [name for part in reading["slices"] for name in part["files"]]
    unused = [name for part in reading["not_used"] for name in part["files"]]
    assert sorted([*used, *unused, "truth.json"]) == sorted(p.name for p in written.iterdir())
    for z, part in enumerate(reading["slices"]):
        for t, name in enumerate(part["files"]):
            file = pydicom.dcmread(written / name, stop_before_pixels=True)
            assert file.SOPInstanceUID == stack.sop_instance_uids[z][t]
            assert file.SeriesNumber == part["series"]


def test_truth_lists_the_files_affected_by_faults(tmp_path):
    study = make_phantom(2, n_slices=5, n_phases=4, rows=64)
    folder = write_study(plant(study, ["repeated-slice", "truncated-file"]), tmp_path / "s")
    truth = json.loads((folder / "truth.json").read_text())
    repeated, truncated = truth["faults"]
    series = {pydicom.dcmread(folder / name).SeriesNumber for name in repeated["files"]}
    later = [p for p in truth["reading"]["not_used"] if p["why"] == "acquired again later"]
    assert len(repeated["files"]) == 4 * len(later)
    assert all(part["files"] for part in later)
    assert len(series) in (1, len(later))
    (name,) = truncated["files"]
    sizes = sorted((path.stat().st_size, path.name) for path in folder.iterdir())
    headers_and_pixels = [size for size, other in sizes if other != name and size > 8192]
    assert (folder / name).stat().st_size < min(headers_and_pixels)
    assert {"why": "truncated", "files": [name]}.items() <= next(
        part for part in truth["reading"]["not_used"] if name in part["files"]
    ).items()


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


def test_file_names_are_arbitrary(phantom, written):
    names = sorted(path.name for path in written.iterdir() if path.suffix != ".json")
    assert all(re.fullmatch("[A-Z2-7]{8}", name) for name in names)
    numbers = [
        (file.SeriesNumber, file.InstanceNumber)
        for file in (pydicom.dcmread(written / name, stop_before_pixels=True) for name in names)
    ]
    assert numbers != sorted(numbers)


def test_an_empty_folder_is_accepted(phantom, tmp_path):
    small = make_phantom(0, n_slices=3, n_phases=2, rows=64)
    assert write_study(small, tmp_path) == tmp_path
    assert (tmp_path / "truth.json").is_file()


def test_studies_are_written_side_by_side(tmp_path):
    made = [make_phantom(seed, n_slices=3, n_phases=2, rows=64) for seed in (4, 5)]
    seen = []
    folders = write_studies(iter(made), tmp_path / "out", on_study=lambda *s: seen.append(s))
    assert folders == (tmp_path / "out" / "4", tmp_path / "out" / "5")
    assert seen == list(zip(folders, made, strict=True))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["4", "5"]
    for folder, study in zip(folders, made, strict=True):
        assert json.loads((folder / "truth.json").read_text())["edv_ml"] == study.truth.edv_ml
    with pytest.raises(ValueError, match="different seeds, got 4 twice"):
        write_studies([made[0], made[0]], tmp_path / "other")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_layout_must_be_known_and_fit_the_vendor(tmp_path):
    study = make_phantom(0, n_slices=3, n_phases=2, rows=64, vendor=GE)
    with pytest.raises(
        ValueError, match="layout: expected one of flat, dsb2, sunnybrook; got bids"
    ):
        write_study(study, tmp_path / "out", "bids")
    with pytest.raises(ValueError, match="dsb2 expects a study of SIEMENS, got one of GE"):
        write_study(study, tmp_path / "out", "dsb2")
    assert list(tmp_path.iterdir()) == []


def test_files_and_folders_that_are_not_empty_are_refused(phantom, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    for out in (tmp_path, tmp_path / "mine.txt", tmp_path / "mine.txt" / "below"):
        with pytest.raises(OutputError, match=str(out)):
            write_study(phantom, out)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_a_failure_leaves_nothing_behind(phantom, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lvvol.phantom.export.dicom.mr_file", fail)
    with pytest.raises(OutputError, match="No space left"):
        write_study(phantom, tmp_path / "study")
    assert list(tmp_path.iterdir()) == []
