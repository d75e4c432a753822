"""Bias and standard deviation of one volume, fitted together."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from lvvol.typing import Float64
from lvvol.uncertainty.calibration import Bias
from lvvol.uncertainty.normal import normal_cdf, normal_density
from lvvol.uncertainty.sigma import TERMS, SigmaModel

Loss = Literal["crps", "likelihood"]
"""What a fit minimises: the score, or the negative logarithm of the normal density."""

SLOPE_CAUTION = 10.0
"""The prior counts this many times more for how sigma varies between studies than for its size:
twenty studies show how large errors are, but not what they depend on."""

_MOST_STEPS = 200
_PER_100_ML = 100.0


def fit_volume(
    measured_ml: Float64,
    true_ml: Float64,
    terms: Float64,
    prior_bias: Bias,
    prior_sigma: SigmaModel,
    prior_patients: float,
    loss: Loss = "crps",
    *,
    fix_bias: bool = False,
) -> tuple[Bias, SigmaModel]:
    """Fit bias and standard deviation of one volume, shrunk towards given ones.

    Parameters
    ----------
    measured_ml, true_ml : ndarray of float64, shape (patient,)
        Volumes of at least one patient.
    terms : ndarray of float64, shape (patient, 10)
        `lvvol.uncertainty.sigma.terms_of` of each.
    prior_bias, prior_sigma : Bias, SigmaModel
        What the fit shrinks towards.
    prior_patients : float
        How many patients they count as, above 0.
    loss : {"crps", "likelihood"}
        What is minimised. A few gross errors widen all of a likelihood's intervals; to the score
        they count in proportion.
    fix_bias : bool
        Whether the bias stays as given; sigma then holds what it leaves.

    Returns
    -------
    Bias, SigmaModel
        The best ones.

    Raises
    ------
    ValueError
        If larger measured volumes do not go with larger true ones.

    Notes
    -----
    With n patients, p = `prior_patients` and k the expected curvature of a patient's loss at the
    prior, the penalty on the line is p / (2 n) times the sum over patients of
    k (line - prior line)^2, so that the prior weighs p / (n + p). On the coefficients it is
    p k / 2 times the sum of (spread (c - prior c))^2, with the mean k and the spreads of `TERMS`,
    and ten times as much for all but the constant. Fisher scoring with halved steps finds the
    minimum.
    """
    n = len(measured_ml)
    lines = np.column_stack([np.ones(n), measured_ml / _PER_100_ML])
    prior = np.concatenate(
        [[prior_bias.offset_ml, prior_bias.slope * _PER_100_ML], prior_sigma.values]
    )
    design = (lines, terms)

    _, _, _, line_curvature, log_curvature = _losses(prior, design, true_ml, loss)
    spreads = np.array(list(TERMS.values()))
    caution = np.where(np.array(list(TERMS)) == "constant", 1.0, SLOPE_CAUTION)
    weights = prior_patients * float(log_curvature.mean()) * caution * spreads**2
    penalty = np.zeros((len(prior), len(prior)))
    penalty[:2, :2] = prior_patients / n * (lines.T * line_curvature) @ lines
    penalty[2:, 2:] = np.diag(weights)

    def objective(parameters: Float64) -> float:
        away = parameters - prior
        values = _losses(parameters, design, true_ml, loss)[0]
        return float(values.sum() + away @ penalty @ away / 2.0)

    free = slice(2 if fix_bias else 0, None)
    parameters, best = prior, objective(prior)
    for _ in range(_MOST_STEPS):
        _, by_line, by_log, line_curvature, log_curvature = _losses(
            parameters, design, true_ml, loss
        )
        gradient = np.concatenate([lines.T @ by_line, terms.T @ by_log])
        gradient += penalty @ (parameters - prior)
        curvature = penalty.copy()
        curvature[:2, :2] += (lines.T * line_curvature) @ lines
        curvature[2:, 2:] += (terms.T * log_curvature) @ terms
        # One patient, or equal volumes, leave the slope open; the least change is taken.
        step = np.zeros_like(prior)
        step[free] = np.linalg.lstsq(curvature[free, free], gradient[free], rcond=1e-12)[0]
        share, found = 1.0, math.inf
        while share > 1e-8 and not found < best:
            found = objective(parameters - share * step)
            share /= 2.0
        if not found < best:
            break
        parameters = parameters - 2.0 * share * step
        enough = best - found < 1e-10 * (abs(best) + 1e-12)
        best = found
        if enough:
            break
    slope = float(parameters[1]) / _PER_100_ML
    if not slope > 0:
        raise ValueError(
            "true volumes: expected larger ones where larger ones are measured, got a slope of "
            f"{slope:.2f}"
        )
    return Bias(float(parameters[0]), slope), SigmaModel.of(parameters[2:])


def _losses(
    parameters: Float64, design: tuple[Float64, Float64], true_ml: Float64, loss: Loss
) -> tuple[Float64, Float64, Float64, Float64, Float64]:
    """Return each patient's loss, its slopes by mean and log sigma, and expected curvatures."""
    lines, terms = design
    log_sigma = np.clip(terms @ parameters[2:], -20.0, 20.0)
    sigma = np.exp(log_sigma)
    z = (true_ml - lines @ parameters[:2]) / sigma
    if loss == "likelihood":
        ones = np.ones_like(z)
        return z**2 / 2.0 + log_sigma, -z / sigma, 1.0 - z**2, 1.0 / sigma**2, 2.0 * ones
    root_pi = math.sqrt(math.pi)
    slope = 2.0 * normal_cdf(z) - 1.0
    by_log = sigma * (2.0 * normal_density(z) - 1.0 / root_pi)
    curvature = 1.0 / (root_pi * sigma), sigma / (2.0 * root_pi)
    return sigma * z * slope + by_log, -slope, by_log, *curvature
