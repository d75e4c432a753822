"""Means over patients, and over resamples of them: the bootstrap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lvvol.typing import Bool, Float64

N_RESAMPLES = 2000
LEVEL = 0.95


class Resampling:
    """Draws of patients with replacement, the same for every figure.

    Figures are functions of means over patients, so that one matrix of counts serves all: the
    first row is every patient once, each other row a resample.

    Parameters
    ----------
    n_patients : int
        At least 1.
    n_resamples : int
        0 for the figures alone.
    seed : int
        Another seed draws other resamples.

    Notes
    -----
    Percentile bootstrap (Efron and Tibshirani 1993, chapter 13). Patients are drawn, not slices or
    phases: those of one patient are not independent.

    Examples
    --------
    >>> draws = Resampling(3, n_resamples=1000)
    >>> means = draws.mean(np.array([1.0, 2.0, 6.0]))
    >>> float(means[0]), len(means)
    (3.0, 1001)
    """

    def __init__(self, n_patients: int, n_resamples: int = N_RESAMPLES, seed: int = 0) -> None:
        if n_patients < 1:
            raise ValueError(f"n_patients: expected at least 1, got {n_patients}")
        drawn = np.random.default_rng(seed).multinomial(
            n_patients, np.full(n_patients, 1.0 / n_patients), size=n_resamples
        )
        self._counts: Float64 = np.vstack([np.ones(n_patients), drawn])

    @property
    def n_patients(self) -> int:
        """Patients to draw from."""
        return len(self._counts.T)

    def count(self, known: Bool) -> Float64:
        """Return how many of some patients are in each draw, shape (1 + resample,)."""
        return np.asarray(self._counts @ known)

    def mean(self, values: Float64, known: Bool | None = None) -> Float64:
        """Return the mean of each draw.

        Parameters
        ----------
        values : ndarray, shape (patient,)
            One figure of every patient.
        known : ndarray of bool, shape (patient,), optional
            Patients who count; by default those whose value is not NaN. NaN of a patient who
            counts makes all means NaN.

        Returns
        -------
        ndarray, shape (1 + resample,)
            NaN where a draw has no patient who counts.
        """
        counts = ~np.isnan(values) if known is None else known
        n = self.count(counts)
        total = self._counts @ np.where(counts, values, 0.0)
        return np.asarray(np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0))


def value(draws: Float64) -> float:
    """Return the figure itself."""
    return float(draws[0])


def interval(draws: Float64) -> tuple[float, float] | None:
    """Return the bootstrap's 95 % interval; None where the figure is unknown or has no spread.

    Parameters
    ----------
    draws : ndarray, shape (1 + resample,)
        A figure and what it is in each resample; NaN where it cannot be formed.
    """
    known = draws[1:][np.isfinite(draws[1:])]
    if not np.isfinite(draws[0]) or len(known) < 2:
        return None
    tail = 50.0 * (1.0 - LEVEL)
    low, high = np.percentile(known, [tail, 100.0 - tail])
    return float(low), float(high)


def error_figures(
    draws: Resampling, measured: npt.ArrayLike, labelled: npt.ArrayLike, known: Bool | None = None
) -> dict[str, Float64]:
    """Return how measured values differ from labelled ones, in each draw.

    Parameters
    ----------
    draws : Resampling
        Of as many patients.
    measured, labelled : array_like, shape (patient,)
        Values in one unit.
    known : ndarray of bool, shape (patient,), optional
        Patients who count; by default those with a label.

    Returns
    -------
    dict
        ``rmse``, ``mean_absolute_error``, ``mean_error`` (measured - labelled) and the limits of
        agreement ``lower_limit``, ``upper_limit`` in that unit; ``relative_error_percent``, the
        mean of abs(measured - labelled) / labelled, without labels of 0; ``correlation``, Pearson's
        r, NaN for fewer than two different values. Each of shape (1 + resample,).

    Notes
    -----
    Limits are mean error +- 1.96 standard deviations, with n - 1 (Bland and Altman 1986).
    """
    a, b = np.asarray(measured, np.float64), np.asarray(labelled, np.float64)
    counts = ~np.isnan(b) if known is None else known
    errors = a - b
    n = draws.count(counts)
    bias = draws.mean(errors, counts)
    freedom = np.where(n > 1, n - 1.0, np.nan)
    spread = np.sqrt(_covariance(draws, errors, errors, counts) * n / freedom)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(b == 0, np.nan, np.abs(errors) / np.abs(b))
    return {
        "rmse": np.sqrt(draws.mean(errors**2, counts)),
        "mean_absolute_error": draws.mean(np.abs(errors), counts),
        "mean_error": bias,
        "relative_error_percent": 100.0 * draws.mean(relative, counts & (b != 0)),
        "lower_limit": bias - 1.96 * spread,
        "upper_limit": bias + 1.96 * spread,
        "correlation": _correlation(draws, a, b, counts),
    }


def _covariance(draws: Resampling, a: Float64, b: Float64, known: Bool) -> Float64:
    """Return covariances (with n), at least 0 for a variance."""
    if not known.any():
        return draws.mean(a, known)
    # Near the mean of all patients the difference of two large numbers stays small.
    a, b = a - a[known].mean(), b - b[known].mean()
    found = draws.mean(a * b, known) - draws.mean(a, known) * draws.mean(b, known)
    return np.maximum(found, 0.0) if a is b or np.array_equal(a, b, equal_nan=True) else found


def _correlation(draws: Resampling, a: Float64, b: Float64, known: Bool) -> Float64:
    of_a, of_b = _covariance(draws, a, a, known), _covariance(draws, b, b, known)
    # What rounding leaves of the variance of equal values counts as none.
    least = 1e-12 * np.array([_scale(a[known]), _scale(b[known])]) ** 2
    varies = (of_a > least[0]) & (of_b > least[1])
    product = np.sqrt(np.where(varies, of_a * of_b, 1.0))
    return np.where(varies, _covariance(draws, a, b, known) / product, np.nan)


def _scale(values: Float64) -> float:
    return float(np.abs(values).max()) if len(values) else 0.0
