"""What a standard deviation is worth to the score: sigma*(d), and the paper's Appendix."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from lvvol.uncertainty.crps import N_VALUES, Step, competition_crps, gaussian_cdf
from lvvol.uncertainty.search import golden_section

_STRATA = 1000
"""Equally likely true volumes that stand for a normal distribution."""


def best_sigma_ml(difference_ml: float, *, volume_ml: float = 100.0, step: Step = "at") -> float:
    """Return sigma*(d), the standard deviation with the least score for a known error.

    Nobody knows the error, so no measurement reaches this score; it bounds what a standard
    deviation can do.

    Parameters
    ----------
    difference_ml : float
        d, the measured minus the true volume.
    volume_ml : float
        The true volume, 0 to 599; it matters only where the distribution reaches 0 or 599 mL.
    step : {"at", "after"}
        The convention of H(n); see `lvvol.uncertainty.crps`.

    Returns
    -------
    float
        Standard deviation in mL; 0 where certainty scores best.

    Raises
    ------
    ValueError
        If a number is not finite, or `volume_ml` or their sum is outside 0 to 599 mL.

    Notes
    -----
    Minimises eq. 9 of Liao et al. 2017. Without the steps of 1 mL the least score is where
    2 phi(d / sigma) = 1 / sqrt(pi), which is sigma = abs(d) / sqrt(ln 2) = 1.2011 abs(d). With
    ``step="at"`` d counts from half a millilitre below the true volume, where that is whole.

    Examples
    --------
    >>> round(best_sigma_ml(10.0), 4)  # 10.5 / sqrt(ln 2) = 12.6117
    12.6103
    """
    mean_ml = volume_ml + difference_ml
    if not (0 <= volume_ml < N_VALUES and 0 <= mean_ml < N_VALUES):
        raise ValueError(
            f"difference_ml, volume_ml: expected volumes within 0 to {N_VALUES - 1} mL, "
            f"got {volume_ml} and {mean_ml}"
        )

    def score(sigma_ml: float) -> float:
        return float(competition_crps(gaussian_cdf(mean_ml, sigma_ml), volume_ml, step=step))

    limit_ml = 2.0 * (abs(difference_ml) + 1.0)
    best = golden_section(score, 0.0, limit_ml)
    return best if score(best) < score(0.0) else 0.0


def expected_crps(
    sigma_ml: float, spread_ml: float, *, mean_ml: float = 100.0, step: Step = "at"
) -> float:
    """Return the expected score where true volumes spread normally about the measured one.

    Parameters
    ----------
    sigma_ml : float
        Standard deviation that the distribution claims, at least 0.
    spread_ml : float
        Standard deviation of the true volumes about `mean_ml`, at least 0.
    mean_ml : float
        The measured volume.
    step : {"at", "after"}
        The convention of H(n); see `lvvol.uncertainty.crps`.

    Returns
    -------
    float
        Mean of eq. 9 over a thousand equally likely true volumes; nothing is left to chance.

    Raises
    ------
    ValueError
        If a number is not finite, or a standard deviation is negative.

    Notes
    -----
    The simulation of the Appendix of Liao et al. 2017. Without the steps of 1 mL the expectation is
    (sqrt(2 (sigma^2 + spread^2) / pi) - sigma / sqrt(pi)) / 600, which is least at sigma = spread.

    Examples
    --------
    >>> scores = [round(expected_crps(sigma_ml, 10.0), 5) for sigma_ml in (5.0, 10.0, 20.0)]
    >>> scores[1] == min(scores)
    True
    """
    if not 0 <= spread_ml < math.inf:
        raise ValueError(f"spread_ml: expected at least 0 and finite, got {spread_ml}")
    chances = (np.arange(_STRATA) + 0.5) / _STRATA
    errors = [NormalDist().inv_cdf(float(chance)) for chance in chances]
    volumes_ml = mean_ml + spread_ml * np.array(errors)
    return float(competition_crps(gaussian_cdf(mean_ml, sigma_ml), volumes_ml, step=step).mean())
