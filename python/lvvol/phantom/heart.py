"""The beating heart, painted in heart coordinates (see `anatomy`)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lvvol.phantom.anatomy import LeftVentricle, TruncatedEllipsoid
from lvvol.phantom.shapes import (
    Canvas,
    Points,
    Samples,
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
class Bend:
    """Makes a heart irregular without changing any area or volume.

    Each step moves points along one axis by an amount that depends on the other two only. Such a
    shear has a Jacobian of 1 in space and within every short-axis plane, so the closed forms hold.

    Parameters
    ----------
    amplitudes_mm, wavelengths_mm, phases : (float, float)
        Waves along p (over q), then along q (over p).
    twist : float
        How fast the waves' phase turns along the axis, in radians per mm.
    bow_mm : float
        How far the apex strays from the straight axis towards p.
    """

    amplitudes_mm: tuple[float, float]
    wavelengths_mm: tuple[float, float]
    phases: tuple[float, float]
    twist: float
    bow_mm: float

    def __call__(self, points: Points, length_mm: float) -> Points:
        """Return where points of the bent heart lie in the straight one."""
        p, q, u = points
        turn = self.twist * u
        rate_p, rate_q = (2.0 * math.pi / w for w in self.wavelengths_mm)
        p = p + self.amplitudes_mm[0] * np.sin(rate_p * q + self.phases[0] + turn)
        p = p - self.bow_mm * np.maximum(1.0 - u / length_mm, 0.0) ** 2
        q = q + self.amplitudes_mm[1] * np.sin(rate_q * p + self.phases[1] - turn)
        return p, q, u


@dataclass(frozen=True)
class Strand:
    """A papillary muscle or trabecula.

    Parameters
    ----------
    angles : (float, float)
        Direction of its lower and upper end, in radians from p towards q.
    levels : (float, float)
        Height of its ends over the cavity's length.
    reaches : (float, float)
        Samples of its ends from the axis over the cavity's radius.
    radius_mm : float
        Its radius at ED.
    """

    angles: tuple[float, float]
    levels: tuple[float, float]
    reaches: tuple[float, float]
    radius_mm: float


@dataclass(frozen=True)
class Heart:
    """All chambers over the cycle.

    Parameters
    ----------
    phases : tuple of LeftVentricle
        The LV at every phase; the other chambers follow it.
    bend : Bend
        How it departs from ellipsoids.
    strands : tuple of Strand
        Papillary muscles and trabeculae of the LV.
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
    bend: Bend
    strands: tuple[Strand, ...]
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

    def paint(self, points: Points, phase: int, width_mm: float) -> tuple[Canvas, Samples]:
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
        points = self.bend(points, self.phases[0].cavity.base_mm)
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

    def _chambers(self, points: Points, lv: LeftVentricle) -> list[tuple[Samples, Samples]]:
        """Return outer and inner distances of RV, atria and great arteries, in painting order."""
        p, q, u = points
        s, k, base = self.scale, lv.contraction, lv.cavity.base_mm
        b_ed = self.phases[0].epicardium.radii_mm[0]
        filled = 1.0 + 0.18 * k  # atria fill while ventricles empty
        chambers = []

        def add(outer: Samples, wall_mm: float) -> None:
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
            (0.66 * b_ed, 2.0 * s, 0.78 * base),
            (
                40.0 * s**0.6 * self.rv_size * (1.0 - 0.18 * k),
                46.0 * s**0.8 * (1.0 - 0.12 * k),
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
        epicardium: Samples,
        outers: list[Samples],
        width_mm: float,
    ) -> None:
        """Paint the pericardium and, inside it, fat that fills the grooves between chambers."""
        hull = epicardium
        for outer in outers:
            hull = smooth_union(hull, outer, 10.0)
        fat = np.float32(self.fat_mm) * (1.0 + 1.2 * self.fat_field(points))
        fat = hull - np.maximum(fat, 0.0)
        canvas.paint(coverage(fat - np.float32(1.5), width_mm), 0.5 * self.myocardium)
        canvas.paint(coverage(fat, width_mm), FAT * (0.8 + 0.15 * self.flow(points)))

    def _paint_muscles(
        self, canvas: Canvas, points: Points, lv: LeftVentricle, cavity: Samples, width_mm: float
    ) -> None:
        """Paint papillary muscles and trabeculae into the cavity, where they still count as LV."""
        inside = cavity > 0.0
        if not inside.any():
            return
        near: Points = (points[0][inside], points[1][inside], points[2][inside])
        muscle = np.full(near[0].shape, np.float32(99.0))
        length = lv.cavity.base_mm - (lv.cavity.centre_mm - lv.cavity.radii_mm[2])
        thicker = 1.0 + 0.15 * lv.contraction
        for strand in self.strands:
            start, end = (
                _on_wall(lv.cavity, angle, level * length, reach)
                for angle, level, reach in zip(
                    strand.angles, strand.levels, strand.reaches, strict=True
                )
            )
            tube = capsule(near, start, end, strand.radius_mm * self.scale * thicker)
            muscle = smooth_union(muscle, tube, 2.0)
        cover = np.zeros(cavity.shape, np.float32)
        cover[inside] = coverage(muscle, width_mm) * cavity[inside]
        canvas.paint(cover, self.myocardium)


