"""The score: the paper's values, hand calculations, and scoringrules as a witness."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lvvol.uncertainty.crps import (
    N_VALUES,
    competition_crps,
    gaussian_cdf,
    gaussian_crps_ml,
    mixture_cdf,
    sample_cdf,
)

VOLUMES = st.floats(0.0, 600.0)
SIGMAS = st.floats(0.0, 200.0)
# Means (rows) and standard deviations (columns) for a true volume of 100 mL, by eq. 9.
SIGMAS_ML = np.array([0.0, 5.0, 10.0, 12.0, 20.0])
EXACT = {
    100.0: [0.0, 0.0019696364, 0.0039059999, 0.0046831354, 0.0077953737],
    105.0: [0.0083333333, 0.0056026954, 0.0058522771, 0.0063171169, 0.0087865416],
    110.0: [0.0166666667, 0.0129050085, 0.0106163186, 0.0104177160, 0.0113707784],
    120.0: [0.0333333333, 0.0294651605, 0.0250101125, 0.0235985887, 0.0206536472],
}


@pytest.mark.parametrize(("mean_ml", "expected"), EXACT.items())
def test_exact_values(mean_ml, expected):
    scores = competition_crps(gaussian_cdf(mean_ml, SIGMAS_ML), 100.0)
    np.testing.assert_allclose(scores, expected, atol=5e-11)


def test_the_papers_value_is_half_a_millilitre_nearer():
    """C = 0.0094 for an error of 10 mL and a sigma of 12 mL: on this side, or by n > V."""
    assert round(float(competition_crps(gaussian_cdf(110.0, 12.0), 100.0)), 4) == 0.0104
    assert round(float(competition_crps(gaussian_cdf(90.0, 12.0), 100.0)), 4) == 0.0094
    after = competition_crps(gaussian_cdf(110.0, 12.0), 100.0, step="after")
    assert round(float(after), 4) == 0.0094


def test_the_conventions_differ_for_whole_volumes_only():
    cdf = gaussian_cdf(110.0, 12.0)
    at, after = (competition_crps(cdf, 100.0, step=step) for step in ("at", "after"))
    # One term: (P(100) - 1)^2 or P(100)^2.
    assert at - after == pytest.approx((1 - 2 * cdf[100]) / N_VALUES)
    assert competition_crps(cdf, 100.5) == competition_crps(cdf, 100.5, step="after")


def test_a_volume_beyond_the_last_value():
    assert competition_crps(np.zeros(N_VALUES), 700.0) == 0.0
    assert competition_crps(np.ones(N_VALUES), 700.0) == 1.0


def test_shapes_broadcast():
    scores = competition_crps(gaussian_cdf([[100.0], [110.0]], [5.0, 10.0]), [100.0, 105.0])
    assert scores.shape == (2, 2)
    assert scores[1, 0] == competition_crps(gaussian_cdf(110.0, 5.0), 100.0)


@given(VOLUMES, SIGMAS)
def test_a_gaussian_cdf_never_falls_and_stays_within_0_and_1(mean_ml, sigma_ml):
    cdf = gaussian_cdf(mean_ml, sigma_ml)
    assert cdf.shape == (N_VALUES,)
    assert (np.diff(cdf) >= 0).all()
    assert cdf[0] >= 0
    assert cdf[-1] <= 1


@given(
    arrays(float, 3, elements=VOLUMES),
    arrays(float, 3, elements=SIGMAS),
    arrays(float, 3, elements=st.floats(0.01, 1.0)),
)
def test_a_mixture_is_the_weighted_mean_of_its_parts(means_ml, sigmas_ml, weights):
    cdf = mixture_cdf(means_ml, sigmas_ml, weights)
    parts = [gaussian_cdf(*part) for part in zip(means_ml, sigmas_ml, strict=True)]
    np.testing.assert_allclose(cdf, np.average(parts, axis=0, weights=weights), atol=1e-14)
    competition_crps(cdf, 100.0)  # accepts it: never falling, within 0 to 1


def test_a_mixture_broadcasts_over_studies():
    cdf = mixture_cdf([[50.0, 60.0], [100.0, 90.0]], [5.0, 10.0], [1.0, 2.0])
    np.testing.assert_array_equal(cdf[1], mixture_cdf([100.0, 90.0], [5.0, 10.0], [1.0, 2.0]))


@given(st.lists(st.floats(-50.0, 700.0), min_size=1, max_size=40))
def test_a_sample_counts_what_is_at_most_n(samples_ml):
    cdf = sample_cdf(samples_ml)
    for n in (0, 1, 17, 599):
        assert cdf[n] == pytest.approx(np.mean([s <= n for s in samples_ml]))


def test_a_large_sample_has_the_score_of_its_distribution():
    samples_ml = np.random.default_rng(1).normal(120.0, 12.0, 100_000)
    assert competition_crps(sample_cdf(samples_ml), 110.0) == pytest.approx(
        float(competition_crps(gaussian_cdf(120.0, 12.0), 110.0)), rel=0.01
    )


@pytest.mark.parametrize(
    ("mean_ml", "sigma_ml", "expected"),
    [
        (100.0, 10.0, 10 * (math.sqrt(2) - 1) / math.sqrt(math.pi)),
        (105.0, 0.0, 5.0),
        (100.0, 0.0, 0.0),
        (400.0, 1.0, 300 - 1 / math.sqrt(math.pi)),  # so far that the shape doesn't matter
        (400.0, 1e-300, 300.0),
    ],
)
def test_gaussian_crps_by_hand(mean_ml, sigma_ml, expected):
    assert gaussian_crps_ml(mean_ml, sigma_ml, 100.0) == pytest.approx(expected, rel=1e-12)


@given(st.floats(150.0, 300.0), st.floats(3.0, 20.0), st.floats(150.0, 300.0))
def test_the_sum_over_whole_ml_is_the_integral_half_a_ml_away(mean_ml, sigma_ml, volume_ml):
    """The midpoint rule of an integral whose step lies at the next half mL."""
    next_half_ml = math.ceil(volume_ml) - 0.5
    exact = gaussian_crps_ml(mean_ml, sigma_ml, next_half_ml) / N_VALUES
    # What the rule leaves is of second order in 1 / sigma.
    got = competition_crps(gaussian_cdf(mean_ml, sigma_ml), volume_ml)
    assert got == pytest.approx(float(exact), abs=0.1 / sigma_ml / N_VALUES)


def test_scoringrules_agrees_about_gaussians():
    scoringrules = pytest.importorskip("scoringrules")
    rng = np.random.default_rng(2)
    means, volumes, sigmas = (
        rng.uniform(0, 300, 99),
        rng.uniform(0, 300, 99),
        rng.uniform(1, 50, 99),
    )
    np.testing.assert_allclose(
        gaussian_crps_ml(means, sigmas, volumes),
        scoringrules.crps_normal(volumes, means, sigmas),
        rtol=1e-10,
    )


def test_scoringrules_agrees_about_samples():
    """Of whole mL, with volumes at whole mL, the sum is the integral exactly."""
    scoringrules = pytest.importorskip("scoringrules")
    rng = np.random.default_rng(3)
    for samples_ml, volume_ml in zip(
        rng.integers(0, 300, (20, 30)), range(50, 250, 10), strict=True
    ):
        assert N_VALUES * competition_crps(sample_cdf(samples_ml), volume_ml) == pytest.approx(
            scoringrules.crps_ensemble(float(volume_ml), samples_ml.astype(float))
        )


def test_scoringrules_agrees_about_mixtures():
    scoringrules = pytest.importorskip("scoringrules")
    means, sigmas, weights = np.array([180.0, 230.0]), np.array([20.0, 30.0]), np.array([0.3, 0.7])
    expected = scoringrules.crps_mixnorm(199.5, means, sigmas, weights)
    got = N_VALUES * competition_crps(mixture_cdf(means, sigmas, weights), 200.0)
    assert got == pytest.approx(float(expected), rel=1e-3)


@given(st.floats(1.0, 40.0))
def test_the_score_is_least_at_the_true_sigma(sigma_ml):
    """Over errors at the quantiles of a normal distribution, with no chance in them."""
    quantiles = np.array([-2.1, -1.5, -1.15, -0.9, -0.67, -0.45, -0.25, 0.0])
    errors = sigma_ml * np.concatenate([quantiles, -quantiles])
    errors *= sigma_ml / errors.std()
    scores = [gaussian_crps_ml(0.0, sigma_ml * f, errors).mean() for f in (0.7, 1.0, 1.4)]
    assert scores[1] == min(scores)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda cdf: cdf[:-1], r"expected shape \(..., 600\), got \(599,\)"),
        (lambda cdf: 1.5 * cdf, "within 0 to 1"),
        (lambda cdf: np.full_like(cdf, np.nan), "within 0 to 1"),
        (lambda cdf: cdf[::-1], "never fall"),
    ],
)
def test_what_is_no_distribution_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        competition_crps(change(gaussian_cdf(100.0, 10.0)), 100.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: competition_crps(np.ones(600), np.nan), "volume_ml: expected finite"),
        (lambda: competition_crps(np.ones(600), 1.0, step=">"), "step: expected 'at' or 'after'"),
        (lambda: gaussian_cdf(100.0, -1.0), "sigma_ml: expected numbers of at least 0"),
        (lambda: gaussian_cdf(np.inf, 1.0), "mean_ml: expected finite"),
        (lambda: gaussian_crps_ml(100.0, np.nan, 100.0), "sigma_ml: expected"),
        (lambda: mixture_cdf([1.0, 2.0], [1.0, 1.0], [1.0]), "one for each part, got 1"),
        (lambda: mixture_cdf([1.0], [1.0], [0.0]), "weights: expected finite"),
        (lambda: sample_cdf([]), "samples_ml: expected"),
        (lambda: sample_cdf([np.nan]), "samples_ml: expected"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
