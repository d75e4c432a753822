"""`Calibration`: what turns a measurement into volumes with intervals."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from lvvol.errors import CalibrationError
from lvvol.uncertainty.area_error import AreaError
from lvvol.uncertainty.features import Features
from lvvol.uncertainty.joint import Joint, Quantity
from lvvol.uncertainty.sigma import SigmaModel, terms_of

_LEAST_EDV_ML = 1.0
"""Smaller ventricles are refused before they get here; a bias doesn't make one."""


@dataclass(frozen=True)
class Bias:
    """What the readers of a source would have said, given a measured volume.

    Parameters
    ----------
    offset_ml : float
        Their volume where 0 is measured; finite.
    slope : float
        Their mL for each measured one; above 0.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    offset_ml: float = 0.0
    slope: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.offset_ml):
            raise ValueError(f"offset_ml: expected a finite number, got {self.offset_ml}")
        if not 0 < self.slope < math.inf:
            raise ValueError(f"slope: expected above 0 and finite, got {self.slope}")

    def corrected_ml(self, volume_ml: float) -> float:
        """Return the volume that the readers would have said."""
        return self.offset_ml + self.slope * volume_ml


@dataclass(frozen=True)
class Calibration:
    """Biases and errors of measurements, as found in one source of labelled studies.

    Parameters
    ----------
    source : str
        Name of the source, whose readers' conventions the volumes follow; not empty, printable.
    weights_sha256 : str
        SHA-256 of the weights that measured the studies, 64 hexadecimal digits in lower case.
    n_patients : int
        Patients it was fitted to, at least 1.
    edv_bias, esv_bias : Bias
        From measured volumes to those of the source.
    edv_sigma, esv_sigma : SigmaModel
        Standard deviations about those.
    correlation : float
        Between the errors of EDV and ESV, above -1 and below 1.
    scales : mapping of float to mapping of Quantity to float
        For each level, above 0 and below 1, the factor on the half-widths of each quantity's
        interval, above 0.
    area_error : AreaError
        Variances of areas, for the term ``propagated`` of the standard deviations.

    Raises
    ------
    ValueError
        If a value is out of its range, or there is no level.
    """

    source: str
    weights_sha256: str
    n_patients: int
    edv_bias: Bias
    esv_bias: Bias
    edv_sigma: SigmaModel
    esv_sigma: SigmaModel
    correlation: float
    scales: Mapping[float, Mapping[Quantity, float]]
    area_error: AreaError

    def __post_init__(self) -> None:
        if not self.source or not self.source.isprintable():
            raise ValueError(f"source: expected a printable name, got {self.source!r}")
        if not re.fullmatch(r"[0-9a-f]{64}", self.weights_sha256):
            raise ValueError(
                "weights_sha256: expected 64 hexadecimal digits in lower case, "
                f"got {self.weights_sha256!r}"
            )
        if self.n_patients < 1:
            raise ValueError(f"n_patients: expected at least 1, got {self.n_patients}")
        if not -1 < self.correlation < 1:
            raise ValueError(f"correlation: expected above -1 and below 1, got {self.correlation}")
        if not self.scales:
            raise ValueError("scales: expected at least one level")
        for level, factors in self.scales.items():
            if not 0 < level < 1:
                raise ValueError(f"scales: expected levels above 0 and below 1, got {level}")
            if factors.keys() != set(Quantity):
                raise ValueError(
                    f"scales: {level}: expected {', '.join(Quantity)}, got {', '.join(factors)}"
                )
            if not all(0 < factor < math.inf for factor in factors.values()):
                raise ValueError(f"scales: {level}: expected finite numbers above 0")

    @property
    def levels(self) -> tuple[float, ...]:
        """Levels that intervals can have, increasing."""
        return tuple(sorted(self.scales))

    def joint(self, features: Features) -> Joint:
        """Return the distribution over EDV and ESV of one study.

        Parameters
        ----------
        features : Features
            Those of its measurement.

        Returns
        -------
        Joint
            Means are the corrected volumes, kept possible: EDV at least 1 mL, ESV from 0 to EDV.
        """
        edv_ml = max(self.edv_bias.corrected_ml(features.ed.volume_ml), _LEAST_EDV_ML)
        esv_ml = min(max(self.esv_bias.corrected_ml(features.es.volume_ml), 0.0), edv_ml)
        return Joint(
            edv_ml=edv_ml,
            esv_ml=esv_ml,
            edv_sigma_ml=float(self.edv_sigma.sigma_ml(terms_of(features, "ed", self.area_error))),
            esv_sigma_ml=float(self.esv_sigma.sigma_ml(terms_of(features, "es", self.area_error))),
            correlation=self.correlation,
        )

    def ends(
        self, joint: Joint, levels: tuple[float, ...]
    ) -> list[dict[Quantity, tuple[float, float]]]:
        """Return the intervals of one study, scaled and kept possible.

        Parameters
        ----------
        joint : Joint
            Its distribution.
        levels : tuple of float
            Some of `levels`.

        Returns
        -------
        list of dict
            For each level the lower and upper end of each quantity: from 0, and EF up to 100.

        Raises
        ------
        ValueError
            If the calibration has no such level.
        """
        unknown = [level for level in levels if level not in self.scales]
        if unknown:
            known = ", ".join(map(str, self.levels))
            raise ValueError(f"level: expected one of {known}, got {unknown[0]}")
        intervals = []
        for level, claims in zip(levels, joint.claims(levels), strict=True):
            scaled = {q: claim.scaled(self.scales[level][q]) for q, claim in claims.items()}
            intervals.append(
                {
                    q: (max(low, 0.0), min(high, 100.0) if q is Quantity.EF else high)
                    for q, (low, high) in scaled.items()
                }
            )
        return intervals

    def check_weights(self, weights_sha256: str) -> None:
        """Refuse to serve other weights: their errors are not known.

        Parameters
        ----------
        weights_sha256 : str
            SHA-256 of the weights in use.

        Raises
        ------
        CalibrationError
            If the calibration was fitted for others.
        """
        if weights_sha256 != self.weights_sha256:
            raise CalibrationError(
                f"calibration of {self.source!r}: expected the weights it was fitted for, SHA-256 "
                f"{self.weights_sha256[:12]}..., got {weights_sha256[:12]}...: fit it again"
            )
