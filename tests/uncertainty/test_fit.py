"""Calibrations of synthetic readers: their intervals cover, and what is left out stays out."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lvvol.errors import CalibrationError
from lvvol.uncertainty.calibration import Bias
from lvvol.uncertainty.crps import competition_crps, gaussian_cdf
from lvvol.uncertainty.fit import Row, Settings, coverage, coverage_left_out, fit
from lvvol.uncertainty.joint import Quantity
from tests.support.labelled_rows import WEIGHTS, calibration, rows_of, sigma_model

PLAIN = Settings("synthetic", WEIGHTS)
READER = calibration(
    edv_bias=Bias(12.0, 0.9),
    esv_bias=Bias(4.0, 1.05),
    edv_sigma=sigma_model(constant=2.0, volume=0.9, reasons=0.4),
    correlation=0.7,
)


@pytest.mark.parametrize("tails", [False, True], ids=["normal", "heavy tails"])
def test_intervals_cover_what_they_say(tails):
    """Six fits to 60 patients each, judged by 150 others each."""
    shares = []
    for seed in range(6):
        fitted = fit(rows_of(READER, 60, seed=seed, tails=tails), PLAIN)
        found = coverage(rows_of(READER, 150, seed=100 + seed, tails=tails), fitted)
        shares.append(
            [[n / 150 for n in found.covered[level].values()] for level in (0.5, 0.8, 0.9)]
        )
    means = np.mean(shares, axis=0)
    # A fit to 60 patients covers 4 to 6 points more or less than it says.
    np.testing.assert_allclose(means, [[0.5] * 4, [0.8] * 4, [0.9] * 4], atol=0.08)


def test_scales_come_from_patients_that_the_fit_has_not_seen():
    """Ten coefficients fitted to 20 patients with hardly a prior: their own errors look small.

    With scales from those, 80 % intervals of other patients would hold 66 %.
    """
    loose = replace(PLAIN, prior_patients=0.5)
    shares = []
    for seed in range(5):
        found = coverage(
            rows_of(READER, 100, seed=100 + seed), fit(rows_of(READER, 20, seed=seed), loose)
        )
        shares += [n / 100 for n in found.covered[0.8].values()]
    assert np.mean(shares) > 0.73


def test_the_fit_is_about_as_good_as_the_truth():
    unseen = rows_of(READER, 400, seed=9)
    fitted = fit(rows_of(READER, 300, seed=8), PLAIN)
    best, without = coverage(unseen, READER), coverage(unseen, calibration())
    found = coverage(unseen, fitted)
    assert found.crps < 1.03 * best.crps
    assert without.crps > 1.1 * best.crps
    assert fitted.correlation == pytest.approx(0.7, abs=0.08)
    assert (fitted.source, fitted.weights_sha256, fitted.n_patients) == ("synthetic", WEIGHTS, 300)


def test_the_order_of_patients_does_not_matter():
    rows = rows_of(READER, 25, seed=10)
    assert fit(rows[::-1], PLAIN) == fit(rows, PLAIN)


@pytest.mark.parametrize(("levels", "fewest"), [((0.5, 0.8, 0.9), 9), ((0.5,), 1), ((0.95,), 19)])
def test_a_level_needs_patients(levels, fewest):
    settings = replace(PLAIN, levels=levels)
    assert fit(rows_of(READER, fewest, seed=11), settings).levels == levels
    with pytest.raises(CalibrationError, match=f"expected at least {fewest} to fit intervals of"):
        fit(rows_of(READER, fewest - 1, seed=11), settings)


class TestPrior:
    @staticmethod
    def settings(prior, patients=10.0):
        return Settings("site", WEIGHTS, prior=prior, prior_patients=patients)

    def test_twenty_studies_of_another_reader(self):
        """A reader who draws 25 mL more: the shipped intervals miss, the site's own don't."""
        shipped = calibration()
        reader = calibration(edv_bias=Bias(25.0, 1.0))
        own, unseen = rows_of(reader, 20, seed=12), rows_of(reader, 300, seed=13)
        before, after = (
            coverage(unseen, shipped),
            coverage(unseen, fit(own, self.settings(shipped))),
        )
        assert before.covered[0.9][Quantity.EDV] < 0.75 * 300
        assert after.covered[0.9][Quantity.EDV] > 0.85 * 300
        assert after.crps < 0.9 * before.crps

    def test_a_heavy_prior_stays(self):
        prior = calibration(scales={0.9: dict.fromkeys(Quantity, 1.7)}, edv_bias=Bias(3.0, 1.1))
        fitted = fit(rows_of(READER, 15, seed=14), self.settings(prior, 1e7))
        assert fitted.levels == (0.9,)
        assert list(fitted.scales[0.9].values()) == pytest.approx([1.7] * 4, abs=1e-4)
        assert fitted.correlation == pytest.approx(prior.correlation, abs=1e-4)
        assert fitted.edv_bias.slope == pytest.approx(1.1, abs=1e-4)

    def test_scales_lie_between_the_rows_own_and_the_priors(self):
        """Own scales do not depend on the prior's: 30 rows against 10 and log 1 against log 16."""
        rows = rows_of(READER, 30, seed=15)
        one, sixteen = (
            fit(rows, self.settings(calibration(scales={0.9: dict.fromkeys(Quantity, scale)})))
            for scale in (1.0, 16.0)
        )
        for quantity in Quantity:
            ratio = sixteen.scales[0.9][quantity] / one.scales[0.9][quantity]
            assert ratio == pytest.approx(16.0 ** (10 / 40))

    def test_too_few_for_a_level_keep_the_priors_scale(self):
        prior = calibration(scales={level: dict.fromkeys(Quantity, 1.7) for level in (0.5, 0.9)})
        fitted = fit(rows_of(READER, 5, seed=16), self.settings(prior))
        assert set(fitted.scales[0.9].values()) == {1.7}
        assert fitted.scales[0.5][Quantity.EDV] != 1.7

    def test_one_patient_is_enough_and_none_is_not(self):
        fitted = fit(rows_of(READER, 1, seed=17), self.settings(calibration()))
        assert fitted.n_patients == 1
        with pytest.raises(CalibrationError, match="expected at least 1"):
            fit([], self.settings(calibration()))

    def test_other_weights_are_refused(self):
        with pytest.raises(CalibrationError, match="fit it again"):
            Settings("site", "f" * 64, prior=calibration())


