import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from discs import disc_prediction
from lvvol import errors, pipeline
from studies import Study


@pytest.fixture
def measured(monkeypatch):
    """Stand in for the pipeline; what it was called with is in the dictionary."""
    called = {}

    def predict(study, **options):
        called.update(options, study=study)
        return disc_prediction(warnings=["few slices"])

    monkeypatch.setattr(pipeline, "predict", predict)
    return called


def test_the_table_is_printed_and_nothing_written(run, measured, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("predict", "study")
    assert (code, err) == (0, "")
    for line in (
        "  EDV     54.3 mL   phase 1 of 5",
        "  ESV     13.6 mL   phase 4 of 5",
        "  SV      40.7 mL",
        "  EF      75.0 %",
        "  - few slices",
    ):
        assert line in out.splitlines()
    assert list(tmp_path.iterdir()) == []
    assert measured["study"] == Path("study")
    assert measured["progress"] is None


def test_json_is_one_object_and_nothing_else(run, measured, tmp_path):
    code, out, err = run("predict", "study", "--json", "-o", tmp_path / "result")
    assert (code, err) == (0, "")
    result = json.loads(out)  # fails on anything after the object
    assert result["edv_ml"] == pytest.approx(np.pi * 24**2 * 30 / 1000)
    assert (result["ed_phase"], result["es_phase"]) == (0, 3)
    assert result == json.loads((tmp_path / "result" / "result.json").read_text())


def test_output_is_written_and_named(run, measured, tmp_path):
    code, out, _ = run("predict", "study", "-o", tmp_path / "result")
    assert code == 0
    assert sorted(p.name for p in (tmp_path / "result").iterdir()) == ["overlay.png", "result.json"]
    assert out.splitlines()[-1] == (
        f"Wrote {tmp_path / 'result' / 'result.json'} and {tmp_path / 'result' / 'overlay.png'}"
    )


def test_options_reach_the_pipeline(run, measured):
    assert run("predict", "study", "--threads", "2", "--weights", "run")[0] == 0
    assert measured["threads"] == 2
    assert measured["weights"] == Path("run")


def test_output_that_cannot_be_written_is_said_before_the_work(run, measured, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, err = run("predict", "study", "-o", tmp_path / "file")
    assert (code, out) == (errors.OutputError.exit_code, "")
    assert err.startswith("lvvol: error: ")
    assert measured == {}


def test_stages_are_shown_on_a_terminal_only(run, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def predict(study, *, progress, **options):
        progress("read", 0, 2)
        progress("read", 2, 2)
        progress("resample", 0, 0)
        progress("segment", 1, 4)
        return disc_prediction()

    terminal = Terminal()
    monkeypatch.setattr(pipeline, "predict", predict)
    monkeypatch.setattr(sys, "stderr", terminal)
    code, out, _ = run("predict", "study", "--json")
    assert code == 0
    json.loads(out)
    shown = terminal.getvalue()
    assert [stage for stage in ("read", "resample", "segment") if stage in shown] == [
        "read",
        "resample",
        "segment",
    ]
    assert "2/2" in shown
    assert "1/4" in shown
    assert shown.endswith("\n\x1b[?25h") or shown.endswith("\n")


# Bad input, from the file to the exit code.


def good_study(folder):
    """Four slices of four phases: enough to be a stack, too little to find a heart in."""
    folder.mkdir()
    study = Study(folder)
    for z in range(4):
        study.slice(z, n_phases=4)
    return study


def missing(folder):
    pass


def empty(folder):
    (folder / "below").mkdir(parents=True)


def no_dicom(folder):
    folder.mkdir()
    (folder / "notes.txt").write_text("not an image")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))


def one_file_that_is_no_dicom(folder):
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


def archive_with_names_outside(folder):
    with zipfile.ZipFile(folder, "w") as archive:
        archive.writestr("../outside.dcm", b"")


def damaged_archive(folder):
    with zipfile.ZipFile(folder, "w") as archive:
        archive.writestr("a.dcm", bytes(1000))
    folder.write_bytes(folder.read_bytes()[:-20])


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("make", "error"),
    [
        (missing, errors.StudyNotFoundError),
        (empty, errors.EmptyStudyError),
        (no_dicom, errors.NotDicomError),
        (one_file_that_is_no_dicom, errors.NotDicomError),
        (ct, errors.WrongModalityError),
        (one_slice, errors.TooFewSlicesError),
        (one_phase, errors.NotCineError),
        (truncated, errors.DamagedStudyError),
        (truncated_in_the_header, errors.DamagedStudyError),
        (archive_with_names_outside, errors.ArchiveError),
        (damaged_archive, errors.ArchiveError),
    ],
)
def test_bad_input_is_one_line_its_code_and_no_number(run, tmp_path, make, error, as_json):
    study = tmp_path / "study.zip" if "archive" in make.__name__ else tmp_path / "study"
    make(study)
    code, out, err = run("predict", study, "-o", tmp_path / "out", *["--json"] * as_json)
    assert (code, out) == (error.exit_code, "")
    assert err.startswith("lvvol: error: ")
    assert err.count("\n") == 1
    assert str(study) in err
    assert not (tmp_path / "out").exists()


def test_no_permission_is_one_line_and_its_code(run, tmp_path, monkeypatch):
    study = tmp_path / "study"
    good_study(study)
    # Root may read anything, so opening a file of the study is refused in the system's place.
    whole_open, whole_path_open = open, Path.open

    def refusing(opener):
        def refuse(file, *args, **kwargs):
            if str(file).startswith(str(study)):
                raise PermissionError(13, "Permission denied", str(file))
            return opener(file, *args, **kwargs)

        return refuse

    monkeypatch.setattr("os.access", lambda *args, **kwargs: False)
    monkeypatch.setattr("builtins.open", refusing(whole_open))
    monkeypatch.setattr(Path, "open", refusing(whole_path_open))
    code, out, err = run("predict", study)
    assert (code, out) == (errors.PermissionDeniedError.exit_code, "")
    assert err.count("\n") == 1


def test_a_study_without_a_heart_gives_no_number(run, tmp_path):
    """Ramps of grey in the frame of a heart: whatever it says, it must not be a volume."""
    good_study(tmp_path / "study")
    code, out, err = run("predict", tmp_path / "study")
    assert (code, out) == (errors.RoiNotFoundError.exit_code, "")
    assert err.count("\n") == 1
