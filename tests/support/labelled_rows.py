"""Labelled patients whose errors follow a known calibration."""

import numpy as np

from lvvol.uncertainty.area_error import AreaError
from lvvol.uncertainty.calibration import Bias, Calibration
from lvvol.uncertainty.features import Features, PhaseFeatures
from lvvol.uncertainty.fit import Row
from lvvol.uncertainty.joint import Quantity
from lvvol.uncertainty.sigma import STARTING_COEFFICIENTS, SigmaModel

WEIGHTS = "0123456789abcdef" * 4


def calibration(**changes):
    """A plain one: no bias, 11 mL at 100 mL, scales of 1."""
    sigma = SigmaModel(STARTING_COEFFICIENTS)
    return Calibration(
        **{
            "source": "somewhere",
            "weights_sha256": WEIGHTS,
            "n_patients": 100,
            "edv_bias": Bias(),
            "esv_bias": Bias(),
            "edv_sigma": sigma,
            "esv_sigma": sigma,
            "correlation": 0.5,
            "scales": {level: dict.fromkeys(Quantity, 1.0) for level in (0.5, 0.8, 0.9)},
            "area_error": AreaError.flat(),
        }
        | changes
    )


def sigma_model(**changes):
    """The starting model with other coefficients."""
    return SigmaModel(STARTING_COEFFICIENTS | changes)


def random_features(rng):
    edv = rng.uniform(90.0, 280.0)
    esv = edv * rng.uniform(0.35, 0.6)
    n = int(rng.integers(7, 13))
    reasons = int(rng.integers(0, 4))
    score, gap = rng.uniform(0.5, 1.0), float(rng.choice([8.0, 10.0, 20.0]))

    def phase(volume_ml, n_slices):
        share = rng.uniform(0.2, 0.4)
        return PhaseFeatures(
            volume_ml=volume_ml,
            shares=(share,) * n,
            slopes_ml=(volume_ml / share / n,) * n,
            n_slices=n_slices,
            base=rng.uniform(0.0, 0.9),
            apex=rng.uniform(0.0, 0.4),
            disagreement=rng.uniform(0.0, 0.2),
        )

    return Features(phase(edv, n), phase(esv, n - 1), gap, score, reasons)


def rows_of(truth, n, seed, tails=False):
    """Draw patients whose true volumes spread about the calibration's; with tails, by a t of 3."""
    rng = np.random.default_rng(seed)
    rows = []
    while len(rows) < n:
        features = random_features(rng)
        joint = truth.joint(features)
        first, second = rng.standard_t(3, 2) if tails else rng.normal(size=2)
        rho = truth.correlation
        edv_ml = joint.edv_ml + joint.edv_sigma_ml * first
        esv_ml = joint.esv_ml + joint.esv_sigma_ml * (rho * first + (1 - rho**2) ** 0.5 * second)
        if 0 <= esv_ml <= edv_ml and edv_ml > 0:
            rows.append(Row(features, float(edv_ml), float(esv_ml)))
    return rows
