"""From errors of areas to one of the volume: by hand, and by drawing areas at random."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lvvol.uncertainty.area_error import (
    N_SHARES,
    SHARES,
    AreaError,
    fit_beta,
    share_slopes_ml,
    volume_sigma_ml,
    windowed_variances,
)
from lvvol.volume import cone_volume_ml

POSITIONS_MM = np.array([0.0, 8.0, 18.0, 28.0, 40.0])
SIDES_MM = np.array([70.0, 80.0, 80.0, 75.0, 60.0])
POSITIVE_SHARES = arrays(float, 5, elements=st.floats(0.02, 0.9))


def volume_ml(shares):
    return cone_volume_ml(shares * SIDES_MM**2, POSITIONS_MM)


def test_variances_by_hand():
    predicted = [0.10, 0.12, 0.15, 0.151, 0.40]
    true = [0.0, 0.1, 0.2, 0.9, 0.5]
    # Within 0.05 of 0.10: the first three, the edge included. Of 0, 0.1 and 0.2: 0.02 / 2.
    assert windowed_variances(predicted, true, [0.10], fewest=3) == pytest.approx(0.01)


def test_a_bias_is_no_variance():
    predicted = np.full(20, 0.3)
    assert windowed_variances(predicted, predicted + 0.1, [0.3]) == pytest.approx(0.0, abs=1e-12)


def test_sparse_windows_take_the_nearest_full_one():
    predicted = [0.2] * 3 + [0.6] * 3 + [0.9]
    true = [0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 0.0]
    at = [0.0, 0.2, 0.41, 0.6, 0.9]
    got = windowed_variances(predicted, true, at, fewest=3)
    np.testing.assert_allclose(got, [0.01, 0.01, 0.04, 0.04, 0.04])


def test_the_fit_keeps_ed_and_es_apart():
    rng = np.random.default_rng(4)
    predicted = rng.uniform(0.0, 0.6, 20_000)
    ed_true = predicted + rng.normal(0.0, 0.02, predicted.shape)
    es_true = predicted + rng.normal(0.0, 0.1 * predicted)
    model = AreaError.fit(predicted, ed_true, predicted, es_true)
    # The window itself adds the variance of a uniform share of width 0.1.
    window = 0.1**2 / 12
    assert model.ed_variances[15] == pytest.approx(0.02**2 + window, rel=0.1)
    assert model.es_variances[15] == pytest.approx(0.03**2 + window, rel=0.1)
    assert model.es_variances[25] == pytest.approx(0.05**2 + window, rel=0.1)


@given(POSITIVE_SHARES)
def test_slopes_times_shares_are_the_volume(shares):
    slopes = share_slopes_ml(shares, SIDES_MM, POSITIONS_MM)
    assert slopes @ shares == pytest.approx(float(volume_ml(shares)), rel=1e-12)


@given(POSITIVE_SHARES)
def test_slopes_are_the_derivative_of_cones(shares):
    numeric = [
        float(volume_ml(shares + step) - volume_ml(shares - step)) / 2e-5
        for step in 1e-5 * np.eye(5)
    ]
    slopes = share_slopes_ml(shares, SIDES_MM, POSITIONS_MM)
    np.testing.assert_allclose(slopes, numeric, rtol=1e-5)


def test_slopes_stay_finite_where_there_is_no_cavity():
    slopes = share_slopes_ml([0.0, 0.5, 0.0], [100.0] * 3, [0.0, 10.0, 20.0])
    # 100^2 mm2 x 10 mm / 3 x (1 + sqrt(0.5 / 0.02) / 2), and on both sides of the middle 1 + 0.
    np.testing.assert_allclose(slopes, [1e5 / 3 * 3.5 / 1e3, 2e5 / 3 / 1e3, 1e5 / 3 * 3.5 / 1e3])


def test_sigma_is_the_spread_of_volumes_of_random_areas():
    shares = np.array([0.1, 0.3, 0.35, 0.3, 0.15])
    model = AreaError.flat(0.01)
    sigma_ml = model.ed_sigma_ml(shares, share_slopes_ml(shares, SIDES_MM, POSITIONS_MM))
    drawn = shares + np.random.default_rng(5).normal(0.0, 0.01, (40_000, 5))
    assert volume_ml(drawn).std() == pytest.approx(sigma_ml, rel=0.02)


def test_variances_lie_on_a_line_between_shares():
    variances = np.zeros(N_SHARES)
    variances[10] = 4.0
    assert SHARES[10] == 0.2
    assert volume_sigma_ml([0.19], [3.0], variances) == pytest.approx(3.0 * math.sqrt(2.0))
    assert volume_sigma_ml([0.2, 0.2], [3.0, 4.0], variances) == pytest.approx(10.0)
    assert volume_sigma_ml([1.7], [3.0], variances) == 0.0


def test_es_has_its_own_variances():
    model = AreaError((0.01,) * N_SHARES, (0.04,) * N_SHARES)
    assert (model.ed_sigma_ml([0.3], [10.0]), model.es_sigma_ml([0.3], [10.0])) == (1.0, 2.0)


@pytest.mark.parametrize("true_beta", [0.25, 1.0, 4.0])
def test_beta_is_found_again(true_beta):
    rng = np.random.default_rng(6)
    sigmas_ml, true_ml = rng.uniform(5, 20, 20_000), rng.uniform(50, 250, 20_000)
    measured_ml = true_ml + rng.normal(0.0, math.sqrt(true_beta) * sigmas_ml)
    assert fit_beta(sigmas_ml, measured_ml, true_ml) == pytest.approx(true_beta, rel=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: windowed_variances([0.1], [0.1, 0.2], [0.1]), r"got \(1,\) and \(2,\)"),
        (lambda: windowed_variances([np.nan], [0.1], [0.1]), "expected finite"),
        (lambda: windowed_variances([0.1] * 9, [0.1] * 9, [0.1]), "at least 10 samples"),
        (lambda: windowed_variances([0.1], [0.1], [0.1], fewest=1), "at least 2, got 0.05 and 1"),
        (lambda: AreaError((1.0,), (1.0,) * N_SHARES), "ed_variances: expected 51"),
        (lambda: AreaError((1.0,) * N_SHARES, (-1.0,) * N_SHARES), "es_variances: expected 51"),
        (lambda: share_slopes_ml([0.1], [1.0, 2.0], [0.0]), "expected the same shape"),
        (lambda: share_slopes_ml([-0.1], [1.0], [0.0]), "shares: expected at least 0"),
        (lambda: share_slopes_ml([0.1], [0.0], [0.0]), "sides_mm: expected above 0"),
        (lambda: share_slopes_ml([0.1] * 2, [1.0] * 2, [1.0, 1.0]), "positions_mm: expected incr"),
        (lambda: fit_beta([], [], []), "expected the same shape"),
        (lambda: fit_beta([0.0], [1.0], [1.0]), "sigmas above 0"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
