"""The beating heart, painted in heart coordinates (see `anatomy`)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lvvol.phantom.body.anatomy import LeftVentricle, TruncatedEllipsoid
from lvvol.phantom.body.chambers import Chambers
from lvvol.phantom.body.shapes import (
    Canvas,
    Grid,
    Indices,
    Points,
    Samples,
    Vector,
    WaveField,
    capsule,
    coverage,
    draw_field,
    ellipsoid,
    smooth_cut,
    smooth_union,
)
from lvvol.phantom.body.tissue import BLOOD, FAT

NOMINAL_RADIUS_MM = 35.0
"""Epicardial radius to which the sizes of the other chambers refer."""


@dataclass(frozen=True)
class Bend:
    """Deforms a heart without changing any area or volume.

    Each step moves points along one axis by an amount that depends only on the other two. Such a
    shear has a Jacobian of 1 in space and within every short-axis plane, so the closed forms hold.

    Parameters
    ----------
    amplitudes_mm, wavelengths_mm, phases : (float, float)
        Waves along p (over q), then along q (over p).
    twist : float
        Change of the waves' phase along the axis, in radians per mm.
    bow_mm : float
        Displacement of the apex from the straight axis, towards p.
    """

    amplitudes_mm: tuple[float, float]
    wavelengths_mm: tuple[float, float]
    phases: tuple[float, float]
    twist: float
    bow_mm: float

    def __call__(self, points: Points, length_mm: float) -> Points:
        """Map points of the bent heart to the straight one."""
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
        Heights of its ends, as fractions of the cavity's length.
    reaches : (float, float)
        Distances of its ends from the axis, as fractions of the cavity's radius.
    radius_mm : float
        Radius at ED.
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
        Deformation of the ellipsoids.
    strands : tuple of Strand
        Papillary muscles of the LV.
    chambers : Chambers
        RV, atria and great arteries.
    fat_mm : float
        Mean thickness of the epicardial fat.
    myocardium : float
        Signal of muscle relative to blood.
    trabeculation_mm : float
        Depth of the trabeculae in the cavity near the apex.
    flow, fat_field, ridges, grain : WaveField
        Variation of the blood's signal, of the fat's thickness, of the cavities' walls (elongated
        along the axis) and of muscle.
    """

    phases: tuple[LeftVentricle, ...]
    bend: Bend
    strands: tuple[Strand, ...]
    chambers: Chambers
    fat_mm: float
    myocardium: float
    trabeculation_mm: float
    flow: WaveField
    fat_field: WaveField
    ridges: WaveField
    grain: WaveField

    @property
    def scale(self) -> float:
        """Size of the heart relative to the nominal one."""
        b, c, _ = self.phases[0].epicardium.radii_mm
        return 0.5 * (b + c) / NOMINAL_RADIUS_MM

    @property
    def rv_angle(self) -> float:
        """Direction of the RV from p towards q, in radians."""
        return self.chambers.rv_angle

    @property
    def bounds_mm(self) -> tuple[Vector, Vector]:
        """Corners in (p, q, u) of a box around all chambers at all phases."""
        s, base = self.scale, self.phases[0].cavity.base_mm
        return (-62.0 * s, -96.0 * s, -14.0), (104.0 * s, 72.0 * s, base + 72.0 * s)

    def paint(
        self, grid: Grid, where: Indices, points: Points, phase: int, width_mm: float
    ) -> tuple[Canvas, Samples]:
        """Paint one phase.

        Parameters
        ----------
        grid : Grid
            Sample positions (p, q, u).
        where : ndarray of int
            Flat indices of the samples to paint.
        points : Points
            Positions of those samples.
        phase : int
            Phase to paint.
        width_mm : float
            Width of a sample, over which edges are antialiased.

        Returns
        -------
        canvas : Canvas
            Signal of the heart alone, and the fraction of each sample it covers.
        cavity : ndarray of float32
            Fraction of each sample inside the LV cavity.
        """
        lv = self.phases[phase]
        flat = where % (grid.shape[1] * grid.shape[2])  # index within a plane of the slab
        middle = grid.middle()
        # The pattern of the blood moves by one wavelength per cycle, so that the cycle closes.
        drift = 2.0 * math.pi * phase / len(self.phases)
        flow = self.flow.turned(drift)(middle).ravel()[flat]
        ridges = self.ridges(self._at_ed(grid, lv)).ravel()[where]
        uneven = self.fat_field(middle).ravel()[flat]
        grain = self.grain(middle).ravel()[flat]
        points = self.bend(points, self.phases[0].cavity.base_mm)
        canvas = Canvas(points)
        epicardium = _rounded(points, lv.epicardium)
        size = self.scale, lv, self.phases[0]
        outer, inner = self.chambers.distances(points, *size, 1.6 * ridges, 1.5 * uneven)
        hull, gap = smooth_union(epicardium, outer, 16.0), np.minimum(epicardium, outer)
        self._paint_fat(canvas, uneven, hull, gap, flow, width_mm)
        muscle = self.myocardium * (1.0 + np.float32(0.07) * grain)
        # Blood varies most at inflow and outflow.
        streaming = np.clip((points[2] - np.float32(lv.cavity.base_mm)) / 40.0 + 0.5, 0.0, 1.0)
        blood = BLOOD * (1.0 + (0.05 + 0.07 * streaming) * flow)
        canvas.paint(coverage(outer, width_mm), muscle)
        canvas.paint(coverage(inner, width_mm), blood)
        canvas.paint(coverage(epicardium, width_mm), muscle)
        distance = _truncated(points, lv.cavity)
        cavity = coverage(distance, width_mm)
        canvas.paint(cavity, blood)
        self._paint_muscles(canvas, lv, distance, cavity, ridges, width_mm)
        return canvas, cavity

    def _at_ed(self, grid: Grid, lv: LeftVentricle) -> Grid:
        """Return the positions at ED of the samples of a contracted LV."""
        ed = self.phases[0].cavity
        b, c, a = (r0 / r for r0, r in zip(ed.radii_mm, lv.cavity.radii_mm, strict=True))
        return grid.scaled((b, c, a), (0.0, 0.0, ed.centre_mm - a * lv.cavity.centre_mm))

    def _paint_fat(
        self,
        canvas: Canvas,
        uneven: Samples,
        hull: Samples,
        gap: Samples,
        flow: Samples,
        width_mm: float,
    ) -> None:
        """Paint the pericardium and, inside it, fat: thick over the RV and in grooves."""
        p, q, _ = canvas.points
        rightward = np.clip(p - 0.25 * q, -20.0, 50.0) * np.float32(0.02)
        fat = hull - np.maximum(np.float32(self.fat_mm) * (0.3 + rightward + uneven) - 0.6, 0.0)
        canvas.paint(coverage(fat - np.float32(0.6), width_mm), 0.15)
        canvas.paint(coverage(fat, width_mm), 0.3)
        # Between chambers that nearly touch there are vessels and membranes rather than fat.
        canvas.paint(coverage(np.maximum(fat, 1.2 - gap), width_mm), FAT * (0.8 + 0.12 * flow))

    def _paint_muscles(
        self,
        canvas: Canvas,
        lv: LeftVentricle,
        distance: Samples,
        cavity: Samples,
        ridges: Samples,
        width_mm: float,
    ) -> None:
        """Paint papillary muscles and trabeculae into the cavity, of which they are part."""
        inside = cavity > 0.0
        if not inside.any():
            return
        p, q, u = canvas.points
        near: Points = (p[inside], q[inside], u[inside])
        rough = ridges[inside]
        length = lv.cavity.base_mm - (lv.cavity.centre_mm - lv.cavity.radii_mm[2])
        # Trabeculae are ridges of the wall, deepest near the apex and towards the free wall.
        height = np.clip((lv.cavity.base_mm - near[2]) / length, 0.0, 1.0)
        free = 1.0 - near[0] / (np.abs(near[0]) + np.abs(near[1]) + 6.0)
        depth = self.trabeculation_mm * (0.3 + 0.7 * height) * (0.45 + 0.45 * free)
        muscle = depth * (0.9 - 1.1 * np.maximum(rough, -0.6)) * -1.0 - distance[inside]
        thicker = 1.0 + 0.15 * lv.contraction
        for strand in self.strands:
            start, end = (
                _on_wall(lv.cavity, angle, level * length, reach)
                for angle, level, reach in zip(
                    strand.angles, strand.levels, strand.reaches, strict=True
                )
            )
            tube = capsule(near, start, end, strand.radius_mm * self.scale * thicker)
            muscle = smooth_union(muscle, tube + 0.8 * rough, 3.0)
        cover = np.zeros(cavity.shape, np.float32)
        cover[inside] = coverage(muscle, width_mm) * cavity[inside]
        # They are thinner than a sample, with blood between them.
        canvas.paint(cover, self.myocardium + 0.12)


