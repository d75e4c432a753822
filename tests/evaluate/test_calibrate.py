"""Calibrations from labelled studies: phantoms, as a reader with habits of his own sees them."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import lvvol
from lvvol.cli import main
from lvvol.datasets import Dataset, Patient
from lvvol.datasets.phantoms import phantom_labels
from lvvol.errors import CalibrationError
from lvvol.evaluate import calibrate as module
from lvvol.evaluate.calibrate import calibrate, collect
from lvvol.uncertainty import read_calibration

SEEDS = range(2, 16)
OFFSET_ML, SLOPE = 15.0, 1.2


def as_read(seed):
    labels = phantom_labels(seed, rows=160)
    return replace(
        labels,
        edv_ml=OFFSET_ML + SLOPE * labels.edv_ml,
        esv_ml=OFFSET_ML + SLOPE * labels.esv_ml,
    )


def broken(seed):
    labels = as_read(seed)
    still = np.repeat(labels.stack.images[:, :1], 2, axis=1)
    return replace(labels, stack=replace(labels.stack, images=still))


@pytest.fixture(scope="module")
def site():
    patients = [Patient(f"site/{seed:02}", (), partial(as_read, seed)) for seed in SEEDS]
    return Dataset("site", (*patients, Patient("site/still", (), partial(broken, 2))))


@pytest.fixture(scope="module")
def found(site):
    return collect(site, lvvol.load_model())


@pytest.fixture
def at_site(monkeypatch, found, site):
    """The site's patients, measured once for all tests."""
    monkeypatch.setattr(module, "open_dataset", lambda place: site)
    monkeypatch.setattr(module, "collect", lambda dataset, model, progress: found)


def test_patients_are_measured_and_those_refused_are_named(found):
    assert found.names == [f"phantom/{seed}" for seed in SEEDS]
    assert len(found.rows) == len(SEEDS)
    (refused,) = found.refused
    assert refused.startswith("phantom/2: ")
    assert found.rows[0].edv_ml == pytest.approx(as_read(2).edv_ml)


def test_shares_are_those_of_the_masks(found):
    predicted, drawn = np.array(found.shares[0]).T
    assert len(drawn) == sum(len(as_read(seed).masks) for seed in SEEDS)
    assert 0 <= drawn.min() < 0.05 < 0.2 < drawn.max() < 0.6
    assert np.corrcoef(predicted, drawn)[0, 1] > 0.9
    assert found.area_error() is None  # from so few slices
    more = replace(found, shares={t: 2 * pairs for t, pairs in found.shares.items()})
    assert more.area_error().ed_variances[0] < more.area_error().ed_variances[15]


def by_reader(found):
    measured = [row.features.ed.volume_ml for row in found.rows]
    return measured, [row.edv_ml for row in found.rows]


@pytest.mark.usefixtures("at_site")
def test_the_readers_habit_is_found(found):
    before = lvvol.load_model().calibration
    result = calibrate("site", "ours")
    calibration = result.calibration
    assert (calibration.source, calibration.n_patients) == ("ours", len(SEEDS))
    slope, offset_ml = np.polyfit(*by_reader(found), 1)
    own_ml = offset_ml + 200.0 * slope
    assert own_ml > 215
    share = len(SEEDS) / (len(SEEDS) + 10)  # the prior counts as ten patients
    expected_ml = share * own_ml + (1 - share) * before.edv_bias.corrected_ml(200.0)
    assert calibration.edv_bias.corrected_ml(200.0) == pytest.approx(expected_ml, abs=4)
    assert result.after.crps < 0.8 * result.before.crps
    assert result.after.n_patients == result.before.n_patients == len(SEEDS)


@pytest.mark.usefixtures("at_site")
def test_kept_volumes_stay_and_their_intervals_widen():
    result = calibrate("site", "ours", keep_volumes=True)
    assert result.calibration.edv_bias == lvvol.load_model().calibration.edv_bias
    corrected = calibrate("site", "ours")
    widths = [r.after.mean_width[0.9]["edv"] for r in (result, corrected)]
    assert widths[0] > widths[1]


@pytest.mark.usefixtures("at_site")
def test_from_scratch_needs_no_calibration_before():
    result = calibrate("site", "ours", from_scratch=True)
    assert result.before is None
    assert result.calibration.edv_bias.slope > 1.05


def test_too_few_patients_are_refused(monkeypatch, site):
    monkeypatch.setattr(module, "open_dataset", lambda place: site[:1])
    with pytest.raises(CalibrationError, match=r"^nowhere: expected at least 2 patients .* got 1$"):
        calibrate("nowhere", "ours")


@pytest.mark.usefixtures("at_site")
def test_the_command_writes_a_calibration_that_predict_takes(capfd, tmp_path):
    path = tmp_path / "ours.json"
    assert main(["calibrate", str(tmp_path), "-o", str(path)]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert f"Calibration ours: {len(SEEDS)} patients, 1 not measured" in out
    assert "not measured: phantom/2: " in out
    assert read_calibration(path).source == "ours"
    assert main(["calibrate", str(tmp_path), "-o", str(path), "--json"]) == 0
    figures = json.loads(capfd.readouterr().out)
    assert figures["after"]["n_patients"] == len(SEEDS)
    assert 0 <= figures["after"]["levels"]["0.9"]["ef"]["covered"] <= len(SEEDS)
    prediction = lvvol.load_model(calibration=path).predict_working_stack(as_read(2).stack)
    assert prediction.edv_ml > 1.05 * prediction.edv_uncalibrated_ml
