import io
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
import SimpleITK

from lvvol import dicom, errors, load_study
from lvvol.phantom import make_phantom, write_study
from lvvol.report.contact_sheet import tile_size
from tests.support.studies import DOWN, NORMAL, Study
from tests.support.surveys import a_survey

# Line breaks, C0 and C1 control codes, and a bidirectional override in a header.
EVIL = {
    "SpecificCharacterSet": "ISO_IR 192",
    "SeriesDescription": "sax\x1b[2J\x9b31m\r\n\x07\u202e!",
}


@pytest.fixture
def study(tmp_path):
    """Four slices of three phases in three series, a gap of 16 mm, and a long-axis view."""
    study = Study(tmp_path / "study")
    for z in (0, 1, 2, 4):
        study.slice(z, n_phases=3, SeriesNumber=1 + z // 2, **EVIL)
    study.slice(
        1,
        n_phases=3,
        SeriesNumber=9,
        SeriesDescription="4ch",
        ImageOrientationPatient=[*NORMAL, *DOWN],
    )
    return study


def one_slice(folder):
    study = Study(folder)
    study.slice(0, n_phases=6, **EVIL)
    return study


def inspected(run, *args):
    code, out, err = run("inspect", *args, "--json")
    return code, json.loads(out, parse_constant=pytest.fail), err


def test_series_stack_and_decisions_are_printed(run, study):
    code, out, err = run("inspect", study.folder)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "4 series in 15 files"
    assert any("long axis" in line and "4ch" in line for line in lines)
    stack = lines.index(
        "Stack: 4 slices 8.0 to 16.0 mm apart, 3 phases, 24 x 20 pixels of 1.50 x 1.25 mm"
    )
    assert [line.split()[:4] for line in lines[stack + 2 : stack + 6]] == [
        ["1", lines[stack + 2].split()[1], "-", "1"],
        ["2", lines[stack + 3].split()[1], "8.0", "1"],
        ["3", lines[stack + 4].split()[1], "8.0", "2"],
        ["4", lines[stack + 5].split()[1], "16.0", "3"],
    ]
    assert "wide gap" in lines[stack + 5]
    assert "Reasons to review" in lines
    assert "Decisions" in lines
    assert any("tilted" in line for line in lines[lines.index("Decisions") :])


def test_json_describes_the_loaded_stack(run, study):
    code, result, err = inspected(run, study.folder)
    stack = load_study(study.folder)
    assert (code, err) == (0, "")
    assert result["path"] == str(study.folder)
    assert result["error"] is None
    assert (result["stack"]["n_slices"], result["stack"]["n_phases"]) == (4, 3)
    assert (result["stack"]["rows"], result["stack"]["columns"]) == (24, 20)
    assert result["stack"]["pixel_spacing_mm"] == [1.5, 1.25]
    assert result["stack"]["slice_gaps_mm"] == pytest.approx([8, 8, 16])
    assert np.diff(result["stack"]["positions_mm"]) == pytest.approx([8, 8, 16])
    assert [source["number"] for source in result["stack"]["series"]] == [1, 1, 2, 3]
    assert [source["uid"] for source in result["stack"]["series"]] == list(stack.series_uids)
    assert result["stack"]["times_ms"] == [[0, 40, 80]] * 4
    assert [series["number"] for series in result["series"]] == [1, 2, 3, 9]
    assert [series["n_slices_used"] for series in result["series"]] == [2, 1, 1, 0]
    assert [series["views"][0] for series in result["series"]][:3] == ["short axis"] * 3
    assert result["series"][0]["description"].startswith("sax\x1b[2J")
    assert result["warnings"] == list(stack.warnings)
    assert [d["what"] for d in result["decisions"]] == [d.what for d in stack.decisions]
    assert sum(len(d["files"]) for d in result["decisions"] if "series 9" in d["what"]) == 3


@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_control_characters_in_headers_and_names_are_not_printed(run, tmp_path, json_option):
    good, bad = Study(tmp_path / "good"), tmp_path / "bad"
    for z in range(4):
        good.slice(z, n_phases=3, **EVIL, folder="a\x1b[31m\x9b\n/")
    good.slice(3, n_phases=1, SeriesNumber=2, **EVIL, folder="a\x1b[31m\x9b\n/")
    one_slice(bad)
    for folder in (good.folder, bad):
        _, out, err = run("inspect", folder, *json_option)
        assert out.replace("\n", "").isprintable()
        assert err.replace("\n", "").isprintable()
        assert "sax" in out
    assert "[31m" in run("inspect", good.folder)[1]  # name of the excluded file


def test_study_without_a_stack_is_printed_before_the_error(run, tmp_path):
    one_slice(tmp_path / "study")
    code, out, err = run("inspect", tmp_path / "study", "--png", tmp_path / "sheet.png")
    assert code == errors.TooFewSlicesError.exit_code
    assert out.startswith("1 series in 6 files\n")
    assert "Stack: none" in out.splitlines()
    assert err.startswith("lvvol: error: ")
    assert err.count("\n") == 1
    assert "Wrote" not in out
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_json_without_a_stack_includes_the_error(run, tmp_path):
    one_slice(tmp_path / "study")
    code, result, err = inspected(run, tmp_path / "study")
    assert result["stack"] is None
    assert result["error"] == {
        "type": "TooFewSlicesError",
        "message": err.removeprefix("lvvol: error: ").rstrip("\n"),
        "exit_code": code,
    }
    assert code == errors.TooFewSlicesError.exit_code
    assert len(result["series"]) == 1


@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_study_without_images_prints_only_the_error(run, tmp_path, json_option):
    (tmp_path / "empty").mkdir()
    for name, error in (
        ("missing", errors.StudyNotFoundError),
        ("empty", errors.EmptyStudyError),
    ):
        code, out, err = run("inspect", tmp_path / name, *json_option)
        assert (code, out) == (error.exit_code, "")
        assert err.count("\n") == 1


def test_contact_sheet_of_a_phantom_shows_its_images(run, tmp_path):
    write_study(make_phantom(3, n_slices=4, n_phases=5), tmp_path / "study")
    code, out, err = run("inspect", tmp_path / "study", "--png", tmp_path / "new" / "sheet.png")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"Wrote {tmp_path / 'new' / 'sheet.png'}"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["sheet.png"]
    sheet = SimpleITK.ReadImage(tmp_path / "new" / "sheet.png")
    grey = SimpleITK.GetArrayFromImage(sheet)[..., 0].astype(np.float32)
    stack = load_study(tmp_path / "study")
    # Every image is found in the sheet, at the drawn size, below the previous slice and to the
    # right of the previous phase.
    rows, columns = tile_size(stack)
    places = np.array(
        [[find(scaled(stack.images[z, t], rows, columns), grey) for t in (0, 2, 4)] for z in (0, 3)]
    )
    assert places[..., 2].min() > 0.9
    assert (np.diff(places[..., 0], axis=0) > 3 * rows).all()
    assert (np.diff(places[..., 1], axis=1) > 2 * columns).all()
    assert np.ptp(places[..., 0], axis=1).max() == 0
    assert np.ptp(places[..., 1], axis=0).max() == 0


def scaled(image, rows, columns):
    """Resize an image with SimpleITK."""
    source = SimpleITK.GetImageFromArray(image)
    spacing = (image.shape[1] / columns, image.shape[0] / rows)
    origin = tuple((step - 1) / 2 for step in spacing)
    resampled = SimpleITK.Resample(
        source, (columns, rows), SimpleITK.Transform(), SimpleITK.sitkLinear, origin, spacing
    )
    return SimpleITK.GetArrayFromImage(resampled)


def find(tile, sheet):
    """Return row, column and correlation of the best match of a tile in the sheet."""
    correlation = cv2.matchTemplate(sheet, tile, cv2.TM_CCOEFF_NORMED)
    row, column = np.unravel_index(correlation.argmax(), correlation.shape)
    return row, column, correlation[row, column]


def test_json_output_does_not_mention_the_sheet(run, study, tmp_path):
    code, result, _ = inspected(run, study.folder, "--png", tmp_path / "sheet.png")
    assert code == 0
    assert result["stack"]["n_slices"] == 4
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_unwritable_sheet_fails_before_reading(run, tmp_path, monkeypatch):
    monkeypatch.setattr(dicom, "survey_study", lambda *args, **options: pytest.fail("was read"))
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file" / "sheet.png"):
        code, out, err = run("inspect", tmp_path, "--png", place)
        assert (code, out) == (errors.OutputError.exit_code, "")
        assert err.count("\n") == 1


def test_progress_is_shown_on_a_terminal_only(run, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    calls = []

    def survey_study(path, *, series, study_uid, progress):
        calls.append(progress)
        if progress:
            progress(1, 2)
            progress(2, 2)
        return a_survey()

    monkeypatch.setattr(dicom, "survey_study", survey_study)
    assert run("inspect", "study")[2] == ""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    code, out, _ = run("inspect", "study", "--json")
    assert code == 0
    json.loads(out)
    assert "read" in terminal.getvalue()
    assert "2/2" in terminal.getvalue()
    assert calls[0] is None


def test_opencv_is_loaded_only_for_a_sheet_and_torch_never(study):
    code = (
        "import sys; from lvvol.cli import main; code = main(sys.argv[1:]);"
        "print(code, *sorted({'torch', 'cv2'} & sys.modules.keys()), file=sys.stderr)"
    )
    sheet = study.folder.parent / "sheet.png"
    for options, loaded in (([], []), (["--png", str(sheet)], ["cv2"])):
        done = subprocess.run(
            [sys.executable, "-c", code, "inspect", str(study.folder), *options],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr.split() == ["0", *loaded]


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "n_series", "n_used", "shape", "gap_mm"),
    [
        ("dsb2_dicom/1", 18, 11, (11, 30), 10.02),
        ("dsb2_dicom/501", 13, 9, (9, 30), 10.0),
        ("sunnybrook/SCD_IMAGES_01/SCD0000101", 1, 1, (12, 20), 10.0),
        ("sunnybrook/SCD_IMAGES_01/SCD0000201", 1, 1, (13, 20), 10.0),
        ("sunnybrook/SCD_IMAGES_01/SCD0000301", 1, 1, (10, 20), 8.0),
    ],
)
def test_real_studies(run, real_data, tmp_path, name, n_series, n_used, shape, gap_mm):
    sheet = tmp_path / "sheet.png"
    code, result, _ = inspected(run, real_data / name, "--png", sheet)
    assert code == 0
    assert (result["stack"]["n_slices"], result["stack"]["n_phases"]) == shape
    assert result["stack"]["slice_gaps_mm"] == pytest.approx([gap_mm] * (shape[0] - 1), abs=0.01)
    assert len(result["series"]) == n_series
    assert sum(series["n_slices_used"] > 0 for series in result["series"]) == n_used
    assert sum(series["n_slices_used"] for series in result["series"]) == shape[0]
    assert 500_000 < sheet.stat().st_size < 5_000_000
    code, out, _ = run("inspect", real_data / name)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
