import json
from pathlib import Path

import pytest

from lvvol import errors, evaluate
from lvvol.datasets import read_split
from lvvol.evaluate import PatientResult


def patient(name, edv_ml):
    return PatientResult(
        patient=name,
        dice_ed=0.9,
        dice_es=float("nan"),
        roi_overlap=0.8,
        edv_ml=edv_ml,
        esv_ml=50.0,
        probability_edv_ml=edv_ml - 10,
        probability_esv_ml=45.0,
        labelled_edv_ml=100.0,
        labelled_esv_ml=50.0,
    )


@pytest.fixture
def evaluated(monkeypatch):
    """Stand in for measuring; what it was called with is in the dictionary."""
    called = {"results": [patient("dsb2/0002", 103.0), patient("dsb2/0003", 96.0)]}

    def measure(dataset, part=None, weights=None, progress=None, split=None, calibration=None):
        called.update(
            dataset=dataset, part=part, weights=weights, split=split, calibration=calibration
        )
        return called["results"], ["dsb2/0004: no window looks like a left ventricle"]

    summary = {
        "n_patients": 3,
        "dice_ed_mean": 0.9,
        "dice_es_mean": float("nan"),
        "roi_recall": 1.0,
        "edv_ml": {
            "rmse": 3.5355,
            "mean_absolute_error": 3.5,
            "mean_error": -0.5,
            "correlation": 0.987,
        },
    }
    monkeypatch.setattr(evaluate, "evaluate", measure)
    monkeypatch.setattr(evaluate, "summarise", lambda results, refused: dict(summary))
    return called


def test_figures_are_printed_with_who_was_refused(run, evaluated):
    code, out, err = run("evaluate", "data", "--part", "test", "--weights", "run")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["Patients", "2", "measured,", "1", "refused"]
    assert next(line for line in lines if line.startswith("EDV from O")).split()[-4:] == [
        "3.5",
        "3.5",
        "-0.5",
        "0.987",
    ]
    assert "refused: dsb2/0004: no window looks like a left ventricle" in lines
    assert evaluated["dataset"] == Path("data")
    assert evaluated["part"] == evaluate.Part.TEST
    assert evaluated["weights"] == Path("run")


