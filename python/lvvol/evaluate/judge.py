"""What a distribution over one patient's volumes is worth, once the true volumes are known."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist

import numpy as np

from lvvol.typing import Float64
from lvvol.uncertainty import Calibration, Joint, Quantity
from lvvol.uncertainty.crps import N_VALUES, competition_crps, gaussian_cdf
from lvvol.uncertainty.joint import truths
from lvvol.volume import ejection_fraction_percent

Scores = Mapping[str, Mapping[str, float]]
"""By quantity: ``crps``, of which ``crps_error`` and ``crps_spread`` are the parts, and ``pit``."""

Intervals = Mapping[str, Mapping[str, tuple[float, float]]]
"""By level in percent and quantity: lower and upper end."""

LEVELS = (0.5, 0.8, 0.9)
"""Levels of intervals read from a distribution."""

_VOLUMES = (Quantity.EDV, Quantity.ESV)
_GRID_ML = np.arange(N_VALUES, dtype=np.float64)


def percent(level: float) -> str:
    """Return the key of a level.

    Examples
    --------
    >>> percent(0.9)
    '90'
    """
    return f"{100 * level:g}"


def score(cdf: Float64, edv_ml: float, esv_ml: float) -> dict[str, dict[str, float]]:
    """Return the scores of distributions over EDV and ESV.

    Parameters
    ----------
    cdf : ndarray, shape (2, 600)
        P(n) of EDV and of ESV, as in `lvvol.uncertainty.crps`.
    edv_ml, esv_ml : float
        True volumes.

    Returns
    -------
    dict
        For each: ``crps`` (eq. 9), ``crps_error`` and ``crps_spread``, and ``pit``, the P of the
        true volume.

    Notes
    -----
    Because H is 0 or 1, (P - H)^2 = abs(P - H) - P (1 - P). The score is therefore the mean
    distance of the distribution from the true volume (``crps_error``) less its own spread
    (``crps_spread``): a wide distribution is forgiven what it admits.

    Examples
    --------
    >>> certain = np.tile(np.arange(600.0) >= 105, (2, 1)).astype(float)
    >>> scores = score(certain, 100.0, 104.0)
    >>> [round(600 * scores[name]["crps"], 6) for name in ("edv", "esv")]
    [5.0, 1.0]
    """
    crps = competition_crps(cdf, [edv_ml, esv_ml])
    spread = (cdf * (1.0 - cdf)).mean(axis=-1)
    return {
        str(quantity): {
            "crps": float(crps[i]),
            "crps_error": float(crps[i] + spread[i]),
            "crps_spread": float(spread[i]),
            "pit": float(np.interp(volume_ml, _GRID_ML, cdf[i])),
        }
        for i, (quantity, volume_ml) in enumerate(zip(_VOLUMES, (edv_ml, esv_ml), strict=True))
    }


def score_certain(
    measured_ml: tuple[float, float], edv_ml: float, esv_ml: float
) -> dict[str, dict[str, float]]:
    """Return the scores of EDV and ESV without a distribution: each counts as certain."""
    scores = score(gaussian_cdf(measured_ml, 0.0), edv_ml, esv_ml)
    return {
        quantity: {name: value for name, value in each.items() if name != "pit"}
        for quantity, each in scores.items()
    }


def score_joint(joint: Joint, edv_ml: float, esv_ml: float) -> dict[str, dict[str, float]]:
    """Return the scores of a joint distribution; SV and EF have a ``pit`` only.

    Parameters
    ----------
    joint : Joint
        Over EDV and ESV.
    edv_ml, esv_ml : float
        True volumes.

    Returns
    -------
    dict
        As `score`.
    """
    means, sigmas = [joint.edv_ml, joint.esv_ml], [joint.edv_sigma_ml, joint.esv_sigma_ml]
    scores = score(gaussian_cdf(means, sigmas), edv_ml, esv_ml)
    edv, esv = joint.samples()
    true = truths(edv_ml, esv_ml)
    if len(edv):
        sv, ef = edv - esv, ejection_fraction_percent(edv, esv)
        scores[str(Quantity.SV)] = {"pit": float((sv <= true[Quantity.SV]).mean())}
        scores[str(Quantity.EF)] = {"pit": float((ef <= true[Quantity.EF]).mean())}
    return scores


def joint_intervals(calibration: Calibration, joint: Joint) -> Intervals:
    """Return the intervals of one study at every level of its calibration."""
    return {
        percent(level): {str(quantity): ends[quantity] for quantity in Quantity}
        for level, ends in zip(
            calibration.levels, calibration.ends(joint, calibration.levels), strict=True
        )
    }


def normal_intervals(means_ml: Float64, sigmas_ml: Float64) -> Intervals:
    """Return intervals of EDV and ESV from normal distributions, lower ends at least 0."""
    intervals = {}
    for level in LEVELS:
        half = NormalDist().inv_cdf((1.0 + level) / 2.0) * sigmas_ml
        intervals[percent(level)] = {
            str(quantity): (max(float(means_ml[i] - half[i]), 0.0), float(means_ml[i] + half[i]))
            for i, quantity in enumerate(_VOLUMES)
        }
    return intervals


def cdf_intervals(cdf: Float64) -> Intervals:
    """Return central intervals of EDV and ESV from the 600 values of their distributions."""
    return {
        percent(level): {
            str(quantity): (
                cdf_quantile(cdf[i], (1.0 - level) / 2.0),
                cdf_quantile(cdf[i], (1.0 + level) / 2.0),
            )
            for i, quantity in enumerate(_VOLUMES)
        }
        for level in LEVELS
    }


def cdf_quantile(cdf: Float64, chance: float) -> float:
    """Return the volume at which a distribution reaches a probability.

    Parameters
    ----------
    cdf : ndarray, shape (600,)
        P(n) for n = 0 to 599 mL, never falling.
    chance : float
        The probability, above 0 and below 1.

    Returns
    -------
    float
        In mL, linear between whole ones; 0 where P(0) is as much already, 599 where P(599) is
        less.

    Examples
    --------
    >>> cdf_quantile(np.clip((np.arange(600) - 100.0) / 20, 0, 1), 0.5)
    110.0
    """
    above = int(np.searchsorted(cdf, chance, side="left"))
    if above == 0:
        return 0.0
    if above == N_VALUES:
        return N_VALUES - 1.0
    low, high = float(cdf[above - 1]), float(cdf[above])
    return above - 1 + (chance - low) / (high - low)
