"""Calibrations on disk: what is written is read again, and damage is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvvol.errors import CalibrationError, OutputError
from lvvol.uncertainty.calibration import Bias
from lvvol.uncertainty.files import read_calibration, write_calibration
from lvvol.uncertainty.fit import Settings, fit
from lvvol.uncertainty.joint import Quantity
from tests.support.labelled_rows import WEIGHTS, calibration, rows_of, sigma_model

NUMBERS = st.floats(-1e6, 1e6)
POSITIVE = st.floats(1e-6, 1e6)


@given(
    source=st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20),
    offset_ml=NUMBERS,
    slope=POSITIVE,
    constant=NUMBERS,
    correlation=st.floats(-0.999, 0.999),
    scales=st.dictionaries(st.floats(0.01, 0.99), POSITIVE, min_size=1, max_size=4),
)
def test_a_round_trip_keeps_the_last_digit(
    tmp_path_factory, source, offset_ml, slope, constant, correlation, scales
):
    path = tmp_path_factory.mktemp("calibration") / "c.json"
    written = calibration(
        source=source,
        edv_bias=Bias(offset_ml, slope),
        esv_sigma=sigma_model(constant=constant),
        correlation=correlation,
        scales={level: dict.fromkeys(Quantity, scale) for level, scale in scales.items()},
    )
    write_calibration(written, path)
    assert read_calibration(path) == written


def test_a_fitted_one_makes_the_round_trip(tmp_path):
    fitted = fit(rows_of(calibration(), 20, seed=1), Settings("site", WEIGHTS))
    write_calibration(fitted, tmp_path / "c.json")
    assert read_calibration(tmp_path / "c.json") == fitted


@pytest.fixture
def values(tmp_path):
    """A valid file as plain values."""
    write_calibration(calibration(), tmp_path / "valid.json")
    return json.loads((tmp_path / "valid.json").read_text())


def change(*path, to):
    """Set one value, deep in the file; or delete it."""

    def apply(values):
        *outer, last = path
        for key in outer:
            values = values[key]
        if to is None:
            del values[last]
        else:
            values[last] = to

    return apply


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change("format", to="lvvol calibration 2"), "format: expected 'lvvol calibration 1', got"),
        (change("format", to=None), "format: expected .* got None"),
        (change("source", to=None), "keys: expected 'source' among them, got only format, weigh"),
        (change("age", to=1), "keys: expected only format, .*, area_variances, got age"),
        (change("source", to=3), "source: expected text, got 3"),
        (change("weights_sha256", to="abc"), "weights_sha256: expected 64 hexadecimal digits"),
        (change("n_patients", to=3.0), "n_patients: expected a whole number, got 3.0"),
        (change("n_patients", to=True), "n_patients: expected a whole number, got True"),
        (change("n_patients", to=-1), "n_patients: expected at least 1, got -1"),
        (change("bias", to=[]), r"bias: expected a table, got \[\]"),
        (change("bias", "edv", "slope", to=None), "bias: edv: expected 'slope' among them"),
        (change("bias", "edv", "slope", to="1"), "bias: edv: slope: expected a number, got 1"),
        (change("bias", "esv", "slope", to=-1), "bias: esv: slope: expected above 0"),
        (change("bias", "esv", "offset_ml", to=10**400), "expected a number, got one beyond"),
        (
            change("log_sigma", "edv", "age", to=0.0),
            "log_sigma: edv: expected only constant, .*, got age",
        ),
        (change("log_sigma", "esv", "reasons", to=True), "expected a number"),
        (change("correlation", to=1), "correlation: expected above -1 and below 1, got 1"),
        (change("scales", to={}), "scales: expected at least one level"),
        (change("scales", to=[0.9]), "scales: expected a table"),
        (
            change("scales", "often", to=dict.fromkeys(Quantity, 1.0)),
            "scales: expected levels such as 0.9, got often",
        ),
        (change("scales", "0.90", to=dict.fromkeys(Quantity, 1.0)), "each level once, got 0.5, "),
        (change("scales", "0.9", "ef", to=0), "scales: 0.9: expected finite numbers above 0"),
        (
            change("scales", "0.9", "mass", to=1),
            "scales: 0.9: expected only edv, esv, sv, ef, got mass",
        ),
        (change("area_variances", "ed", to=[1.0]), "area_variances: ed_variances: expected 51"),
        (change("area_variances", "es", to=3), "area_variances: es: expected a list, got 3"),
        (change("area_variances", "es", 3, to="x"), "area_variances: es: expected a number, got x"),
    ],
)
def test_damage_is_named(tmp_path, values, damage, message):
    damage(values)
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(values))
    with pytest.raises(CalibrationError, match=message) as caught:
        read_calibration(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a calibration in JSON"),
        ("[]", r"format: expected 'lvvol calibration 1', got \[\]"),
        ('{"format": 1, "format": 2}', "got 'format' twice"),
        ('{"format": NaN}', "NaN, not a number"),
        ('{"format": Infinity}', "Infinity, not a number"),
        ("[" * 100_000, "expected a calibration in JSON"),
        (" " * 1_000_001, "more than 1000000 bytes"),
        ("\udcff", "expected a calibration in JSON"),
    ],
    ids=["empty", "list", "twice", "nan", "infinity", "nested", "large", "not UTF-8"],
)
def test_what_is_no_json_of_ours_is_refused(tmp_path, text, message):
    path = tmp_path / "other.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CalibrationError, match=message):
        read_calibration(path)


@pytest.mark.parametrize("level", ["often", "nan", "inf", "0"])
def test_levels_are_probabilities(tmp_path, values, level):
    values["scales"] = {level: dict.fromkeys(Quantity, 1.0)}
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(values))
    with pytest.raises(CalibrationError, match="scales: expected levels"):
        read_calibration(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CalibrationError, match="No such file"):
        read_calibration(tmp_path / "absent.json")


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_calibration(calibration(), tmp_path / "file" / "c.json")
