"""The folder of an evaluation."""

import csv
import io
import math
import subprocess
import sys

import numpy as np
import pytest

from lvvol.evaluate import PatientResult, summarise
from lvvol.evaluate.result import SliceArea
from lvvol.report.evaluation.tables import (
    digits,
    figures_csv,
    markdown,
    patients_csv,
    slices_csv,
)
from lvvol.report.evaluation.write import write_evaluation

REFUSED = ["c/<3>: no *window*"]


def patient(name, error_ml, **changes):
    values = {
        "dice_ed": 0.9,
        "dice_es": math.nan,
        "roi_overlap": 0.8,
        "edv_ml": 150.0 + error_ml,
        "esv_ml": 60.0,
        "labelled_edv_ml": 150.0,
        "labelled_esv_ml": 60.0,
        "status": "ok",
        "slices": (SliceArea(0, 0, "ed", "base", 110.0 + error_ml, 100.0),),
        "scores": {"edv": {"crps": 0.01, "crps_error": 0.02, "crps_spread": 0.01, "pit": 0.3}},
        "intervals": {"90": {"edv": (140.0, 170.0)}},
    }
    return PatientResult(name, **{**values, **changes})


@pytest.fixture(scope="module")
def results():
    return [
        patient("a/<b>1</b>", 5.0, status="review", reasons=("gap", "noisy")),
        patient("a/2", -10.0),
        patient("a/3", 2.0),
    ]


def rows(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_the_table_of_figures_has_values_and_intervals(results):
    table = {row["figure"]: row for row in rows(figures_csv(summarise(results)))}
    assert float(table["edv_ml.rmse"]["value"]) == pytest.approx(math.sqrt(129 / 3))
    assert float(table["edv_ml.rmse"]["low_95"]) < math.sqrt(129 / 3)
    assert table["dice_es_mean"] == {
        "figure": "dice_es_mean", "value": "", "low_95": "", "high_95": ""
    }  # fmt: skip


def test_the_table_of_patients_has_intervals_and_empty_cells(results):
    first, second, _ = rows(patients_csv([r.to_dict() for r in results]))
    assert (first["reasons"], first["dice_es"], first["esv_low_ml"]) == ("gap noisy", "", "")
    assert (second["edv_low_ml"], second["edv_high_ml"]) == ("140.0", "170.0")
    assert float(second["ef_percent"]) == pytest.approx(100 * 80 / 140)


def test_the_table_of_slices_has_a_row_for_each(results):
    first, *_ = rows(slices_csv([r.to_dict() for r in results]))
    assert (first["level"], first["measured_mm2"], first["drawn_mm2"]) == ("base", "115.0", "100.0")


def test_markdown_shows_names_as_they_are(results):
    text = markdown(summarise(results, REFUSED), REFUSED)
    assert "4 patients: 1 failed, 1 to review." in text
    assert "| a/\\<b\\>1\\</b\\> | 5.000 | 0.000 |" in text
    assert "- c/\\<3\\>: no \\*window\\*" in text
    assert "| `dice_es_mean` | - |  |" in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (math.nan, "-"), (-0.00001, "-1.000e-05"), (1234.5, "1234."), (-0.0, "0.000")],
)
def test_numbers_have_four_digits(value, shown):
    assert digits(value) == shown


def test_the_folder_is_whole_and_the_page_escapes_names(results, tmp_path):
    each = [r.to_dict() for r in results]
    written = write_evaluation(summarise(results, REFUSED), REFUSED, each, tmp_path / "out")
    pictures = [f"{n}.{form}" for n in ("volumes", "agreement", "doubt", "images")
                for form in ("png", "svg")]  # fmt: skip
    assert {path.name for path in written} == {
        *("index.html", "evaluation.json", "evaluation.md"),
        *("figures.csv", "patients.csv", "slices.csv", *pictures),
    }
    assert all(path.stat().st_size for path in written)
    assert (tmp_path / "out" / "volumes.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "out" / "index.html").read_text()
    assert "a/&lt;b&gt;1&lt;/b&gt;" in page
    assert "c/&lt;3&gt;: no *window*" in page
    assert "<b>" not in page
    assert "http" not in page  # it loads nothing from elsewhere


def test_the_same_evaluation_gives_the_same_files(results, tmp_path):
    each = [r.to_dict() for r in results]
    contents = [
        {
            path.name: path.read_bytes()
            for path in write_evaluation(summarise(results), [], each, to)
        }
        for to in (tmp_path / "one", tmp_path / "two")
    ]
    assert contents[0] == contents[1]


def test_what_nobody_has_is_not_drawn(tmp_path):
    nan = math.nan
    only_dice = [
        patient(name, 0.0, labelled_edv_ml=nan, labelled_esv_ml=nan, scores={}, slices=())
        for name in ("a", "b")
    ]
    each = [r.to_dict() for r in only_dice]
    names = {path.name for path in write_evaluation(summarise(only_dice), [], each, tmp_path)}
    assert {name for name in names if name.endswith(".png")} == {"images.png"}
    assert "slices.csv" not in names


def test_a_single_patient_without_ef_is_drawn(tmp_path):
    empty = [patient("a", -150.0, esv_ml=0.0)]
    assert np.isnan(empty[0].to_dict()["ef_percent"])
    names = {
        path.name for path in write_evaluation(summarise(empty), [], [empty[0].to_dict()], tmp_path)
    }
    assert "agreement.svg" in names


def test_figures_name_the_extra_that_has_matplotlib():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.modules['matplotlib'] = None\n"
            "from lvvol.cli import main\n"
            "sys.exit(main(['evaluate', 'data', '-o', 'out']))",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert done.stderr == (
        "lvvol: error: matplotlib is not installed, which measuring does without but this needs: "
        'pip install "lvvol[train]"\n'
    )
