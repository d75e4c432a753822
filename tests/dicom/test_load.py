"""`load_study`: error messages, damaged files and real studies."""

import errno
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pydicom
import pytest

from lvvol import load_study
from lvvol.dicom.files.header import parse
from lvvol.errors import (
    AmbiguousStudyError,
    DamagedStudyError,
    EmptyStudyError,
    LvvolError,
    NotCineError,
    NotDicomError,
    PermissionDeniedError,
    SeriesError,
    StudyNotFoundError,
    TooFewSlicesError,
    WrongModalityError,
)
from lvvol.sources import archive
from tests.support.studies import pixels_of


def truncate(path, keep=0.6):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


def check_message(caught, study):
    """Check that a message is one line that begins with the path."""
    message = str(caught.value)
    assert message.startswith(f"{study}: ")
    assert "\n" not in message


def test_empty_folder(study):
    (study.folder / "sub").mkdir()
    with pytest.raises(EmptyStudyError, match=r"expected DICOM files, found no files$") as caught:
        load_study(study.folder)
    check_message(caught, study.folder)


def test_no_dicom(study):
    (study.folder / "a.txt").write_text("text")
    (study.folder / "b.png").write_bytes(b"\x89PNG" + bytes(500))
    with pytest.raises(
        NotDicomError, match=r"found only 2 non-DICOM files \(first: a.txt\)"
    ) as caught:
        load_study(study.folder)
    check_message(caught, study.folder)


def test_single_file_of_unknown_type(tmp_path):
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF" + bytes(1000))
    with pytest.raises(
        NotDicomError, match=r"found only 1 non-DICOM file \(report.pdf\)"
    ) as caught:
        load_study(path)
    check_message(caught, path)


def test_single_dicom_file(study):
    path = study.save(study.dataset())
    with pytest.raises(NotCineError, match="found 1 plane with one image"):
        load_study(path)


