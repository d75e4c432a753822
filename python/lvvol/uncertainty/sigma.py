"""A small model of the standard deviation of one volume, from the features of its study."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lvvol.typing import Float64
from lvvol.uncertainty.area_error import AreaError
from lvvol.uncertainty.features import Features

Phase = Literal["ed", "es"]

TERMS: dict[str, float] = {
    "constant": 1.0,
    "volume": 0.5,
    "propagated": 0.3,
    "slices": 0.2,
    "gap": 0.2,
    "base": 0.3,
    "apex": 0.2,
    "roi": 0.2,
    "disagreement": 0.1,
    "reasons": 0.6,
}
"""Terms of log sigma, and how much each usually varies between studies; see `terms_of`."""

STARTING_COEFFICIENTS = dict.fromkeys(TERMS, 0.0) | {"constant": math.log(11.0), "volume": 0.6}
"""What a fit without a calibration to start from shrinks towards: 11 mL for a volume of 100 mL, and
more for larger hearts, though less than in proportion."""

SIGMA_RANGE_ML = (0.5, 300.0)
"""Standard deviations never leave it, however unlike all others a study is."""

_SOFT_ML = 10.0
"""Volumes much smaller than this count as of this size: their errors no longer shrink."""


def terms_of(features: Features, phase: Phase, area_error: AreaError) -> Float64:
    """Return the terms of one volume, in the order of `TERMS`.

    Parameters
    ----------
    features : Features
        Those of the study.
    phase : {"ed", "es"}
        Whose volume.
    area_error : AreaError
        Variances of areas, for ``propagated``.

    Returns
    -------
    ndarray of float64, shape (10,)
        ``constant`` is 1; ``volume`` log((V + 10 mL) / 110 mL); ``propagated``
        log((sqrt(Var V) + 1 mL) / (V + 10 mL)), of the paper's error model; ``slices`` log(n / 8);
        ``gap`` log(largest gap / 10 mm); ``base`` and ``apex`` relative areas of the end slices;
        ``roi`` 1 - lowest score; ``disagreement`` that of O and P; ``reasons`` log(1 + number).
    """
    of_phase = features.ed if phase == "ed" else features.es
    propagate = area_error.ed_sigma_ml if phase == "ed" else area_error.es_sigma_ml
    volume_ml = of_phase.volume_ml + _SOFT_ML
    sigma_ml = propagate(of_phase.shares, of_phase.slopes_ml)
    return np.array(
        [
            1.0,
            math.log(volume_ml / (100.0 + _SOFT_ML)),
            math.log((sigma_ml + 1.0) / volume_ml),
            math.log(max(of_phase.n_slices, 1) / 8.0),
            math.log(max(features.largest_gap_mm, 1.0) / 10.0),
            of_phase.base,
            of_phase.apex,
            1.0 - features.lowest_score,
            of_phase.disagreement,
            math.log1p(features.n_reasons),
        ]
    )


@dataclass(frozen=True)
class SigmaModel:
    """log sigma of one volume, linear in the terms of its study.

    Parameters
    ----------
    coefficients : mapping of str to float
        One finite number for each of `TERMS`.

    Raises
    ------
    ValueError
        If a term is missing or unknown, or a number is not finite.
    """

    coefficients: Mapping[str, float]

    def __post_init__(self) -> None:
        if self.coefficients.keys() != TERMS.keys():
            raise ValueError(
                f"coefficients: expected {', '.join(TERMS)}, got {', '.join(self.coefficients)}"
            )
        if not all(map(math.isfinite, self.coefficients.values())):
            raise ValueError(
                f"coefficients: expected finite numbers, got {dict(self.coefficients)}"
            )

    @classmethod
    def of(cls, values: Sequence[float] | Float64) -> SigmaModel:
        """Return the model with coefficients in the order of `TERMS`."""
        return cls({name: float(value) for name, value in zip(TERMS, values, strict=True)})

    @property
    def values(self) -> Float64:
        """Coefficients in the order of `TERMS`."""
        return np.array([self.coefficients[name] for name in TERMS])

    def sigma_ml(self, terms: Float64) -> Float64:
        """Return standard deviations within `SIGMA_RANGE_ML`; terms have shape (..., 10)."""
        low, high = map(math.log, SIGMA_RANGE_ML)
        return np.asarray(np.exp(np.clip(terms @ self.values, low, high)))