def test_json_holds_every_patient_and_no_nan(run, evaluated):
    code, out, _ = run("evaluate", "data", "--json")
    result = json.loads(out, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
    assert code == 0
    assert result["n_patients"] == 3
    assert [each["patient"] for each in result["each"]] == ["dsb2/0002", "dsb2/0003"]
    assert result["each"][0]["dice_es"] is None
    assert len(result["refused"]) == 1
    assert evaluated["part"] is None  # `evaluate` chooses


def test_nobody_measured_is_an_error(run, evaluated):
    evaluated["results"] = []
    code, out, err = run("evaluate", "data")
    assert (code, out) == (errors.DatasetError.exit_code, "")
    assert err.count("\n") == 1


def test_a_split_is_read_and_its_parts_have_any_name(run, evaluated, tmp_path):
    file = tmp_path / "split.json"
    file.write_text('{"fold:1": ["a/1"], "fold:2": ["a/2"]}')
    assert run("evaluate", "data", "--split", file, "--part", "not-fold:2")[0] == 0
    assert evaluated["part"] == "not-fold:2"
    assert evaluated["split"].part_of("a/2") == "fold:2"


def test_the_shipped_split_has_a_name(run, evaluated):
    assert run("evaluate", "data", "--split", "shipped", "--part", "test")[0] == 0
    assert evaluated["split"].part_of("dsb2/0013") == "test"


def test_a_missing_split_is_named(run, evaluated, tmp_path):
    code, _, err = run("evaluate", "data", "--split", tmp_path / "none.json")
    assert code == errors.DatasetError.exit_code
    assert "none.json: expected a split" in err


def test_a_part_that_is_none_is_wrong_usage(run, evaluated):
    assert run("evaluate", "data", "--part", "broken")[0] == 2


def test_a_calibration_is_passed_on(run, evaluated):
    assert run("evaluate", "data", "--calibration", "dsb2")[0] == 0
    assert evaluated["calibration"] == "dsb2"


def test_patients_with_broken_labels_are_named(run, evaluated):
    (broken, *_) = read_split("shipped").parts["broken"]
    evaluated["results"].append(patient(broken, 90.0))
    assert json.loads(run("evaluate", "data", "--part", "all", "--json")[1])["broken"] == [broken]
    assert f"labels contradict the images: {broken}" in run("evaluate", "data")[1]


@pytest.fixture
def files(tmp_path):
    """Predictions of two studies and their labels."""
    predictions, labels = tmp_path / "predictions.csv", tmp_path / "labels.csv"
    predictions.write_text("id,edv_ml,esv_ml\na,110,50\nb,190,90\n")
    labels.write_text("Id,Systole,Diastole\na,50,100\nb,100,200\n")
    return predictions, labels


def test_predictions_are_scored_without_measuring(run, files):
    arguments = ("evaluate", "--predictions", files[0], "--labels", files[1])
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == ["Patients", "2", "measured,", "0", "refused"]
    assert next(line for line in out.splitlines() if line.startswith("EDV, mL")).split()[-4:] == [
        *("10.0", "10.0", "0.0", "1.000")
    ]
    result = json.loads(run(*arguments, "--json")[1])
    assert (result["n_patients"], result["schema_version"]) == (2, 1)
    # Certain of 10 mL too much or too little, twice, and of 0 and 10: 30 of 600 values of four.
    assert result["crps_mean"] == pytest.approx(30 / 4 / 600)
    assert "dice_ed_mean" not in result


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--predictions", "a.csv"),
        ("--labels", "a.csv"),
        ("data", "--predictions", "a.csv", "--labels", "b.csv"),
        ("--predictions", "a.csv", "--labels", "b.csv", "--part", "test"),
        ("--predictions", "a.csv", "--labels", "b.csv", "--calibration", "dsb2"),
    ],
)
def test_what_belongs_to_the_other_kind_of_evaluation_is_wrong_usage(run, arguments):
    assert run("evaluate", *arguments)[0] == 2


def test_malformed_predictions_are_one_line_and_have_an_exit_code(run, files):
    files[0].write_text("id,edv_ml,esv_ml\na,nan,50\nc,1,2\n")
    code, out, err = run("evaluate", "--predictions", files[0], "--labels", files[1])
    assert (code, out) == (errors.PredictionsError.exit_code, "")
    assert err == (
        f"lvvol: error: {files[0]}: line 2: edv_ml: expected a number, got 'nan'; "
        "line 3: c: unknown id, which has no label; expected a row b, got none\n"
    )


@pytest.mark.real_data
def test_a_real_submission_has_the_score_that_the_competition_gave(run, data_source):
    folder = data_source / "submission"
    code, out, _ = run(
        *("evaluate", "--predictions", folder / "submission.csv"),
        *("--labels", folder / "labels.csv", "--json"),
    )
    result = json.loads(out)
    assert (code, result["n_patients"]) == (0, 20)
    assert result["crps_mean"] == pytest.approx(0.0067962, abs=5e-8)


def test_a_folder_gets_json_tables_figures_and_a_page(run, files, tmp_path):
    arguments = ("evaluate", "--predictions", files[0], "--labels", files[1])
    code, out, err = run(*arguments, "-o", tmp_path / "out", "--json")
    assert (code, err) == (0, "")
    assert (tmp_path / "out" / "evaluation.json").read_text() == out
    assert (tmp_path / "out" / "index.html").exists()
    code, out, _ = run(*arguments, "-o", tmp_path / "out")
    assert out.splitlines()[-1].startswith(f"Wrote {tmp_path / 'out' / 'index.html'} and ")


def test_an_unusable_folder_is_refused_before_the_work(run, evaluated, tmp_path):
    (tmp_path / "file").write_text("")
    assert run("evaluate", "data", "-o", tmp_path / "file")[0] == errors.OutputError.exit_code
    assert "dataset" not in evaluated
