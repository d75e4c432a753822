"""RV, atria and great arteries, shaped around the LV."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lvvol.phantom.body.anatomy import LeftVentricle
from lvvol.phantom.body.shapes import Points, Samples, capsule, ellipsoid, smooth_cut, smooth_union

_UP = (0.14, -0.95, 0.26)
"""Direction of the head in heart coordinates, for the usual pose."""


@dataclass(frozen=True)
class Chambers:
    """The RV, atria and great arteries, which move with the LV.

    Parameters
    ----------
    rv_angle : float
        Direction of the RV from p towards q, in radians.
    rv_size, atria_size : float
        Sizes, 1 for normal.
    """

    rv_angle: float
    rv_size: float
    atria_size: float

    def distances(
        self,
        points: Points,
        scale: float,
        lv: LeftVentricle,
        ed: LeftVentricle,
        rough_mm: Samples,
        uneven_mm: Samples,
    ) -> tuple[Samples, Samples]:
        """Return the distances to the chambers including their walls, and to their blood.

        Parameters
        ----------
        points : Points
            Sample positions (p, q, u).
        scale : float
            Size of the heart relative to the nominal one.
        lv, ed : LeftVentricle
            The LV at this phase and at ED.
        rough_mm : ndarray of float32
            Height of the trabeculae on the RV's wall.
        uneven_mm : ndarray of float32
            Deviation of all walls from smooth solids.
        """
        base = lv.cavity.base_mm
        rv = self._rv(points, scale, lv, ed) + uneven_mm
        outer = rv - np.float32(2.2)
        # Trabeculae cover the inside of the RV's wall, mostly near the apex.
        nearest = rv + rough_mm * (0.4 + 1.1 * np.clip(1.0 - points[2] / base, 0.0, 1.0))
        second = np.full(points[0].shape, np.float32(999.0))
        for shape, wall_mm in (
            (self._right_atrium(points, scale, base, ed.cavity.base_mm, lv.contraction), 1.2),
            (self._left_atrium(points, scale, base, ed.cavity.base_mm, lv), 1.2),
            (self._trunk(points, scale, base), 1.6),
            (self._aorta(points, scale, base), 1.8),
        ):
            blood = shape + uneven_mm
            outer = np.minimum(outer, blood - np.float32(wall_mm))
            second = np.minimum(second, np.maximum(nearest, blood))
            nearest = np.minimum(nearest, blood)
        # Overlapping chambers are separated by a thin wall or a valve halfway.
        inner = np.maximum(nearest, 0.9 - 0.5 * (second - nearest))
        return outer, inner

    def _rv(self, points: Points, s: float, lv: LeftVentricle, ed: LeftVentricle) -> Samples:
        """Return the RV: a wedge with a flat floor on the diaphragm, open to its outflow tract."""
        p, q, u = points
        k, base = lv.contraction, lv.cavity.base_mm
        cos, sin = math.cos(self.rv_angle), math.sin(self.rv_angle)
        x, y = p * cos + q * sin, q * cos - p * sin
        size = s**0.7 * self.rv_size * (1.0 - 0.20 * k)
        wedge = ellipsoid(
            (x, y, u),
            (0.62 * ed.epicardium.radii_mm[0], 2.0 * s, 0.80 * base),
            (42.0 * size, 46.0 * s**0.8 * (1.0 - 0.1 * k), 0.70 * base * (1.0 - 0.1 * k)),
        )
        narrowing = 14.0 * np.maximum(1.0 - u / base, 0.0)
        floor = 0.22 * x + 0.975 * y - 34.0 * s * (1.0 - 0.06 * k) + narrowing
        front = 0.78 * x - 0.63 * y - (48.0 * size + 5.0) + narrowing
        wedge = smooth_cut(smooth_cut(wedge, floor, 12.0), front, 16.0)
        tract = capsule(
            points,
            (26.0 * s, -22.0 * s, 0.75 * base),
            (12.0 * s, -45.0 * s, base + 14.0 * s),
            (15.0 - 2.0 * k) * s,
        )
        return smooth_union(np.maximum(wedge, u - base), tract, 10.0)

    def _right_atrium(
        self, points: Points, s: float, base: float, ed_base: float, k: float
    ) -> Samples:
        """Return the right atrium."""
        size = s * self.atria_size
        top = ed_base + 42.0 * size
        centre = (46.0 * s, 20.0 * s, 0.5 * (base + top))
        half = 0.5 * (top - base) + 3.0
        atrium = ellipsoid(points, centre, (31.0 * size, 33.0 * size * (1.0 + 0.05 * k), half))
        above: Samples = np.maximum(atrium, base - points[2])
        return above

    def _left_atrium(
        self, points: Points, s: float, base: float, ed_base: float, lv: LeftVentricle
    ) -> Samples:
        """Return the left atrium: broad, low and closed by the mitral valve in systole."""
        k, size = lv.contraction, s * self.atria_size
        top = ed_base + 38.0 * size
        half = 0.5 * (top - base) + 3.0
        centre = (-4.0 * s, 7.0 * s, 0.5 * (base + top))
        atrium = ellipsoid(points, centre, (35.0 * size, 31.0 * size * (1.0 + 0.05 * k), half))
        valve = 1.2 if 0.02 < k < 0.999 else 0.2
        above: Samples = np.maximum(atrium, base + valve - points[2])
        return above

    def _trunk(self, points: Points, s: float, base: float) -> Samples:
        """Return the pulmonary trunk, from the RV's outflow tract to the back."""
        start, end = (12.0 * s, -46.0 * s, base + 16.0 * s), (-10.0 * s, -46.0 * s, base + 28.0 * s)
        return capsule(points, start, end, 12.5 * s)

    def _aorta(self, points: Points, s: float, base: float) -> Samples:
        """Return the aortic root, between atria and outflow tract, and the ascending aorta."""
        root = (17.0 * s, -14.0 * s, base + 4.0)
        bend = (27.0 * s, -26.0 * s, base + 24.0 * s)
        end = tuple(b + 44.0 * up for b, up in zip(bend, _UP, strict=True))
        aorta = smooth_union(
            capsule(points, root, bend, 14.5 * s),
            capsule(points, bend, (end[0], end[1], end[2]), 14.0 * s),
            6.0,
        )
        above: Samples = np.maximum(aorta, base - 0.5 - points[2])
        return above