def draw_heart(rng: np.random.Generator, phases: tuple[LeftVentricle, ...]) -> Heart:
    """Draw all properties of a heart besides its LV."""
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
        chambers=Chambers(
            rv_angle=float(np.deg2rad(rng.uniform(-5, 20))),
            rv_size=float(rng.uniform(1.0, 1.25)),
            atria_size=float(rng.uniform(0.9, 1.12)),
        ),
        fat_mm=float(rng.uniform(1.0, 3.5)),
        myocardium=float(rng.uniform(0.23, 0.35)),
        trabeculation_mm=float(rng.uniform(1.5, 4.5)),
        flow=draw_field(rng, 26.0),
        fat_field=draw_field(rng, 45.0, 8),
        ridges=draw_field(rng, (10.0, 10.0, 36.0), 30),
        grain=draw_field(rng, 9.0, 24),
    )


def _draw_strands(rng: np.random.Generator) -> tuple[Strand, ...]:
    """Draw two papillary muscles with two or three heads each."""
    strands = []
    for middle in np.deg2rad((-130.0, 115.0)) + rng.uniform(-0.2, 0.2, 2):
        for head in np.arange(rng.integers(2, 4)):
            angle = float(middle + (head - 0.8) * rng.uniform(0.12, 0.26))
            low, high = float(rng.uniform(0.10, 0.25)), float(rng.uniform(0.55, 0.78))
            foot, tip = float(rng.uniform(0.85, 1.0)), float(rng.uniform(0.62, 0.78))
            radius = float(rng.uniform(2.0, 3.8))
            strands.append(Strand((angle, angle), (low, high), (foot, tip), radius))
    return tuple(strands)


def _truncated(points: Points, solid: TruncatedEllipsoid) -> Samples:
    """Return the distance to a truncated ellipsoid."""
    distance = ellipsoid(points, (0.0, 0.0, solid.centre_mm), solid.radii_mm)
    cut: Samples = np.maximum(distance, points[2] - np.float32(solid.base_mm))
    return cut


def _rounded(points: Points, solid: TruncatedEllipsoid) -> Samples:
    """Return the distance to a truncated ellipsoid with a rounded basal rim."""
    distance = ellipsoid(points, (0.0, 0.0, solid.centre_mm), solid.radii_mm)
    return smooth_cut(distance, points[2] - np.float32(solid.base_mm), 9.0)


def _on_wall(cavity: TruncatedEllipsoid, angle: float, above_apex_mm: float, part: float) -> Vector:
    """Return the point a fraction `part` of the way from the axis to the cavity's wall."""
    b, c, a = cavity.radii_mm
    u = cavity.centre_mm - a + above_apex_mm
    reach = part * float(np.sqrt(max(1.0 - ((u - cavity.centre_mm) / a) ** 2, 0.0)))
    return (b * reach * float(np.cos(angle)), c * reach * float(np.sin(angle)), u)
