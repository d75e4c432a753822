"""Two evaluations of the same patients."""

import json

import numpy as np
import pytest

from lvvol.errors import PredictionsError
from lvvol.evaluate import PatientResult, summarise
from lvvol.evaluate.compare import compare
from lvvol.report.result_json import to_json

RNG = np.random.default_rng(0)
HARD = RNG.normal(0, 20, 40)  # what is hard about each patient
LUCK = RNG.normal(0, 2, 40)


def results(errors_ml, names=None, **changes):
    return [
        PatientResult(
            name,
            **{
                "edv_ml": 150.0 + error,
                "esv_ml": 60.0,
                "labelled_edv_ml": 150.0,
                "labelled_esv_ml": 60.0,
                "dice_ed": 0.9,
                **changes,
            },
        )
        for name, error in zip(names or (f"p{n}" for n in range(99)), errors_ml, strict=False)
    ]


@pytest.fixture
def write(tmp_path):
    """Write an evaluation as `lvvol evaluate --json` does."""

    def write_results(name, patients, **changes):
        each = [result.to_dict() for result in patients]
        text = to_json({**summarise(patients), "refused": [], "each": each, **changes})
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write_results


def differences(*files):
    return {each.figure: each for each in compare(*files).differences}


def test_differences_are_b_minus_a(write):
    found = differences(
        write("a.json", results([10.0, -10.0])), write("b.json", results([4.0, -4.0]))
    )
    rmse = found["edv_ml.rmse"]
    assert (rmse.a, rmse.b, rmse.difference) == pytest.approx((10, 4, -6))
    assert (rmse.low, rmse.high, rmse.better) == (pytest.approx(-6), pytest.approx(-6), "b")
    assert found["esv_ml.rmse"].better == ""
    assert "failed_share" not in found


def test_pairs_make_small_differences_sure(write):
    """A is 5 mL further off in the same direction, which each alone could not tell from chance."""
    a = write("a.json", results(HARD + 5 * np.sign(HARD) + LUCK))
    b = write("b.json", results(HARD))
    found = differences(a, b)["edv_ml.mean_absolute_error"]
    assert found.better == "b"
    assert found.low < -5 < found.high
    assert found.high - found.low < 2
    alone = summarise(results(HARD))["interval_95"]["edv_ml"]["mean_absolute_error"]
    assert alone[1] - alone[0] > 5
    assert differences(b, a)["edv_ml.mean_absolute_error"].better == "a"


def test_chance_is_no_better(write):
    found = differences(write("a.json", results(HARD)), write("b.json", results(HARD + LUCK)))
    assert found["edv_ml.rmse"].better == ""


def test_a_higher_dice_is_better_and_a_bias_is_neither(write):
    found = differences(
        write("a.json", results([1.0, 2.0])), write("b.json", results([2.0, 3.0], dice_ed=0.8))
    )
    assert found["dice_ed_mean"].better == "a"
    assert found["edv_ml.mean_error"].difference == pytest.approx(1)
    assert found["edv_ml.mean_error"].better == ""


def test_only_patients_of_both_count(write):
    a = write("a.json", results([10.0, 99.0, 10.0], ["p", "q", "r"]))
    b = write("b.json", results([20.0, 20.0, 77.0], ["r", "p", "s"]))
    found = compare(a, b)
    assert (found.n_patients, found.only_a, found.only_b) == (2, ("q",), ("s",))
    by_name = {each.figure: each for each in found.differences}
    assert by_name["edv_ml.rmse"].difference == pytest.approx(10)


def test_figures_that_one_lacks_are_left_out(write):
    a = write("a.json", results([1.0, 2.0]))
    b = write("b.json", results([1.0, 2.0], dice_ed=float("nan")))
    assert "dice_ed_mean" not in differences(a, b)


def test_other_labels_and_other_patients_are_refused(write):
    a = write("a.json", results([1.0]))
    with pytest.raises(PredictionsError, match=r"b\.json: p0: expected the labels of .*EDV 150 "):
        compare(a, write("b.json", results([1.0], labelled_edv_ml=151.0)))
    with pytest.raises(PredictionsError, match="expected patients measured in both, got none"):
        compare(a, write("b.json", results([1.0], ["other"])))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "Expecting value"),
        ("[]", "no schema_version"),
        ('{"schema_version": 9}', "schema_version 9, not 1"),
        ('{"schema_version": 1}', "no each"),
        ('{"schema_version": 1, "each": 3}', "'int' object is not iterable"),
        ('{"schema_version": 1, "each": [{"patient": "a"}]}', "no dice_ed"),
    ],
)
def test_what_is_no_evaluation_is_refused(write, tmp_path, content, message):
    (tmp_path / "b.json").write_text(content)
    with pytest.raises(PredictionsError, match=rf"b\.json: expected the JSON of .* got {message}"):
        compare(write("a.json", results([1.0])), tmp_path / "b.json")


def test_missing_files_and_patients_listed_twice_are_refused(write, tmp_path):
    a = write("a.json", results([1.0]))
    with pytest.raises(PredictionsError, match=r"evaluation\.json: .* got No such file"):
        compare(a, tmp_path)
    with pytest.raises(PredictionsError, match="expected each patient once"):
        compare(a, write("b.json", results([1.0, 1.0], ["p0", "p0"])))


def test_damaged_numbers_are_refused(write):
    a = write("a.json", results([1.0]))
    content = json.loads(a.read_text())
    content["each"][0]["edv_ml"] = "x"
    a.write_text(json.dumps(content))
    with pytest.raises(PredictionsError, match="could not convert string to float"):
        compare(a, a)
