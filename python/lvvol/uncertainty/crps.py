"""The competition's score of a distribution over volumes (Liao et al. 2017, eq. 9).

A distribution is handed in as 600 values: P(n), the probability that the volume is at most n mL,
for n = 0 to 599. The score needs a convention for the true volume V, because V may be whole: with
``step="at"`` H(n) is 1 for n >= V, as the competition computes it; with ``step="after"`` only for
n > V. Where V is whole the two differ by one of the 600 terms, which is worth up to half a
millilitre to either side.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from lvvol.typing import Float64
from lvvol.uncertainty.normal import normal_cdf, normal_density

N_VALUES = 600
"""Values of a distribution: P(0 mL) to P(599 mL)."""

Step = Literal["at", "after"]
"""Whether H(n) is 1 for n >= V (the competition) or only for n > V."""

_GRID_ML = np.arange(N_VALUES, dtype=np.float64)
_GRID_ML.setflags(write=False)


def competition_crps(cdf: npt.ArrayLike, volume_ml: npt.ArrayLike, *, step: Step = "at") -> Float64:
    """Return the score of distributions, given the true volumes; 0 is perfect.

    Parameters
    ----------
    cdf : array_like, shape (..., 600)
        P(n), the probability of a volume of at most n mL; within 0 to 1 and never falling.
    volume_ml : array_like
        True volumes, finite, of a shape that broadcasts with ``cdf.shape[:-1]``.
    step : {"at", "after"}
        Whether H(n) is 1 for n >= V, as in the competition, or only for n > V.

    Returns
    -------
    ndarray of float64
        C of each distribution, 0 to 1; the competition averages it over EDV and ESV of all studies.

    Raises
    ------
    ValueError
        If there are not 600 values, one is outside 0 to 1 or below the one before it, a volume is
        not finite, or `step` is neither.

    Notes
    -----
    C = sum over n = 0 to 599 of (P(n) - H(n))^2 / 600 (Liao et al. 2017, eq. 9).

    Examples
    --------
    Certain of 105 mL where 100 mL is true: five of the 600 values are wrong.

    >>> import numpy as np
    >>> certain = (np.arange(600) >= 105).astype(float)
    >>> 600 * float(competition_crps(certain, 100.0))
    5.0
    >>> 600 * float(competition_crps(certain, 100.0, step="after"))
    4.0
    """
    values = np.asarray(cdf, np.float64)
    volumes = np.asarray(volume_ml, np.float64)
    if values.shape[-1:] != (N_VALUES,):
        raise ValueError(f"cdf: expected shape (..., {N_VALUES}), got {values.shape}")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("cdf: expected values within 0 to 1")
    if (np.diff(values) < 0).any():
        raise ValueError("cdf: expected values that never fall")
    if not np.isfinite(volumes).all():
        raise ValueError("volume_ml: expected finite numbers")
    if step not in ("at", "after"):
        raise ValueError(f"step: expected 'at' or 'after', got {step!r}")
    limits = volumes[..., None]
    reached = limits <= _GRID_ML if step == "at" else limits < _GRID_ML
    return np.asarray(np.square(values - reached).mean(axis=-1))


def gaussian_crps_ml(
    mean_ml: npt.ArrayLike, sigma_ml: npt.ArrayLike, volume_ml: npt.ArrayLike
) -> Float64:
    """Return the exact CRPS of normal distributions, in mL, of volumes that need not be whole.

    Parameters
    ----------
    mean_ml, sigma_ml : array_like
        Mean and standard deviation, the latter at least 0, of shapes that broadcast.
    volume_ml : array_like
        True volumes.

    Returns
    -------
    ndarray of float64
        The integral of (P - H)^2 over all volumes. A six hundredth of it is close to
        `competition_crps`, which is a sum over whole mL.

    Raises
    ------
    ValueError
        If a standard deviation is negative or NaN.

    Notes
    -----
    With z = (V - mean) / sigma, phi the density and Phi the CDF of the standard normal,
    CRPS = sigma (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)) (Gneiting and Raftery 2007, eq. 21);
    abs(V - mean) for sigma = 0.

    Examples
    --------
    >>> round(float(gaussian_crps_ml(100.0, 10.0, 100.0)), 6)  # 10 (sqrt(2) - 1) / sqrt(pi)
    2.33695
    >>> float(gaussian_crps_ml(105.0, 0.0, 100.0))
    5.0
    """
    sigma = _checked_sigma(sigma_ml)
    error = np.asarray(volume_ml, np.float64) - np.asarray(mean_ml, np.float64)
    error, sigma = np.broadcast_arrays(error, sigma)
    z = _divide(error, sigma, otherwise=np.where(error < 0, -np.inf, np.inf))
    inner = error * (2.0 * normal_cdf(z) - 1.0)
    return np.asarray(inner + sigma * (2.0 * normal_density(z) - 1.0 / math.sqrt(math.pi)))


def gaussian_cdf(mean_ml: npt.ArrayLike, sigma_ml: npt.ArrayLike) -> Float64:
    """Return the 600 values of normal distributions.

    Parameters
    ----------
    mean_ml, sigma_ml : array_like
        Mean and standard deviation, the latter at least 0, of shapes that broadcast.

    Returns
    -------
    ndarray of float64, shape (..., 600)
        P(n), the normal CDF at n mL; with a standard deviation of 0, whether n is at least the
        mean. What lies below 0 mL counts as P(0), and what lies above 599 mL is missing.

    Raises
    ------
    ValueError
        If a mean is not finite, or a standard deviation is negative or NaN.

    Examples
    --------
    >>> float(gaussian_cdf(100.0, 10.0)[100])
    0.5
    """
    mean, sigma = np.asarray(mean_ml, np.float64), _checked_sigma(sigma_ml)
    if not np.isfinite(mean).all():
        raise ValueError("mean_ml: expected finite numbers")
    mean, sigma = (array[..., None] for array in np.broadcast_arrays(mean, sigma))
    certain = np.where(mean <= _GRID_ML, np.inf, -np.inf)
    return normal_cdf(_divide(_GRID_ML - mean, sigma, otherwise=certain))


def mixture_cdf(
    means_ml: npt.ArrayLike, sigmas_ml: npt.ArrayLike, weights: npt.ArrayLike
) -> Float64:
    """Return the 600 values of a mixture of normal distributions.

    Parameters
    ----------
    means_ml, sigmas_ml : array_like, shape (..., part)
        Mean and standard deviation of each part, the latter at least 0.
    weights : array_like, shape (part,)
        Weight of each part, at least 0; they are divided by their sum.

    Returns
    -------
    ndarray of float64, shape (..., 600)
        P(n), as in `gaussian_cdf`.

    Raises
    ------
    ValueError
        If weights are negative, not finite, all 0 or not one per part, or `gaussian_cdf` refuses.

    Examples
    --------
    >>> float(mixture_cdf([50.0, 150.0], [1.0, 1.0], [3.0, 1.0])[100])
    0.75
    """
    shares = np.asarray(weights, np.float64)
    if shares.ndim != 1 or not (shares >= 0).all() or not 0 < shares.sum() < math.inf:
        raise ValueError(f"weights: expected finite numbers of at least 0, got {shares.tolist()}")
    parts = gaussian_cdf(means_ml, sigmas_ml)
    if parts.shape[-2:-1] != shares.shape:
        raise ValueError(f"weights: expected one for each part, got {len(shares)}")
    mixed = (shares[:, None] / shares.sum() * parts).sum(axis=-2)
    # The sum may exceed 1 in the last digit.
    return np.asarray(np.minimum(mixed, 1.0))


def sample_cdf(samples_ml: npt.ArrayLike) -> Float64:
    """Return the 600 values of a sample: the share of it that is at most n mL.

    Parameters
    ----------
    samples_ml : array_like, shape (sample,)
        At least one volume, without NaN.

    Returns
    -------
    ndarray of float64, shape (600,)
        P(n), the share of samples of at most n mL.

    Raises
    ------
    ValueError
        If there is no sample, one is NaN, or the shape is another.

    Examples
    --------
    >>> sample_cdf([1.5, 3.0])[:5].tolist()
    [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    samples = np.asarray(samples_ml, np.float64)
    if samples.ndim != 1 or not samples.size or np.isnan(samples).any():
        raise ValueError(f"samples_ml: expected shape (sample,) without NaN, got {samples.shape}")
    return np.searchsorted(np.sort(samples), _GRID_ML, side="right") / samples.size


def _divide(errors_ml: Float64, sigma_ml: Float64, otherwise: Float64) -> Float64:
    """Return errors by standard deviations, and `otherwise` where the latter are 0."""
    with np.errstate(over="ignore"):  # infinite is right
        return np.divide(errors_ml, sigma_ml, out=otherwise, where=sigma_ml > 0)


def _checked_sigma(sigma_ml: npt.ArrayLike) -> Float64:
    sigma = np.asarray(sigma_ml, np.float64)
    if not (sigma >= 0).all():
        raise ValueError("sigma_ml: expected numbers of at least 0")
    return sigma
