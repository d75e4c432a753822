"""The phantom's left ventricle: truncated ellipsoids with closed-form volumes and areas.

Heart coordinates are (p, q, u) in mm: p from the LV's axis towards the RV, q perpendicular to it
towards the diaphragm, u along the axis from the epicardial apex (0) to the base.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lvvol.typing import Float64

BASE_RATIO = 0.45
"""Distance from the ellipsoids' centre to the basal plane, in axial semi-axes of the cavity."""


@dataclass(frozen=True)
class TruncatedEllipsoid:
    """An ellipsoid around the LV's axis, truncated by the basal plane.

    Parameters
    ----------
    radii_mm : (float, float, float)
        Semi-axes along p, q and u.
    centre_mm : float
        u of the ellipsoid's centre.
    base_mm : float
        u of the basal plane, where the solid ends.
    """

    radii_mm: tuple[float, float, float]
    centre_mm: float
    base_mm: float

    @property
    def volume_ml(self) -> float:
        """Closed-form volume.

        Notes
        -----
        With semi-axes b, c (p, q) and a (u), and h from the centre to the basal plane,
        V = pi b c (2 a / 3 + h - h^3 / (3 a^2)), the integral of the area over u.
        """
        b, c, a = self.radii_mm
        h = self.base_mm - self.centre_mm
        return float(np.pi * b * c * (2.0 * a / 3.0 + h - h**3 / (3.0 * a**2)) / 1000.0)

    def area_mm2(self, u_mm: npt.ArrayLike) -> Float64:
        """Return the exact area cut by the short-axis planes at `u_mm`.

        Notes
        -----
        pi b c (1 - (u - u_centre)^2 / a^2) from the apex to the basal plane, else 0.
        """
        b, c, a = self.radii_mm
        u = np.asarray(u_mm, np.float64)
        area = np.pi * b * c * np.maximum(1.0 - ((u - self.centre_mm) / a) ** 2, 0.0)
        return np.where(u <= self.base_mm, area, 0.0)


@dataclass(frozen=True)
class LeftVentricle:
    """Cavity and epicardium at one phase.

    Parameters
    ----------
    cavity : TruncatedEllipsoid
        The LV cavity as readers contour it, papillary muscles and trabeculae included.
    epicardium : TruncatedEllipsoid
        Outer surface, with the cavity's centre and basal plane.
    contraction : float
        0 at ED, 1 at ES.
    """

    cavity: TruncatedEllipsoid
    epicardium: TruncatedEllipsoid
    contraction: float


def contraction_curve(n_phases: int, es_phase: int) -> Float64:
    """Return the contraction of the LV at each phase, 0 at ED (phase 0) and 1 at `es_phase`.

    Notes
    -----
    Half a cosine in systole, then early filling (three quarters of the stroke volume), diastasis
    and the atrial kick.
    """
    fraction = np.arange(n_phases) / n_phases
    es_fraction = es_phase / n_phases
    systole = 0.5 - 0.5 * np.cos(np.pi * np.minimum(fraction / es_fraction, 1.0))
    diastole = np.clip((fraction - es_fraction) / (1.0 - es_fraction), 0.0, 1.0)
    filled = 0.75 * _smooth_step(diastole / 0.45) + 0.25 * _smooth_step((diastole - 0.7) / 0.3)
    return np.where(fraction <= es_fraction, systole, 1.0 - filled)


def beating_ventricle(
    volumes_ml: Float64,
    *,
    length_mm: float,
    shortening: float,
    wall_mm: float,
    eccentricity: float,
) -> tuple[LeftVentricle, ...]:
    """Return the LV at every phase for given cavity volumes.

    Parameters
    ----------
    volumes_ml : ndarray of float64, shape (phase,)
        Cavity volume; the first is the largest.
    length_mm : float
        Length of the cavity at ED, from apex to base.
    shortening : float
        Fraction of that length lost at ES.
    wall_mm : float
        Wall thickness at ED.
    eccentricity : float
        Ratio of the cavity's p and q semi-axes.

    Returns
    -------
    tuple of LeftVentricle
        The volume of the myocardium is constant, so the wall thickens as the cavity empties; the
        epicardial apex stays in place, so the base descends.
    """
    largest, smallest = float(volumes_ml[0]), float(volumes_ml.min())
    phases: list[LeftVentricle] = []
    muscle_ml = 0.0
    for volume_ml in volumes_ml:
        contraction = (largest - float(volume_ml)) / (largest - smallest)
        a = length_mm * (1.0 - shortening * contraction) / (1.0 + BASE_RATIO)
        shape = 2.0 / 3.0 + BASE_RATIO - BASE_RATIO**3 / 3.0
        b = float(np.sqrt(volume_ml * 1000.0 / (np.pi * a * shape)))
        radii = (b * eccentricity**0.5, b / eccentricity**0.5, a)
        if not phases:
            muscle_ml = _walled(radii, wall_mm).epicardium.volume_ml - float(volume_ml)
        wall = _wall_for_muscle(radii, muscle_ml + float(volume_ml))
        ventricle = _walled(radii, wall)
        phases.append(LeftVentricle(ventricle.cavity, ventricle.epicardium, contraction))
    return tuple(phases)


def _walled(radii: tuple[float, float, float], wall_mm: float) -> LeftVentricle:
    """Add a wall to a cavity: full thickness at the sides, six tenths at the apex."""
    b, c, a = radii
    outer = (b + wall_mm, c + wall_mm, a + 0.6 * wall_mm)
    base = outer[2] + BASE_RATIO * a
    return LeftVentricle(
        TruncatedEllipsoid(radii, outer[2], base), TruncatedEllipsoid(outer, outer[2], base), 0.0
    )


def _wall_for_muscle(radii: tuple[float, float, float], outer_ml: float) -> float:
    """Find the wall thickness that gives the epicardium its volume, by bisection."""
    low, high = 0.0, 60.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _walled(radii, middle).epicardium.volume_ml < outer_ml:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _smooth_step(x: Float64) -> Float64:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)
