"""The --series option of `predict` and `inspect`."""

import json

import pytest

from lvvol import dicom, errors, model
from tests.support.discs import disc_prediction
from tests.support.studies import Study
from tests.support.surveys import a_survey


@pytest.fixture
def requested(monkeypatch):
    """Replace reading and measuring; return the list of requested series."""
    names = []

    def survey_study(path, *, series=(), study_uid=None, progress=None):
        names.extend([*series, *([study_uid] if study_uid else [])])
        return a_survey()

    def predict(study, *, series=(), study_uid=None, **options):
        names.extend([*series, *([study_uid] if study_uid else [])])
        return disc_prediction()

    monkeypatch.setattr(dicom, "survey_study", survey_study)
    monkeypatch.setattr(model, "predict", predict)
    return names


@pytest.mark.parametrize("command", ["inspect", "predict"])
@pytest.mark.parametrize(
    ("arguments", "series"),
    [
        ([], []),
        (["--series", "5"], [5]),
        (["--series=1.2.840.5", "--series", "7"], ["1.2.840.5", 7]),
        (["--series", " 05 ", "--series", "x"], [5, "x"]),
        (["--study", "1.2.3", "--series", "7"], [7, "1.2.3"]),
    ],
)
def test_digits_are_a_number_and_anything_else_a_uid(run, requested, command, arguments, series):
    assert run(command, "study", *arguments)[0] == 0
    assert requested == series
    assert [type(name) for name in requested] == [type(name) for name in series]


@pytest.mark.parametrize("command", ["inspect", "predict"])
@pytest.mark.parametrize("name", ["", " "])
def test_empty_name_is_a_usage_error(run, requested, command, name):
    code, out, err = run(command, "study", "--series", name)
    assert (code, out) == (2, "")
    assert "--series" in err
    assert requested == []


@pytest.fixture
def scanned_twice(tmp_path):
    """Four slices as series 1, repeated later as series 2."""
    study = Study(tmp_path)
    for number in (1, 2):
        for z in range(4):
            study.slice(
                z, n_phases=3, mark=z + 4 * number, SeriesNumber=number, acquired=f"1{number}0000"
            )
    return study


def used_series(result):
    return {slice_["number"] for slice_ in result["stack"]["series"]}


def test_requested_series_is_used(run, scanned_twice):
    def inspected(*arguments):
        code, out, err = run("inspect", scanned_twice.folder, "--json", *arguments)
        assert (code, err) == (0, "")
        return used_series(json.loads(out))

    assert inspected() == {2}  # the later scan wins
    assert inspected("--series", "1") == {1}
    assert inspected("--series", scanned_twice.series[1]) == {1}


@pytest.mark.parametrize("command", ["inspect", "predict"])
@pytest.mark.parametrize("name", ["3", "1.2.3"])
def test_missing_series_has_its_exit_code(run, scanned_twice, command, name):
    code, _, err = run(command, scanned_twice.folder, "--series", name)
    assert code == errors.SeriesError.exit_code == 23
    assert err.startswith("lvvol: error: ")
    assert err.count("\n") == 1