def test_error_names_other_modality_and_first_file(study):
    for index in range(3):
        study.slice(index, 2, Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    match = r"expected MR images, found modality CT \(first: 0000\.dcm\)"
    with pytest.raises(WrongModalityError, match=match):
        load_study(study.folder)


def test_other_modality_is_reported_before_damaged_files(study):
    study.save(study.dataset(Modality="US"), "a.dcm")
    truncate(study.save(study.dataset(), "b.dcm"), 0.3)
    with pytest.raises(WrongModalityError, match=r"found modality US \(first: a\.dcm\)"):
        load_study(study.folder)


def test_dicom_without_images(study):
    ds = study.dataset(Modality="SR", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    del ds.PixelData
    study.save(ds, "report.dcm")
    with pytest.raises(NotCineError, match=r"only 1 DICOM file \(report.dcm\) without an image"):
        load_study(study.folder)


def test_images_without_geometry(study):
    study.save(study.dataset(ImagePositionPatient=None), "a.dcm")
    match = r"1 unsuitable file \(a\.dcm\): missing position, orientation or"
    with pytest.raises(NotCineError, match=match):
        load_study(study.folder)


@pytest.fixture
def refuse(monkeypatch):
    """Make opening the matching files fail with PermissionError."""

    def refuse_names(pattern):
        def refusing(plain):
            def open_or_refuse(path, *args, **kwargs):
                if re.search(pattern, Path(path).name):
                    raise PermissionError(errno.EACCES, "Permission denied", str(path))
                return plain(path, *args, **kwargs)

            return open_or_refuse

        monkeypatch.setattr(Path, "open", refusing(Path.open))
        monkeypatch.setattr(archive, "open", refusing(open), raising=False)

    return refuse_names


def test_no_permission_for_any_file(study, refuse):
    for index in range(3):
        study.slice(index, 2)
    refuse(r"\.dcm$")
    with pytest.raises(PermissionDeniedError, match="permission denied for all 6") as caught:
        load_study(study.folder)
    check_message(caught, study.folder)


def test_no_permission_for_a_single_file_study(study, refuse):
    path = study.save(study.dataset())
    refuse(r"\.dcm$")
    with pytest.raises(PermissionDeniedError, match="permission denied"):
        load_study(path)


def test_no_permission_for_one_file_is_a_warning(study, refuse):
    for index in range(7):
        study.slice(index, 4, SeriesNumber=index + 1)
    refuse(r"^0009\.dcm$")
    stack = load_study(study.folder)
    assert stack.images.shape[:2] == (7, 4)
    assert stack.warnings[0].startswith("Excluded 1 unreadable file (0009.dcm).")


@pytest.mark.parametrize("path", [None, 3, b"study"])
def test_path_of_another_type(path):
    with pytest.raises(TypeError, match="path: expected a str or path, got "):
        load_study(path)


def test_truncated_image_is_excluded_with_a_warning(study):
    paths = [study.slice(index, 5, SeriesNumber=index + 1) for index in range(7)]
    truncate(paths[3][2])
    stack = load_study(study.folder)
    assert stack.images.shape[:2] == (7, 5)
    # The phase shows its neighbour, all others their own image.
    np.testing.assert_array_equal(stack.images[3, 2], pixels_of(3, 1))
    np.testing.assert_array_equal(stack.images[3, 3], pixels_of(3, 3))
    np.testing.assert_array_equal(stack.images[4, 2], pixels_of(4, 2))
    name = paths[3][2].name
    assert stack.warnings[0] == (
        f"Excluded 1 truncated or damaged file ({name}). Export or copy the study again."
    )
    assert any("Slice 4 has 4 phases instead of 5" in w for w in stack.warnings)
    assert any(d.files == (name,) and "truncated" in d.what for d in stack.decisions)


def test_damaged_repeat_does_not_replace_a_complete_acquisition(study):
    for index in range(7):
        study.slice(index, 5, SeriesNumber=index + 1, acquired="120000")
    for path in study.slice(3, 5, SeriesNumber=20, acquired="130000", mark=9)[:3]:
        truncate(path)
    stack = load_study(study.folder)
    np.testing.assert_array_equal(stack.images[3, 1], pixels_of(3, 1))
    assert any("5 phases instead of 2" in d.why for d in stack.decisions)


@pytest.mark.parametrize("keep", [0.12, 0.3, 0.9])
def test_all_truncated(study, keep):
    for index in range(4):
        for path in study.slice(index, 3):
            truncate(path, keep)
    with pytest.raises(
        DamagedStudyError, match=r"12 truncated or damaged files \(first: 0000\.dcm\)"
    ) as caught:
        load_study(study.folder)
    check_message(caught, study.folder)


def test_too_few_slices_without_damaged_files(study):
    for index in range(4):
        for path in study.slice(index, 3):
            if index < 2:
                truncate(path)
    match = r"6 truncated or damaged files .* without them: .* found 2"
    with pytest.raises(DamagedStudyError, match=match) as caught:
        load_study(study.folder)
    check_message(caught, study.folder)


def test_two_patients_are_refused(study, new_study):
    other = new_study("study/other")
    for index in range(4):
        study.slice(index, 3)
        other.slice(index, 3, PatientID="Q")
    with pytest.raises(AmbiguousStudyError, match="expected one study, found 2") as caught:
        load_study(study.folder)
    check_message(caught, study.folder)


def test_studies_in_one_folder_are_listed_and_selected(study, new_study):
    uids = [study.uids["StudyInstanceUID"]]
    for index in range(4):
        study.slice(index, 3)
    for name in ("b", "c"):
        other = new_study(f"study/{name}")
        uids.append(other.uids["StudyInstanceUID"])
        for index in range(5):
            other.slice(index, 3)
    with pytest.raises(AmbiguousStudyError, match=r"found 3 .*\(--study\)") as caught:
        load_study(study.folder)
    assert all(uid in str(caught.value) for uid in uids)
    assert "with 5 slices, such as b/0000.dcm" in str(caught.value)
    for uid, n_slices in zip(uids, (4, 5, 5), strict=True):
        stack = load_study(study.folder, study_uid=uid)
        assert (stack.n_slices, stack.study_uid) == (n_slices, uid)
    with pytest.raises(SeriesError, match=r"got 1\.2\.3; available: ") as caught:
        load_study(study.folder, study_uid="1.2.3")
    check_message(caught, study.folder)


def test_identifiers_that_break_a_study_are_named(study):
    """Every slice of other patients and pixels: no stack, and the reason why."""
    for index in range(5):
        study.slice(index, 3, PatientID=f"P{index}", rows=20 + index)
    with pytest.raises(TooFewSlicesError, match="5 different Patient IDs or Study") as caught:
        load_study(study.folder)
    check_message(caught, study.folder)


def test_archives_in_a_folder_are_named(study):
    for name in ("one.zip", "two.ZIP"):
        (study.folder / name).write_bytes(bytes(200))
    match = r"found 2 archive files \(first: one.zip\), .* give the path of one of them"
    with pytest.raises(NotDicomError, match=match):
        load_study(study.folder)


def test_stray_images_of_another_patient_are_excluded(study, new_study):
    other = new_study("study/other")
    for index in range(4):
        study.slice(index, 3)
    other.slice(2, 3, PatientID="Q")
    stack = load_study(study.folder)
    assert stack.n_slices == 4
    (decision,) = [d for d in stack.decisions if "another patient" in d.what]
    assert len(decision.files) == 3


def test_duplicates_among_stray_images_are_named_too(study, new_study):
    other = new_study("study/other")
    for index in range(4):
        study.slice(index, 3)
    files = other.slice(2, 3, PatientID="Q")
    (other.folder / "copy").write_bytes(files[0].read_bytes())
    decisions = load_study(study.folder).decisions
    (decision,) = [d for d in decisions if "another patient" in d.what]
    assert "other/copy" in decision.files
    assert len(decision.files) == 4


def test_non_dicom_files_are_counted(study):
    for index in range(4):
        study.slice(index, 3)
    (study.folder / "DICOMDIR.txt").write_text("x")
    (study.folder / ".DS_Store").write_bytes(bytes(300))
    decisions = load_study(study.folder).decisions
    assert decisions[0].what == "Skipped 2 files (first: .DS_Store)."
    assert decisions[0].files == (".DS_Store", "DICOMDIR.txt")


def test_every_error_is_an_lvvol_error_with_a_distinct_exit_code():
    kinds = [
        AmbiguousStudyError, DamagedStudyError, EmptyStudyError, NotCineError, NotDicomError,
        PermissionDeniedError, TooFewSlicesError, WrongModalityError,
    ]  # fmt: skip
    assert all(issubclass(kind, LvvolError) for kind in kinds)
    assert len({kind.exit_code for kind in kinds}) == len(kinds)


def raw_planes(folder, views=("sax", "CINESAX")):
    """Group short-axis images by position along the normal, from raw tags."""
    planes = defaultdict(list)
    for file in sorted(Path(folder).rglob("*.dcm")):
        if not file.parent.name.startswith(views):
            continue
        ds = pydicom.dcmread(file, stop_before_pixels=True)
        x, y = np.split(np.array(ds.ImageOrientationPatient, dtype=float), 2)
        place = np.array(ds.ImagePositionPatient, dtype=float) @ np.cross(x, y)
        planes[round(place, 1)].append((str(ds.AcquisitionTime), float(ds.TriggerTime), file))
    return dict(sorted(planes.items()))


REAL = [
    ("dsb2_dicom/1", 11, 30, 10.02, 5, 2),
    ("dsb2_dicom/501", 9, 30, 10.0, 2, 2),
    ("sunnybrook/SCD_IMAGES_01/SCD0000101", 12, 20, 10.0, 0, 0),
    ("sunnybrook/SCD_IMAGES_01/SCD0000201", 13, 20, 10.0, 0, 0),
    ("sunnybrook/SCD_IMAGES_01/SCD0000301", 10, 20, 8.0, 0, 0),
]


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore:Invalid value for VR")  # from pydicom in this test
@pytest.mark.parametrize(("name", "n_slices", "n_phases", "gap_mm", "repeats", "views"), REAL)
def test_real_study(real_data, name, n_slices, n_phases, gap_mm, repeats, views):
    stack = load_study(real_data / name)
    assert stack.images.shape[:2] == (n_slices, n_phases)
    np.testing.assert_allclose(stack.slice_gaps_mm, gap_mm, atol=0.005)
    what = [d.what for d in stack.decisions]
    assert sum("repeated acquisition" in w for w in what) == repeats
    assert sum("tilted by" in d.why for d in stack.decisions) == views

    planes = raw_planes(real_data / name)
    np.testing.assert_allclose(stack.positions_mm, list(planes), atol=0.06)
    for z, images in enumerate(planes.values()):
        last = max(acquired for acquired, _, _ in images)
        kept = sorted(image for image in images if image[0] == last)
        assert len(kept) == n_phases
        np.testing.assert_allclose(stack.times_ms[z], [time for _, time, _ in kept])
        for t in (0, 1, n_phases // 2, n_phases - 1):
            ds = pydicom.dcmread(kept[t][2])
            np.testing.assert_array_equal(stack.images[z, t], ds.pixel_array)
            assert stack.sop_instance_uids[z][t] == ds.SOPInstanceUID


@pytest.mark.real_data
def test_real_study_shuffled_renamed_and_zipped(real_data, tmp_path):
    files = sorted((real_data / "dsb2_dicom/501").rglob("*.dcm"))
    order = np.random.default_rng(5).permutation(len(files))
    flat = tmp_path / "flat"
    flat.mkdir()
    for file, number in zip(files, order, strict=True):
        shutil.copy(file, flat / str(number))
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as zipped:
        for file, number in zip(files, order[::-1], strict=True):
            zipped.write(file, f"{number % 7}/{number}")
    expected = load_study(real_data / "dsb2_dicom/501")
    for path in (flat, tmp_path / "s.zip"):
        got = load_study(path)
        for field in ("images", "positions_mm", "times_ms", "affines"):
            np.testing.assert_array_equal(getattr(got, field), getattr(expected, field))
        assert got.sop_instance_uids == expected.sop_instance_uids


@pytest.mark.real_data
def test_three_patients_in_one_folder_are_refused(real_data):
    with pytest.raises(AmbiguousStudyError, match="found 3"):
        load_study(real_data / "sunnybrook/SCD_IMAGES_01")


@pytest.mark.real_data
def test_reading_prints_nothing(real_data):
    """Pydicom warns about invalid UIDs and dates, which a user cannot fix."""
    code = "import sys, lvvol; lvvol.load_study(sys.argv[1])"
    study = str(real_data / "sunnybrook/SCD_IMAGES_01/SCD0000101")
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code, study],
        capture_output=True, text=True, check=True, env=dict(os.environ),
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "")


def test_empty_path_is_not_the_current_folder():
    with pytest.raises(
        StudyNotFoundError, match="expected the path of a study, got an empty string"
    ):
        load_study("")


def test_message_is_one_line_for_any_file_name(study):
    (study.folder / "a\nb.txt").write_text("text")
    with pytest.raises(NotDicomError) as caught:
        load_study(study.folder)
    assert r"a\nb.txt" in str(caught.value)


def test_too_large_file_is_excluded_without_reading_it(study, monkeypatch):
    """A sparse file of 2 GB that begins like DICOM."""
    for index in range(3):
        study.slice(index, 2)
    with (study.folder / "large.dcm").open("wb") as file:
        file.write(bytes(128) + b"DICM")
        file.truncate(2 << 30)
    largest = []
    monkeypatch.setattr(
        "lvvol.dicom.files.read.parse", lambda c: largest.append(len(c)) or parse(c)
    )
    stack = load_study(study.folder)
    assert max(largest) < 10_000
    (decision,) = [d for d in stack.decisions if d.files == ("large.dcm",)]
    assert decision.why == "File larger than 512 MB."
