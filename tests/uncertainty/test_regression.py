"""Fits of bias and standard deviation: what is put in comes out, and the prior weighs."""

import numpy as np
import pytest

from lvvol.uncertainty.calibration import Bias
from lvvol.uncertainty.regression import _losses, fit_volume
from lvvol.uncertainty.sigma import TERMS, SigmaModel, terms_of
from tests.support.labelled_rows import calibration, rows_of, sigma_model

LOSSES = ["crps", "likelihood"]
PLAIN = calibration()


def arrays(rows):
    measured = np.array([row.features.ed.volume_ml for row in rows])
    true = np.array([row.edv_ml for row in rows])
    terms = np.array([terms_of(row.features, "ed", PLAIN.area_error) for row in rows])
    return measured, true, terms


@pytest.mark.parametrize("loss", LOSSES)
def test_slopes_of_the_losses(loss):
    measured, true, terms = arrays(rows_of(PLAIN, 5, seed=1))
    design = (np.column_stack([np.ones(5), measured / 100]), terms)
    at = np.concatenate([[3.0, 98.0], PLAIN.edv_sigma.values])
    _, by_line, by_log, *_ = _losses(at, design, true, loss)
    expected = np.concatenate([design[0].T @ by_line, terms.T @ by_log])
    for i, step in enumerate(1e-5 * np.eye(len(at))):
        up, down = (_losses(x, design, true, loss)[0].sum() for x in (at + step, at - step))
        assert (up - down) / 2e-5 == pytest.approx(expected[i], rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_expected_curvatures_are_those_of_normal_errors(loss):
    """By differences of the slopes, over the quantiles of the normal distribution."""
    z = np.random.default_rng(2).normal(size=100_000)
    z = np.concatenate([z, -z]) / z.std()
    terms = np.ones((len(z), 1))
    design = (np.ones((len(z), 2)) * [1.0, 0.0], terms)
    at, sigma = np.array([0.0, 1.0, np.log(7.0)]), 7.0
    *_, line, log = _losses(at, design, sigma * z, loss)
    for axis, which, expected in ((0, 1, line[0]), (2, 2, log[0])):
        step = 1e-3 * np.eye(3)[axis]
        up, down = (_losses(x, design, sigma * z, loss)[which] for x in (at + step, at - step))
        assert np.mean(up - down) / 2e-3 == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("loss", LOSSES)
def test_with_a_fixed_bias_sigma_holds_what_it_leaves(loss):
    truth = calibration(edv_bias=Bias(30.0, 1.0), edv_sigma=sigma_model(constant=np.log(5.0)))
    measured, true, terms = arrays(rows_of(truth, 2000, seed=3))
    bias, sigma = fit_volume(
        measured, true, terms, Bias(2.0, 1.1), sigma_model(), 10.0, loss, fix_bias=True
    )
    assert (bias.offset_ml, bias.slope) == (pytest.approx(2.0), pytest.approx(1.1))
    errors_ml = true - 2.0 - 1.1 * measured
    assert (errors_ml**2).mean() == pytest.approx((sigma.sigma_ml(terms) ** 2).mean(), rel=0.3)


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_put_in_comes_out(loss):
    truth = calibration(
        edv_bias=Bias(12.0, 0.9),
        edv_sigma=sigma_model(constant=2.0, volume=0.9, reasons=0.4, disagreement=2.0),
    )
    bias, sigma = fit_volume(
        *arrays(rows_of(truth, 4000, seed=3)), Bias(), sigma_model(), 10.0, loss
    )
    assert bias.offset_ml == pytest.approx(12.0, abs=2.0)
    assert bias.slope == pytest.approx(0.9, abs=0.012)
    assert sigma.coefficients["volume"] == pytest.approx(0.9, abs=0.15)
    assert sigma.coefficients["reasons"] == pytest.approx(0.4, abs=0.08)
    assert sigma.coefficients["disagreement"] == pytest.approx(2.0, abs=0.5)
    assert sigma.coefficients["roi"] == pytest.approx(0.0, abs=0.25)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n", [1, 2, 20])
def test_a_heavy_prior_stays(loss, n):
    prior_bias, prior_sigma = Bias(5.0, 0.95), sigma_model(constant=2.1)
    rows = rows_of(calibration(edv_bias=Bias(30.0, 1.1)), n, seed=4)
    bias, sigma = fit_volume(*arrays(rows), prior_bias, prior_sigma, 1e7, loss)
    assert bias.offset_ml == pytest.approx(5.0, abs=0.01)
    assert bias.slope == pytest.approx(0.95, abs=0.001)
    np.testing.assert_allclose(sigma.values, prior_sigma.values, atol=1e-3)


def test_the_prior_weighs_as_many_patients_as_it_says():
    """Where the spread is known, 30 patients against 10: three quarters of the way.

    Every patient is off by the same 8 mL either way about a line 20 mL above the prior's, which is
    the standard deviation of the prior, so that nothing moves that but the shift itself.
    """
    measured = np.tile(np.linspace(80.0, 240.0, 15), 2)
    off = np.repeat([8.0, -8.0], 15)
    terms = np.zeros((30, len(TERMS)))
    terms[:, 0] = 1.0
    prior_sigma = SigmaModel.of([np.log(8.0)] + [0.0] * (len(TERMS) - 1))
    bias, _ = fit_volume(
        measured, measured + 20.0 + off, terms, Bias(), prior_sigma, 10.0, "likelihood"
    )
    moved = bias.corrected_ml(160.0) - 160.0
    # The weight of the data falls a little as their spread about the line is found to be larger.
    assert 12.0 < moved < 15.0
    _, free = fit_volume(measured, measured + off, terms, Bias(), prior_sigma, 10.0, "likelihood")
    assert free.coefficients["constant"] == pytest.approx(np.log(8.0), abs=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_one_patient_moves_a_little_and_its_slope_stays_finite(loss):
    (row,) = rows_of(calibration(edv_bias=Bias(40.0, 1.0)), 1, seed=5)
    bias, sigma = fit_volume(*arrays([row]), Bias(), sigma_model(), 10.0, loss)
    at = row.features.ed.volume_ml
    assert 0 < bias.corrected_ml(at) - at < 10.0
    assert 0.9 < bias.slope < 1.2
    assert np.isfinite(sigma.values).all()


def test_gross_errors_count_less_for_the_score():
    """Four of 200 patients are off by 150 mL."""
    measured, true, terms = arrays(rows_of(PLAIN, 200, seed=6))
    spoiled = true.copy()
    spoiled[:4] += 150.0
    growth = {}
    for loss in LOSSES:
        clean, other = (
            fit_volume(measured, volumes, terms, Bias(), sigma_model(), 10.0, loss)[1].values
            for volumes in (true, spoiled)
        )
        growth[loss] = np.exp(np.mean(terms @ (other - clean)))
    assert 1.0 < growth["crps"] < 1.3
    assert growth["likelihood"] > growth["crps"] + 0.2


@pytest.mark.parametrize("loss", LOSSES)
def test_volumes_that_do_not_go_together_are_refused(loss):
    measured, _, terms = arrays(rows_of(PLAIN, 40, seed=7))
    with pytest.raises(ValueError, match="true volumes: expected larger ones"):
        fit_volume(measured, 500.0 - measured, terms, Bias(), sigma_model(), 0.1, loss)