def test_who_is_left_out_is_in_no_fit_that_judges_him(monkeypatch):
    rows = rows_of(READER, 12, seed=18)
    fits = []
    module = coverage_left_out.__globals__

    def recording_fit(kept, settings):
        fits.append(kept)
        return calibration(n_patients=len(fits))

    judged = []
    monkeypatch.setitem(module, "fit", recording_fit)
    monkeypatch.setitem(module, "_coverage", judged.extend)
    coverage_left_out(rows, PLAIN)
    coverage_left_out(rows, PLAIN, n_folds=4)
    assert [len(kept) for kept in fits] == [11] * 12 + [9] * 4
    assert len(judged) == 24
    for row, fitted in judged:
        assert row not in fits[fitted.n_patients - 1]


def test_coverage_left_out_is_what_unseen_patients_find():
    rows = rows_of(READER, 60, seed=19)
    left_out = coverage_left_out(rows, PLAIN, n_folds=6)
    unseen = coverage(rows_of(READER, 300, seed=20), fit(rows, PLAIN))
    assert left_out.n_patients == 60
    assert left_out.crps == pytest.approx(unseen.crps, rel=0.15)
    for level in (0.5, 0.8, 0.9):
        low, high = level - 0.17, min(level + 0.17, 1.0)
        assert all(low < n / 60 <= high for n in left_out.covered[level].values())


def test_coverage_by_hand():
    """No bias, 11 mL at 100 mL: 90 % is 18.1 mL to either side."""
    (row,) = rows_of(calibration(), 1, seed=21)
    edv = replace(row.features.ed, volume_ml=100.0)
    esv = replace(row.features.es, volume_ml=40.0)
    features = replace(row.features, ed=edv, es=esv)
    rows = [Row(features, 100.0 + error, 40.0) for error in (0.0, 18.0, 18.2)]
    found = coverage(rows, calibration())
    assert found.n_patients == 3
    assert found.covered[0.9][Quantity.EDV] == 2
    assert found.covered[0.5][Quantity.EDV] == 1
    assert found.covered[0.5][Quantity.ESV] == 3
    assert found.mean_width[0.9][Quantity.EDV] == pytest.approx(2 * 1.644854 * 11.0, rel=1e-5)
    esv_sigma_ml = 11.0 * (50 / 110) ** 0.6
    expected = [competition_crps(gaussian_cdf(40.0, esv_sigma_ml), 40.0)] * 3
    expected += [competition_crps(gaussian_cdf(100.0, 11.0), row.edv_ml) for row in rows]
    assert found.crps == pytest.approx(np.mean(expected))


def test_true_values_that_no_interval_holds(monkeypatch):
    monkeypatch.setitem(fit.__globals__, "conformal_quantile", lambda scores, level: math.inf)
    with pytest.raises(CalibrationError, match="that no interval holds"):
        fit(rows_of(READER, 12, seed=22), PLAIN)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Row(None, 0.0, 0.0), "EDV above 0"),
        (lambda: Row(None, 100.0, 101.0), "ESV from 0 to EDV, got 100.0 and 101.0"),
        (lambda: replace(PLAIN, prior_patients=0.0), "prior_patients: expected above 0"),
        (lambda: replace(PLAIN, levels=(0.5, 1.0)), "levels: expected above 0 and below 1"),
        (lambda: replace(PLAIN, levels=()), "levels: expected"),
        (lambda: replace(PLAIN, loss="l2"), "loss: expected 'crps' or 'likelihood'"),
        (lambda: coverage([], calibration()), "at least one patient"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
