"""`lvvol compare` on two evaluations by `lvvol evaluate`."""

import json

import pytest

from lvvol import errors


@pytest.fixture
def evaluations(run, tmp_path):
    """Two programs' volumes of three studies, evaluated: a file and a folder."""
    (tmp_path / "labels.csv").write_text("id,edv_ml,esv_ml\na,100,40\nb,200,120\nc,150,60\n")
    volumes = {"one": (110, 190, 160), "two": (102, 198, 152)}
    for name, (a, b, c) in volumes.items():
        rows = f"id,edv_ml,esv_ml\na,{a},40\nb,{b},120\nc,{c},60\n"
        (tmp_path / f"{name}.csv").write_text(rows)
        _, out, _ = run(
            *("evaluate", "--predictions", tmp_path / f"{name}.csv"),
            *("--labels", tmp_path / "labels.csv", "--json", "-o", tmp_path / name),
        )
        (tmp_path / f"{name}.json").write_text(out)
    return tmp_path / "one.json", tmp_path / "two"


def test_the_better_one_is_named(run, evaluations):
    code, out, err = run("compare", *evaluations)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "3 patients in both"
    rmse = next(line for line in lines if line.startswith("edv_ml.rmse")).split()
    assert rmse == ["edv_ml.rmse", *("10.00", "2.000", "-8.000", "(-8.000", "to", "-8.000)", "B")]


def test_json_has_every_figure(run, evaluations):
    code, out, _ = run("compare", *evaluations, "--json")
    found = json.loads(out)
    assert (code, found["n_patients"], found["only_a"]) == (0, 3, [])
    figures = {each["figure"]: each for each in found["differences"]}
    assert figures["crps_mean"]["better"] == "b"
    assert figures["edv_ml.relative_error_percent"]["difference"] < 0


def test_what_is_no_evaluation_has_an_exit_code(run, evaluations, tmp_path):
    code, out, err = run("compare", evaluations[0], tmp_path / "labels.csv")
    assert (code, out) == (errors.PredictionsError.exit_code, "")
    assert err.count("\n") == 1
