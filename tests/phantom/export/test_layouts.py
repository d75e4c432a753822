"""Folders, names and tables compared with those of the real sources."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pydicom
import pytest

from lvvol import load_study
from lvvol.phantom import make_phantom, plant, study_files, write_studies, write_study
from lvvol.phantom.scanner.plan import GE, SIEMENS
from tests.support import left_out


def small(seed, vendor):
    return make_phantom(seed, n_slices=5, n_phases=4, rows=64, vendor=vendor)


@pytest.fixture(scope="module")
def bowl(tmp_path_factory):
    out = tmp_path_factory.mktemp("dsb2") / "out"
    made = [small(seed, SIEMENS) for seed in (7, 8)]
    return out, made, write_studies(made, out, "dsb2")


@pytest.fixture(scope="module")
def sunnybrook(tmp_path_factory):
    out = tmp_path_factory.mktemp("sunnybrook") / "out"
    study = small(4, GE)
    return out, study, write_study(study, out, "sunnybrook")


def headers(folder):
    return {
        path.relative_to(folder).as_posix(): pydicom.dcmread(path, stop_before_pixels=True)
        for path in sorted(folder.rglob("*.dcm"))
    }


def test_dsb2_has_a_folder_per_series_and_no_uids_above_the_image(bowl):
    out, made, folders = bowl
    assert sorted(path.name for path in out.iterdir()) == ["7", "8", "train.csv"]
    for folder, study in zip(folders, made, strict=True):
        files = headers(folder)
        views = [scan for scan in study.scans if scan.view != "localizer"]
        assert len(files) == 4 * len(views)
        names = set()
        for name, file in files.items():
            view, series, number, phase = re.fullmatch(
                r"study/(sax|2ch|4ch)_(\d+)/IM-(\d{4})-(\d{4})\.dcm", name
            ).groups()
            assert file.SeriesNumber == int(series)
            assert file.SeriesDescription == view
            assert file.InstanceNumber == int(phase)
            assert file.PatientID == str(study.seed)
            names.add((series, number))
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
                assert keyword not in file
        # One number per series, counting up.
        numbers = sorted(int(number) for _, number in names)
        assert numbers == list(range(numbers[0], numbers[0] + len(views)))


def test_dsb2_volumes_are_the_truth(bowl):
    out, made, folders = bowl
    with (out / "train.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["Id"] for row in rows] == ["7", "8"]
    for row, study, folder in zip(rows, made, folders, strict=True):
        assert float(row["Systole"]) == pytest.approx(study.truth.esv_ml, abs=0.05)
        assert float(row["Diastole"]) == pytest.approx(study.truth.edv_ml, abs=0.05)
        assert json.loads((folder / "truth.json").read_text())["esv_ml"] == study.truth.esv_ml


def test_sunnybrook_numbers_images_through_the_stack(sunnybrook):
    out, study, folder = sunnybrook
    assert folder == out / "SCD_IMAGES_01" / "SCD0000401"
    files = headers(folder)
    stack = {name: file for name, file in files.items() if name.startswith("CINESAX_")}
    assert len({file.SeriesInstanceUID for file in stack.values()}) == 1
    assert sorted(file.InstanceNumber for file in stack.values()) == list(range(1, 21))
    for name, file in stack.items():
        series = study.of_view("sax")[0].series
        assert name == f"CINESAX_{series}/IM-0001-{file.InstanceNumber:04d}.dcm"
        assert file.Manufacturer == "GE MEDICAL SYSTEMS"
        assert file.PatientID == "SCD0000401"
    assert {name.partition("_")[0] for name in files} == {"CINESAX", "CINELAX"}


def test_sunnybrook_slice_locations_disagree_with_the_positions(sunnybrook):
    _, study, folder = sunnybrook
    stack = [file for name, file in headers(folder).items() if name.startswith("CINESAX_")]
    locations = np.unique([float(file.SliceLocation) for file in stack])
    positions = study.reading.positions_mm
    # As in the real data: 6.7 mm for slices 10 mm apart.
    ratios = np.diff(locations) / np.diff(positions)
    assert ratios == pytest.approx([ratios[0]] * 4, abs=1e-3)
    assert 0.57 < ratios[0] < 0.95


def test_sunnybrook_contours_name_their_images(sunnybrook, monkeypatch):
    out, study, _ = sunnybrook
    with (out / "scd_patientdata.csv").open(newline="") as table:
        (row,) = csv.DictReader(table)
    assert row["PatientID"] == "SCD0000401"
    kind, number = re.fullmatch(r"(SC-N|SC-HF-NI)-(\d+)", row["OriginalID"]).groups()
    assert (kind == "SC-N") == (study.truth.ef_percent >= 55)
    original = f"{kind}-{int(number):02d}"
    # The tool for the real contours reads these.
    monkeypatch.setitem(left_out.SUNNYBROOK, "SCD0000401", original)
    areas_mm2 = left_out.contour_areas_mm2(out, "SCD0000401")
    tested = 0
    for z, scan in enumerate(study.reading.slices):
        for phase in (study.truth.ed_phase, study.truth.es_phase):
            true = study.truth.areas_mm2[z, phase]
            drawn = areas_mm2.get(study.uid(scan.name, phase))
            assert (drawn is None) == (true == 0)
            if true > 0:
                # At least 16 points, whose polygon has 97.4 % of the ellipse's area.
                assert drawn == pytest.approx(true, rel=0.027)
                tested += 1
    assert tested >= 5


@pytest.mark.parametrize(("layout", "vendor"), [("dsb2", SIEMENS), ("sunnybrook", GE)])
def test_a_study_reads_the_same_in_every_layout(layout, vendor, tmp_path):
    study = plant(small(9, vendor), ["repeated-slice", "interspersed-slice", "foreign-files"])
    folder = write_study(study, tmp_path / "out", layout)
    stack, expected = load_study(folder), study.reading
    assert np.diff(stack.positions_mm) == pytest.approx(np.diff(expected.positions_mm), abs=1e-3)
    assert (stack.images == study.images).all()
    truth = json.loads((folder / "truth.json").read_text())
    listed = [part for group in ("slices", "not_used") for part in truth["reading"][group]]
    for part in listed:
        for name in part["files"]:
            assert (folder / name).is_file()
    assert sum(len(part["files"]) for part in listed) + 1 == sum(
        path.is_file() for path in folder.rglob("*")
    )


def test_no_two_files_share_a_path():
    for layout, vendor in (("flat", GE), ("dsb2", SIEMENS), ("sunnybrook", GE)):
        study = plant(small(3, vendor), ["repeated-stack", "repeated-slice", "outlying-position"])
        paths = [path for path, _ in study_files(study, layout)]
        assert len(set(paths)) == len(paths)
