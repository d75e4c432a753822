"""EDV and ESV together, and what follows for SV and EF."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from statistics import NormalDist

import numpy as np

from lvvol.typing import Float64
from lvvol.uncertainty.conformal import Claim
from lvvol.volume import ejection_fraction_percent

N_SAMPLES = 4096
"""Points that stand for the joint distribution: EF's quantiles lie within 0.05 points."""

_FEWEST_POSSIBLE = 100
"""Possible points below which nothing is known of SV and EF."""


class Quantity(StrEnum):
    """What intervals are for.

    Attributes
    ----------
    EDV, ESV, SV : str
        Volumes, in mL.
    EF : str
        Ejection fraction, in percent.
    """

    EDV = "edv"
    ESV = "esv"
    SV = "sv"
    EF = "ef"


@dataclass(frozen=True)
class Joint:
    """A normal distribution over EDV and ESV.

    Parameters
    ----------
    edv_ml, esv_ml : float
        Means; EDV above 0, ESV from 0 to EDV.
    edv_sigma_ml, esv_sigma_ml : float
        Standard deviations, above 0.
    correlation : float
        Between the errors of EDV and ESV, above -1 and below 1.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    edv_ml: float
    esv_ml: float
    edv_sigma_ml: float
    esv_sigma_ml: float
    correlation: float

    def __post_init__(self) -> None:
        if not 0 < self.edv_ml < math.inf or not 0 <= self.esv_ml <= self.edv_ml:
            raise ValueError(
                "edv_ml, esv_ml: expected EDV above 0 and ESV from 0 to EDV, "
                f"got {self.edv_ml} and {self.esv_ml}"
            )
        for name in ("edv_sigma_ml", "esv_sigma_ml"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name}: expected above 0 and finite, got {getattr(self, name)}")
        if not -1 < self.correlation < 1:
            raise ValueError(f"correlation: expected above -1 and below 1, got {self.correlation}")

    def without_excess(self, share: float) -> Joint:
        """Return the distribution over EDV and ESV, this one being over EDV and a phase near ES.

        Parameters
        ----------
        share : float
            Mean excess of the phase's volume over ESV, as a share of the stroke volume, at least 0
            and below 1; see `lvvol.datasets.LabelledStack`.

        Returns
        -------
        Joint
            Of EDV, and of (V - share EDV) / (1 - share), kept at 0 or more.

        Raises
        ------
        ValueError
            If the share is out of its range.

        Examples
        --------
        >>> round(Joint(150.0, 65.4, 10.0, 8.0, 0.5).without_excess(0.06).esv_ml, 3)
        60.0
        """
        if not 0 <= share < 1:
            raise ValueError(f"share: expected at least 0 and below 1, got {share}")
        # Standard deviations of V along EDV, which the excess shifts, and across it.
        along_ml = self.correlation * self.esv_sigma_ml - share * self.edv_sigma_ml
        across_ml = math.sqrt(1.0 - self.correlation**2) * self.esv_sigma_ml
        sigma_ml = math.hypot(along_ml, across_ml)
        esv_ml = (self.esv_ml - share * self.edv_ml) / (1.0 - share)
        return replace(
            self,
            esv_ml=max(esv_ml, 0.0),
            esv_sigma_ml=sigma_ml / (1.0 - share),
            correlation=along_ml / sigma_ml,
        )

    def samples(self) -> tuple[Float64, Float64]:
        """Return EDV and ESV at points of the distribution, those that are possible.

        Possible is an EDV above 0 and an ESV from 0 to EDV. The points are the same at every call.

        Returns
        -------
        edv_ml, esv_ml : ndarray of float64, shape (n,)
            At most 4096 pairs, all equally likely.
        """
        first, second = _standard_points()
        rho = self.correlation
        edv = self.edv_ml + self.edv_sigma_ml * first
        esv = self.esv_ml + self.esv_sigma_ml * (rho * first + math.sqrt(1.0 - rho * rho) * second)
        possible = (edv > 0) & (esv >= 0) & (esv <= edv)
        return edv[possible], esv[possible]

    def claims(self, levels: tuple[float, ...]) -> list[dict[Quantity, Claim]]:
        """Return the central intervals of all quantities, level by level.

        Those of EDV and ESV are the normal distribution's; those of SV and EF hold the middle of
        `samples`, and are narrower to the side where the possible range ends. They hold the value
        that follows from the means.

        Parameters
        ----------
        levels : tuple of float
            Probabilities, each above 0 and below 1.

        Returns
        -------
        list of dict
            For each level the claim on each quantity.
        """
        edv, esv = self.samples()
        sv_ml = self.edv_ml - self.esv_ml
        ef_percent = float(ejection_fraction_percent(self.edv_ml, self.esv_ml))
        known = len(edv) >= _FEWEST_POSSIBLE
        sv = np.sort(edv - esv)
        ef = np.sort(ejection_fraction_percent(edv, esv))
        claims = []
        for level in levels:
            z = NormalDist().inv_cdf((1.0 + level) / 2.0)
            ends = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
            edv_half, esv_half = z * self.edv_sigma_ml, z * self.esv_sigma_ml
            sv_ends = _quantiles(sv, ends) if known else (0.0, self.edv_ml + edv_half)
            ef_ends = _quantiles(ef, ends) if known else (0.0, 100.0)
            claims.append(
                {
                    Quantity.EDV: Claim(
                        self.edv_ml, self.edv_ml - edv_half, self.edv_ml + edv_half
                    ),
                    Quantity.ESV: Claim(
                        self.esv_ml, self.esv_ml - esv_half, self.esv_ml + esv_half
                    ),
                    Quantity.SV: _around(sv_ml, sv_ends, limits=(0.0, self.edv_ml + edv_half)),
                    Quantity.EF: _around(ef_percent, ef_ends, limits=(0.0, 100.0)),
                }
            )
        return claims


def truths(edv_ml: float, esv_ml: float) -> dict[Quantity, float]:
    """Return the true value of each quantity."""
    return {
        Quantity.EDV: edv_ml,
        Quantity.ESV: esv_ml,
        Quantity.SV: edv_ml - esv_ml,
        Quantity.EF: float(ejection_fraction_percent(edv_ml, esv_ml)),
    }


@cache
def _standard_points() -> tuple[Float64, Float64]:
    """Return points that fill the standard normal distribution of two variables evenly."""
    # The R2 sequence (Roberts 2018) fills the square, Box and Muller's map makes it normal, and
    # mirrored points make the means 0.
    g = 1.324717957244746  # g^3 = g + 1
    steps = np.arange(N_SAMPLES // 2) + 1.0
    radius = np.sqrt(-2.0 * np.log((0.5 + steps / g) % 1.0))
    angle = 2.0 * np.pi * ((0.5 + steps / g**2) % 1.0)
    first, second = radius * np.cos(angle), radius * np.sin(angle)
    points = np.concatenate([first, -first]), np.concatenate([second, -second])
    for array in points:
        array.setflags(write=False)
    return points


def _quantiles(ordered: Float64, chances: tuple[float, float]) -> tuple[float, float]:
    ranks = np.arange(len(ordered)) + 0.5
    low, high = np.interp(np.array(chances) * len(ordered), ranks, ordered)
    return float(low), float(high)


def _around(value: float, ends: tuple[float, float], limits: tuple[float, float]) -> Claim:
    """Return the claim on a value from quantiles, one or both of which may lie on one side of it.

    Each side is at least a quarter as wide as the other, as far as possible values reach: near the
    end of what is possible a quantile says nothing of how far off the value may be.
    """
    below, above = value - ends[0], ends[1] - value
    below, above = max(below, above / 4.0), max(above, below / 4.0)
    return Claim(value, max(value - below, limits[0]), min(value + above, limits[1]))
