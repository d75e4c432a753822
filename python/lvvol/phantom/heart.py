"""The beating heart, painted in heart coordinates (see `anatomy`)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lvvol.phantom.anatomy import LeftVentricle, TruncatedEllipsoid
from lvvol.phantom.shapes import (
    Canvas,
    Float32,
    Points,
    Vector,
    WaveField,
    capsule,
    coverage,
    draw_field,
    ellipsoid,
    smooth_union,
)

BLOOD = 1.0
FAT = -1.05
"""Fat counts as negative: at bSSFP's echo time it opposes water, so that a voxel holding both goes
dark and borders of fat get their black outline."""

NOMINAL_RADIUS_MM = 35.0
"""Epicardial radius for which the sizes of the other chambers are written down."""


@dataclass(frozen=True)
class Heart:
    """All chambers over the cycle.

    Parameters
    ----------
    phases : tuple of LeftVentricle
        The LV at every phase; the other chambers follow it.
    papillary_angles : tuple of float
        Where each papillary muscle stands, in radians from p towards q.
    trabecula_angles : tuple of float
        Where each trabecula runs.
    rv_angle : float
        Direction of the RV from p towards q, in radians.
    rv_size : float
        Size of the RV, 1 for normal.
    fat_mm : float
        Mean thickness of the epicardial fat.
    myocardium : float
        Signal of muscle relative to blood.
    flow, fat_field : WaveField
        Unevenness of the blood's signal and of the fat's thickness.
    """

    phases: tuple[LeftVentricle, ...]
    papillary_angles: tuple[float, ...]
    trabecula_angles: tuple[float, ...]
    rv_angle: float
    rv_size: float
    fat_mm: float
    myocardium: float
    flow: WaveField
    fat_field: WaveField

    @property
    def scale(self) -> float:
        """Size of the heart relative to the nominal one."""
        b, c, _ = self.phases[0].epicardium.radii_mm
        return 0.5 * (b + c) / NOMINAL_RADIUS_MM

    @property
    def bounds_mm(self) -> tuple[Vector, Vector]:
        """Corners in (p, q, u) of a box that holds every chamber at every phase."""
        s, base = self.scale, self.phases[0].cavity.base_mm
        return (-58.0 * s, -86.0 * s, -14.0), (100.0 * s, 72.0 * s, base + 75.0 * s)

    def paint(self, points: Points, phase: int, width_mm: float) -> tuple[Canvas, Float32]:
        """Paint one phase.

        Parameters
        ----------
        points : Points
            Sample positions (p, q, u).
        phase : int
            Which phase.
        width_mm : float
            Width of a sample, over which edges are averaged.

        Returns
        -------
        canvas : Canvas
            Signal of the heart alone, and how much of each sample it covers.
        cavity : ndarray of float32
            How much of each sample the LV cavity covers.
        """
        lv = self.phases[phase]
        canvas = Canvas(points[0].shape)
        epicardium = _truncated(points, lv.epicardium)
        chambers = self._chambers(points, lv)
        self._paint_fat(canvas, points, epicardium, [outer for outer, _ in chambers], width_mm)
        blood = np.float32(BLOOD) + np.float32(0.05) * self.flow(_moved(points, phase))
        for outer, inner in chambers:
            canvas.paint(coverage(outer, width_mm), self.myocardium)
            canvas.paint(coverage(inner, width_mm), blood)
        canvas.paint(coverage(epicardium, width_mm), self.myocardium)
        cavity = coverage(_truncated(points, lv.cavity), width_mm)
        canvas.paint(cavity, blood)
        self._paint_muscles(canvas, points, lv, cavity, width_mm)
        return canvas, cavity

    def _chambers(self, points: Points, lv: LeftVentricle) -> list[tuple[Float32, Float32]]:
        """Return outer and inner distances of RV, atria and great arteries, in painting order."""
        p, q, u = points
        s, k, base = self.scale, lv.contraction, lv.cavity.base_mm
        b_ed = self.phases[0].epicardium.radii_mm[0]
        filled = 1.0 + 0.18 * k  # atria fill while ventricles empty
        chambers = []

        def add(outer: Float32, wall_mm: float) -> None:
            chambers.append((outer, outer + np.float32(wall_mm)))

        right = ellipsoid(
            points,
            (50.0 * s, 22.0 * s, base + 20.0 * s),
            (25.0 * s * filled, 27.0 * s * filled, 25.0 * s),
        )
        add(np.maximum(right, base - 2.0 - u), 2.5)
        left = ellipsoid(
            points,
            (-8.0 * s, 10.0 * s, base + 20.0 * s),
            (28.0 * s * filled, 26.0 * s * filled, 24.0 * s),
        )
        # The mitral valve is a thin dark line while closed, and gone while open.
        chambers.append(
            (
                np.maximum(left, base - u),
                np.maximum(left + 2.5, base + (1.5 if 0.02 < k < 0.999 else 0.3) - u),
            )
        )
        cos, sin = math.cos(self.rv_angle), math.sin(self.rv_angle)
        rv = ellipsoid(
            (p * cos + q * sin, q * cos - p * sin, u),
            (0.80 * b_ed, 2.0 * s, 0.78 * base),
            (
                42.0 * s * self.rv_size * (1.0 - 0.20 * k),
                45.0 * s * (1.0 - 0.12 * k),
                0.68 * base * (1.0 - 0.1 * k),
            ),
        )
        outflow = capsule(
            points,
            (24.0 * s, -24.0 * s, 0.8 * base),
            (10.0 * s, -48.0 * s, base + 18.0 * s),
            15 * s,
        )
        rv = smooth_union(np.maximum(rv, u - base), outflow, 8.0)
        add(rv, 3.0)
        trunk = capsule(
            points,
            (10.0 * s, -46.0 * s, base + 10.0 * s),
            (-12.0 * s, -50.0 * s, base + 48.0 * s),
            13.0 * s,
        )
        add(trunk, 1.5)
        aorta = capsule(
            points,
            (13.0 * s, -10.0 * s, base + 4.0),
            (32.0 * s, -62.0 * s, base + 46.0 * s),
            15 * s,
        )
        add(np.maximum(aorta, base - 1.0 - u), 1.8)
        return chambers

    def _paint_fat(
        self,
        canvas: Canvas,
        points: Points,
        epicardium: Float32,
        outers: list[Float32],
        width_mm: float,
    ) -> None:
        """Paint the pericardium and, inside it, fat that fills the grooves between chambers."""
        hull = epicardium
        for outer in outers:
            hull = smooth_union(hull, outer, 14.0)
        fat = np.float32(self.fat_mm) * (1.0 + 0.9 * self.fat_field(points))
        fat = hull - np.maximum(fat, 0.0)
        canvas.paint(coverage(fat - np.float32(1.5), width_mm), 0.5 * self.myocardium)
        canvas.paint(coverage(fat, width_mm), FAT)

    def _paint_muscles(
        self, canvas: Canvas, points: Points, lv: LeftVentricle, cavity: Float32, width_mm: float
    ) -> None:
        """Paint papillary muscles and trabeculae into the cavity, where they still count as LV."""
        inside = cavity > 0.0
        if not inside.any():
            return
        near: Points = (points[0][inside], points[1][inside], points[2][inside])
        muscle = np.full(near[0].shape, np.float32(np.inf))
        length = lv.cavity.base_mm - (lv.cavity.centre_mm - lv.cavity.radii_mm[2])
        thicker = 1.0 + 0.15 * lv.contraction
        for angle in self.papillary_angles:
            foot = _on_wall(lv.cavity, angle, 0.22 * length, 0.80)
            tip = _on_wall(lv.cavity, angle, 0.68 * length, 0.62)
            muscle = np.minimum(muscle, capsule(near, foot, tip, 4.3 * self.scale * thicker))
        for index, angle in enumerate(self.trabecula_angles):
            low, high = (0.12, 0.62) if index % 2 else (0.2, 0.8)
            start = _on_wall(lv.cavity, angle, low * length, 0.97)
            end = _on_wall(lv.cavity, angle + 0.15, high * length, 0.97)
            muscle = np.minimum(muscle, capsule(near, start, end, 2.0 * self.scale * thicker))
        cover = np.zeros(cavity.shape, np.float32)
        cover[inside] = coverage(muscle, width_mm) * cavity[inside]
        canvas.paint(cover, self.myocardium)


def draw_heart(rng: np.random.Generator, phases: tuple[LeftVentricle, ...]) -> Heart:
    """Draw everything about a heart that its LV does not settle."""
    return Heart(
        phases=phases,
        papillary_angles=(
            float(np.deg2rad(-130.0 + rng.uniform(-12, 12))),
            float(np.deg2rad(115.0 + rng.uniform(-12, 12))),
        ),
        trabecula_angles=tuple(
            float(a) for a in np.linspace(0, 2 * np.pi, 11)[:-1] + rng.uniform(-0.2, 0.2, 10)
        ),
        rv_angle=float(np.deg2rad(rng.uniform(-5, 25))),
        rv_size=float(rng.uniform(0.9, 1.15)),
        fat_mm=float(rng.uniform(1.5, 4.0)),
        myocardium=float(rng.uniform(0.28, 0.42)),
        flow=draw_field(rng, 22.0),
        fat_field=draw_field(rng, 45.0, 4),
    )


def _truncated(points: Points, solid: TruncatedEllipsoid) -> Float32:
    """Return the distance to a truncated ellipsoid."""
    distance = ellipsoid(points, (0.0, 0.0, solid.centre_mm), solid.radii_mm)
    cut: Float32 = np.maximum(distance, points[2] - np.float32(solid.base_mm))
    return cut


def _on_wall(cavity: TruncatedEllipsoid, angle: float, above_apex_mm: float, part: float) -> Vector:
    """Return the point at `part` of the way from the axis to the cavity's wall."""
    b, c, a = cavity.radii_mm
    u = cavity.centre_mm - a + above_apex_mm
    reach = part * float(np.sqrt(max(1.0 - ((u - cavity.centre_mm) / a) ** 2, 0.0)))
    return (b * reach * float(np.cos(angle)), c * reach * float(np.sin(angle)), u)


def _moved(points: Points, phase: int) -> Points:
    """Carry the blood's unevenness along the axis from phase to phase."""
    return points[0], points[1], points[2] + np.float32(6.0 * phase)
