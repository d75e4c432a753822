"""Bad input: exit code, one line on stderr, nothing on stdout, and no result."""

import os
import tempfile
import zipfile
from pathlib import Path

import pytest

from lvvol import errors, load_study
from tests.support import hostile
from tests.support.studies import Study, good_study


def missing(folder):
    pass


def empty(folder):
    (folder / "below").mkdir(parents=True)


def no_dicom(folder):
    folder.mkdir()
    (folder / "notes.txt").write_text("not an image")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))


def one_file_that_is_not_dicom(folder):
    folder.write_bytes(b"%PDF-1.7 " + bytes(500))


def ct(folder):
    folder.mkdir()
    study = Study(folder)
    for z in range(4):
        study.slice(z, n_phases=4, Modality="CT")


def one_slice(folder):
    folder.mkdir()
    Study(folder).slice(0, n_phases=6)


def one_phase(folder):
    folder.mkdir()
    study = Study(folder)
    for z in range(5):
        study.slice(z, n_phases=1)


def truncated(folder):
    good_study(folder)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:-300])


def truncated_in_the_header(folder):
    good_study(folder)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:500])


def dicomdir_only(folder):
    """Write a DICOMDIR without the images it lists."""
    folder.mkdir()
    study = Study(folder)
    index = study.dataset(SOPClassUID="1.2.840.10008.1.3.10", Modality=None)
    del index.PixelData
    study.save(index, "DICOMDIR")


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("make", "error"),
    [
        (missing, errors.StudyNotFoundError),
        (empty, errors.EmptyStudyError),
        (no_dicom, errors.NotDicomError),
        (one_file_that_is_not_dicom, errors.NotDicomError),
        (ct, errors.WrongModalityError),
        (one_slice, errors.TooFewSlicesError),
        (one_phase, errors.NotCineError),
        (truncated, errors.DamagedStudyError),
        (truncated_in_the_header, errors.DamagedStudyError),
        (dicomdir_only, errors.NotCineError),
    ],
)
def test_wrong_study(refused, tmp_path, make, error, as_json):
    study = tmp_path / "study"
    make(study)
    assert str(study) in refused(study, error, as_json)


def test_two_patients(refused, tmp_path):
    for patient in ("A", "B"):
        (tmp_path / "study" / patient).mkdir(parents=True)
        study = Study(tmp_path / "study" / patient)
        for z in range(4):
            study.slice(z, n_phases=4, PatientID=patient)
    refused(tmp_path / "study", errors.AmbiguousStudyError)


def test_images_too_small_for_a_heart_are_refused(run, tmp_path):
    good_study(tmp_path / "study")
    code, out, err = run("predict", tmp_path / "study")
    assert (code, out) == (errors.ImageSizeError.exit_code, "")
    assert "found 36 x 25 mm" in err


@pytest.mark.parametrize("command", ["predict", "inspect"])
def test_study_that_stands_still_is_refused(run, tmp_path, command):
    (tmp_path / "study").mkdir()
    study = Study(tmp_path / "study")
    for z in range(4):
        for phase in range(4):
            study.slice(z, n_phases=1, TriggerTime=40.0 * phase)
    code, _, err = run(command, tmp_path / "study")
    assert code == errors.NoMotionError.exit_code
    assert "found the same image in all 4 phases of every slice" in err


def test_study_without_a_heart_is_refused(run, tmp_path):
    """A stack of grey ramps must not give a volume."""
    (tmp_path / "study").mkdir()
    study = Study(tmp_path / "study")
    for z in range(4):
        study.slice(z, n_phases=4, rows=160, columns=160, PixelSpacing=[1.5, 1.5])
    code, out, err = run("predict", tmp_path / "study")
    assert (code, out) == (errors.RoiNotFoundError.exit_code, "")
    assert err.count("\n") == 1


@pytest.fixture
def unprivileged():
    """Yield a folder, and a function that drops root privileges so that permissions apply."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        user = os.geteuid()

        def enter():
            if user == 0:
                try:
                    os.seteuid(65534)
                except OSError as error:
                    pytest.skip(f"root cannot become another user here: {error}")

        yield folder, enter
        os.seteuid(user)
        for path in folder.rglob("*"):
            path.chmod(0o755)


@pytest.mark.parametrize("what", ["folder", "files", "a folder above", "zip"])
def test_no_permission(unprivileged, what):
    folder, enter = unprivileged
    study = folder / "above" / "study"
    good_study(study)
    closed = {
        "folder": [study],
        "files": list(study.iterdir()),
        "a folder above": [study.parent],
    }.get(what)
    if closed is None:
        study = folder / "study.zip"
        with zipfile.ZipFile(study, "w") as z:
            z.writestr("a", b"")
        closed = [study]
    for path in closed:
        path.chmod(0)
    enter()
    with pytest.raises(errors.PermissionDeniedError, match="permission denied"):
        load_study(study)


@pytest.mark.parametrize("name", hostile.MANGLED)
def test_mangled_archive(refused, tmp_path, name):
    path = tmp_path / name
    hostile.MANGLED[name](path)
    assert str(path) in refused(path, errors.ArchiveError)


def test_archive_with_paths_outside(refused, tmp_path):
    path = tmp_path / "study.zip"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("../outside\n\x1b[2J.dcm", b"")
    refused(path, errors.ArchiveError)
    assert [p.name for p in tmp_path.iterdir()] == ["study.zip"]


def test_archive_in_a_folder_is_not_opened(refused, tmp_path):
    good_study(tmp_path / "study")
    folder = tmp_path / "folder"
    folder.mkdir()
    with zipfile.ZipFile(folder / "study.zip", "w") as z:
        for path in (tmp_path / "study").iterdir():
            z.write(path, path.name)
    assert "study.zip" in refused(folder, errors.NotDicomError)
