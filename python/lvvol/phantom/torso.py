"""Everything around the heart, at rest, painted in patient LPS coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lvvol.phantom.heart import BLOOD, FAT
from lvvol.phantom.shapes import (
    Canvas,
    Points,
    Samples,
    WaveField,
    capsule,
    coverage,
    draw_field,
    ellipsoid,
    tubes,
)

LUNG = 0.05
MUSCLE = 0.24
LIVER = 0.35


@dataclass(frozen=True)
class Torso:
    """A chest with the heart's middle at the height z = 0.

    Parameters
    ----------
    half_width_mm, half_depth_mm : float
        Semi-axes of the body's outline, left to right and front to back.
    fat_mm, wall_mm : float
        Thickness of the fat under the skin and of the chest wall within.
    dome_mm : float
        z of the top of the diaphragm.
    warp : tuple of WaveField
        How far every point strays from the plain solids, along x, y and z.
    large, fine, bowel : WaveField
        Unevenness of organ borders and of signal, and what is bowel.
    vessels : tuple of WaveField
        Two fields whose common zeros are the courses of vessels.
    """

    half_width_mm: float
    half_depth_mm: float
    fat_mm: float
    wall_mm: float
    dome_mm: float
    warp: tuple[WaveField, WaveField, WaveField]
    large: WaveField
    fine: WaveField
    bowel: WaveField
    vessels: tuple[WaveField, WaveField]

    def paint(self, points: Points, width_mm: float) -> Canvas:
        """Paint the torso.

        Parameters
        ----------
        points : Points
            Sample positions in patient LPS mm.
        width_mm : float
            Width of a sample, over which edges are averaged.
        """
        x, y, z = (p + 6.0 * warp(points) for p, warp in zip(points, self.warp, strict=True))
        points = (x, y, z)
        canvas = Canvas(x.shape)
        uneven, grain = self.large(points), self.fine(points)
        depth = self._depth(points)
        canvas.paint(coverage(-depth, width_mm), self._fat(points, grain))
        fat = np.float32(self.fat_mm) * (1.0 + 0.3 * uneven)
        # Towards the shoulders and armpits the wall of muscle and fat grows.
        wall = np.float32(self.wall_mm) + 0.28 * np.maximum(z - 25.0, 0.0)
        self._paint_wall(canvas, points, depth - fat, depth - fat - wall, width_mm)
        cavity = fat + wall - depth
        diaphragm = z - self._diaphragm(points, uneven)
        self._paint_lungs(canvas, points, cavity, grain, width_mm)
        self._paint_mediastinum(canvas, points, cavity, uneven, width_mm)
        self._paint_abdomen(canvas, points, np.maximum(cavity, diaphragm), uneven, grain, width_mm)
        self._paint_spine(canvas, points, uneven, grain, width_mm)
        return canvas

    def _fat(self, points: Points, grain: Samples) -> Samples:
        """Return the signal of fat under the skin, crossed by thin septa."""
        x, y, z = points
        septa = np.abs(self.bowel((1.6 * x, 1.6 * y, 1.6 * z))) * 5.0
        fat: Samples = FAT * (1.0 + 0.06 * grain) * (1.0 - 0.22 * np.exp(-septa * septa))
        return fat

    def _depth(self, points: Points) -> Samples:
        """Return the distance to the skin along rays from the body's axis, positive inside."""
        x, y, _ = points
        r = np.sqrt(x * x + y * y) + np.float32(1e-3)
        a, b = np.abs(x) / self.half_width_mm, np.abs(y) / self.half_depth_mm
        level = (a**2.5 + b**2.5) ** 0.4
        return (r / level - r).astype(np.float32)

    def _diaphragm(self, points: Points, uneven: Samples) -> Samples:
        """Return z of the diaphragm: a dome, higher on the right, falling off to the sides."""
        x, y, _ = points
        fall = 62.0 * ((x / self.half_width_mm) ** 2 + ((y + 15.0) / self.half_depth_mm) ** 2)
        height: Samples = self.dome_mm - 0.10 * x - fall + 3.0 * uneven
        return height

    def _paint_wall(
        self, canvas: Canvas, points: Points, below_fat: Samples, inside: Samples, width_mm: float
    ) -> None:
        """Paint muscle with seams of fat, and the ribs."""
        x, y, z = points
        outer = coverage(-below_fat, width_mm)
        canvas.paint(outer, MUSCLE * (1.0 + 0.2 * self.bowel((2.0 * x, 2.0 * y, 0.7 * z))))
        # Seams lie where a field changes sign; dividing by its slope makes their width even.
        seam = np.abs(self.bowel((0.8 * x, 0.8 * y, 0.5 * z))) * 9.0 - 1.3
        canvas.paint(outer * coverage(seam, width_mm), FAT * 0.9)
        course = np.cos((z + 0.45 * y + 0.12 * np.abs(x)) * np.float32(2.0 * np.pi / 27.0))
        rib = np.maximum(np.abs(inside + 7.0) - 5.0, (0.45 - course) * 6.0)
        canvas.paint(coverage(rib, width_mm), 0.06)
        canvas.paint(coverage(rib + 1.8, width_mm), -0.55)

    def _paint_lungs(
        self, canvas: Canvas, points: Points, cavity: Samples, grain: Samples, width_mm: float
    ) -> None:
        """Paint air with a net of bright vessels."""
        canvas.paint(coverage(cavity, width_mm), LUNG * (1.0 + 0.35 * grain))
        within = coverage(cavity + 6.0, 6.0)
        net = tubes(points, self.vessels)
        canvas.paint(within * coverage((net - 0.20) * 6.0, width_mm), 0.75)
        finer = tubes(points, self.vessels, 1.9)
        canvas.paint(within * coverage((finer - 0.20) * 4.0, width_mm), 0.4)

    def _paint_mediastinum(
        self, canvas: Canvas, points: Points, cavity: Samples, uneven: Samples, width_mm: float
    ) -> None:
        """Paint what lies between the lungs: fat and soft tissue, aorta, trachea."""
        b = self.half_depth_mm
        middle = ellipsoid(points, (4.0, -4.0, 60.0), (34.0, 0.86 * b, 170.0)) + 4.0 * uneven
        inside = coverage(np.maximum(middle, cavity), width_mm)
        canvas.paint(inside, -0.8 + 0.12 * uneven)
        canvas.paint(inside * coverage((self.bowel(points) - 0.1) * 7.0, width_mm), 0.33)
        aorta = capsule(points, (24.0, 0.42 * b, -200.0), (24.0, 0.42 * b, 75.0), 11.5)
        canvas.paint(coverage(aorta - 1.5, width_mm), 0.2)
        canvas.paint(coverage(aorta, width_mm), BLOOD * 0.95)
        airway = capsule(points, (-4.0, 8.0, 60.0), (-6.0, 0.0, 220.0), 9.0)
        canvas.paint(coverage(airway, width_mm), LUNG)

    def _paint_abdomen(
        self,
        canvas: Canvas,
        points: Points,
        below: Samples,
        uneven: Samples,
        grain: Samples,
        width_mm: float,
    ) -> None:
        """Paint, under the diaphragm, liver, stomach, spleen, left kidney and bowel in fat."""
        x, _, z = points
        canvas.paint(coverage(below - 2.0, width_mm), MUSCLE * 0.8)
        abdomen = below + 2.0
        inside = coverage(abdomen, width_mm)
        canvas.paint(inside, FAT * 0.85 * (1.0 + 0.08 * uneven))
        loops = self.bowel(points)
        canvas.paint(inside * coverage((0.35 - loops) * 8.0, width_mm), 0.42 + 0.1 * grain)
        canvas.paint(inside * coverage((1.25 - loops) * 8.0, width_mm), 0.05)
        bottom = self.dome_mm

        def organ(distance: Samples, value: Samples | float, rim_mm: float = 2.0) -> None:
            within = np.maximum(distance, abdomen + rim_mm)
            canvas.paint(coverage(within, width_mm), value)

        stomach = ellipsoid(points, (78.0, -22.0, bottom - 62.0), (44.0, 40.0, 40.0)) + 3.0 * uneven
        organ(stomach, MUSCLE)
        organ(stomach + 4.0, 0.45 + 0.12 * loops + 0.06 * grain)
        spleen = ellipsoid(points, (104.0, 48.0, bottom - 58.0), (32.0, 34.0, 46.0)) + 2.0 * uneven
        organ(spleen, 0.36)
        kidney = ellipsoid(points, (62.0, 58.0, bottom - 118.0), (28.0, 26.0, 52.0))
        organ(kidney, 0.62)
        organ(kidney + 12.0, -0.8)
        # The left lobe reaches under the heart and thins out to the left.
        liver = np.maximum(0.9 * (x - 38.0) + 0.35 * (bottom - 60.0 - z), bottom - 175.0 - z)
        net = tubes(points, self.vessels, 0.8)
        texture = LIVER * (1.0 + 0.05 * grain)
        texture = np.where(net < 0.25, np.maximum(0.72 - 1.2 * net, texture), texture)
        organ(liver + 5.0 * uneven, texture, 0.5)

    def _paint_spine(
        self, canvas: Canvas, points: Points, uneven: Samples, grain: Samples, width_mm: float
    ) -> None:
        """Paint back muscles, vertebrae with their discs, and the spinal canal."""
        x, y, z = points
        b = self.half_depth_mm
        for side in (-1.0, 1.0):
            back = ellipsoid(points, (side * 36.0, 0.74 * b, 0.0), (32.0, 20.0, 600.0))
            canvas.paint(coverage(back + 2.0 * uneven, width_mm), MUSCLE * 0.9)
        height = np.abs(z / 30.0 - np.round(z / 30.0)) * 30.0
        column = np.sqrt(x * x + (y - 0.52 * b) ** 2) - 21.0
        canvas.paint(coverage(column - 2.0, width_mm), 0.08)
        canvas.paint(coverage(column, width_mm), 0.42 + 0.05 * grain)
        canvas.paint(coverage(np.maximum(column, height - 3.0), width_mm), 0.16)
        canal = np.sqrt(x * x + (y - 0.52 * b - 29.0) ** 2) - 8.0
        canvas.paint(coverage(canal, width_mm), 0.85)
        canvas.paint(coverage(canal + 3.5, width_mm), 0.4)


def draw_torso(rng: np.random.Generator) -> Torso:
    """Draw a chest."""
    return Torso(
        half_width_mm=float(rng.uniform(155, 185)),
        half_depth_mm=float(rng.uniform(108, 128)),
        fat_mm=float(rng.uniform(10, 24)),
        wall_mm=float(rng.uniform(14, 20)),
        dome_mm=float(rng.uniform(-24, -12)),
        warp=(draw_field(rng, 130.0, 5), draw_field(rng, 130.0, 5), draw_field(rng, 130.0, 5)),
        large=draw_field(rng, 110.0, 5),
        fine=draw_field(rng, 14.0, 8),
        bowel=draw_field(rng, 52.0, 7),
        vessels=(draw_field(rng, 42.0, 7), draw_field(rng, 42.0, 7)),
    )