def draw_heart(rng: np.random.Generator, phases: tuple[LeftVentricle, ...]) -> Heart:
    """Draw everything about a heart that its LV does not settle."""
    return Heart(
        phases=phases,
        bend=Bend(
            amplitudes_mm=(float(rng.uniform(0.8, 2.0)), float(rng.uniform(0.8, 2.0))),
            wavelengths_mm=(float(rng.uniform(45, 80)), float(rng.uniform(45, 80))),
            phases=(float(rng.uniform(0, 6.28)), float(rng.uniform(0, 6.28))),
            twist=float(rng.uniform(-0.03, 0.03)),
            bow_mm=float(rng.uniform(-6, 6)),
        ),
        strands=_draw_strands(rng),
        rv_angle=float(np.deg2rad(rng.uniform(-5, 25))),
        rv_size=float(rng.uniform(0.9, 1.15)),
        fat_mm=float(rng.uniform(0.5, 3.0)),
        myocardium=float(rng.uniform(0.28, 0.42)),
        flow=draw_field(rng, 22.0),
        fat_field=draw_field(rng, 45.0, 4),
    )


def _draw_strands(rng: np.random.Generator) -> tuple[Strand, ...]:
    """Draw two papillary muscles of two or three heads, and trabeculae that cling to the wall."""
    strands = []
    for middle in np.deg2rad((-130.0, 115.0)) + rng.uniform(-0.2, 0.2, 2):
        for head in np.arange(rng.integers(2, 4)):
            angle = float(middle + (head - 0.8) * rng.uniform(0.15, 0.28))
            low, high = float(rng.uniform(0.15, 0.3)), float(rng.uniform(0.55, 0.75))
            foot, tip = float(rng.uniform(0.8, 0.95)), float(rng.uniform(0.6, 0.75))
            radius = float(rng.uniform(2.2, 3.6))
            strands.append(Strand((angle, angle), (low, high), (foot, tip), radius))
    for angle in rng.uniform(0.0, 2.0 * np.pi, 16):
        low = float(rng.uniform(0.08, 0.35))
        high = low + float(rng.uniform(0.2, 0.45))
        end = float(angle + rng.uniform(-0.4, 0.4))
        reaches = (float(rng.uniform(0.92, 1.0)), float(rng.uniform(0.95, 1.04)))
        radius = float(rng.uniform(1.2, 2.6))
        strands.append(Strand((float(angle), end), (low, high), reaches, radius))
    return tuple(strands)


def _truncated(points: Points, solid: TruncatedEllipsoid) -> Samples:
    """Return the distance to a truncated ellipsoid."""
    distance = ellipsoid(points, (0.0, 0.0, solid.centre_mm), solid.radii_mm)
    cut: Samples = np.maximum(distance, points[2] - np.float32(solid.base_mm))
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
