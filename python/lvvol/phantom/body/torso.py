"""The motionless chest around the heart, painted in patient LPS coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lvvol.phantom.body.abdomen import paint_abdomen
from lvvol.phantom.body.shapes import (
    Canvas,
    Grid,
    Points,
    Profile,
    Samples,
    Vector,
    WaveField,
    capsule,
    coverage,
    draw_field,
    ellipsoid,
    oval,
    smooth_union,
)
from lvvol.phantom.body.tissue import (
    BLOOD,
    BONE,
    CARTILAGE,
    CORD,
    FAT,
    FLUID,
    GAS,
    LUNG,
    MARROW,
    MUSCLE,
    SKIN,
    VERTEBRA,
    Texture,
    Weave,
    draw_texture,
)
from lvvol.typing import Float32

# Profiles along z, with the centre of the heart at 0, shoulders at 140 mm, neck above 190 mm.
_BODY_WIDTH = Profile(
    (-260, -120, -40, 40, 100, 140, 165, 185, 205, 260),
    (0.98, 0.95, 0.98, 1.02, 1.06, 1.08, 0.97, 0.66, 0.42, 0.40),
)
_BODY_FRONT = Profile(
    (-260, -100, -60, 0, 50, 100, 140, 170, 195, 260),
    (-0.96, -1.00, -1.02, -1.00, -0.91, -0.76, -0.60, -0.44, -0.32, -0.32),
)
_BODY_BACK = Profile(
    (-260, -60, 70, 130, 165, 195, 260), (0.95, 1.00, 1.00, 0.95, 0.80, 0.66, 0.62)
)
_CAGE_WIDTH = Profile(
    (-260, -120, -20, 45, 85, 120, 145, 165), (0.95, 1.00, 1.00, 0.89, 0.71, 0.50, 0.30, 0.02)
)
_CAGE_FRONT = Profile(
    (-260, -60, 0, 50, 100, 130, 155, 175), (-0.95, -1.00, -1.00, -0.86, -0.56, -0.32, -0.04, 0.20)
)
_CAGE_BACK = Profile((-260, -60, 30, 90, 130, 155, 175), (0.96, 1.00, 1.00, 0.92, 0.74, 0.50, 0.24))


@dataclass(frozen=True)
class Torso:
    """A chest with the centre of the heart at z = 0.

    Parameters
    ----------
    half_width_mm, half_depth_mm : float
        Semi-axes of the body, left to right and front to back.
    fat_mm, wall_mm : float
        Thickness of the subcutaneous fat and of the chest wall inside it.
    breast_mm : float
        Projection of the breasts; 0 for none.
    arm_mm : float
        Radius of the upper arms.
    domes_mm : (float, float)
        z of the tops of the diaphragm, right and left.
    warp : tuple of WaveField
        Displacement of every point from the smooth solids, along x, y and z.
    texture : Texture
        Random variation of borders and signal.
    """

    half_width_mm: float
    half_depth_mm: float
    fat_mm: float
    wall_mm: float
    breast_mm: float
    arm_mm: float
    domes_mm: tuple[float, float]
    warp: tuple[WaveField, WaveField, WaveField]
    texture: Texture

    def paint(self, grid: Grid, width_mm: float) -> Float32:
        """Paint the torso.

        Parameters
        ----------
        grid : Grid
            Sample positions in patient LPS mm.
        width_mm : float
            Width of a sample, over which edges are antialiased.

        Returns
        -------
        ndarray of float32
            Signal of each sample, of the grid's shape.
        """
        weave = self.texture.on(grid)
        x, y, z = (
            (p + 6.0 * warp(grid)).ravel() + np.float32(1.2) * ripple
            for p, warp, ripple in zip(
                grid.points(), self.warp, (weave.fibre, weave.loops, weave.fibre), strict=True
            )
        )
        canvas = Canvas((x, y, z))
        with canvas.part(self._skin((x, y, z)) < 0.5 * width_mm) as body:
            skin = self._skin(body.points)
            uneven = weave.uneven[body.where]
            body.paint(coverage(skin, width_mm), SKIN)
            body.paint(coverage(skin + 1.6, width_mm), weave.fat(body.where))
            cage = self._cage(body.points) + 1.5 * uneven
            fat = np.float32(self.fat_mm) * (1.0 + 0.25 * uneven)
            # Muscle is thin over the lower front ribs, which only fat or breast covers.
            x, y, z = body.points
            shoulder = np.maximum(0.8 * (z - 35.0), 4.0 * (np.abs(x) - self.half_width_mm + 8.0))
            thickest = np.maximum(22.0 + np.maximum(shoulder, y + 20.0), 14.0)
            below_fat = np.maximum(skin + fat, cage - thickest)
            with body.part((below_fat < width_mm) & (cage > -width_mm)) as wall:
                self._paint_wall(wall, weave, below_fat[wall.index], cage[wall.index], width_mm)
            with body.part(cage < width_mm) as inside:
                cavity = cage[inside.index]
                self._paint_lungs(inside, weave, cavity, width_mm)
                self._paint_mediastinum(inside, weave, cavity, width_mm)
                below = np.maximum(cavity, inside.points[2] - self._diaphragm(inside.points))
                below += 2.5 * uneven[inside.index]
                with inside.part(below < 4.0) as abdomen:
                    paint_abdomen(
                        abdomen, weave, below[abdomen.index], self.half_depth_mm, width_mm
                    )
                self._paint_vessels(inside, width_mm)
            self._paint_back(body, weave, width_mm)
        return canvas.signal.reshape(grid.shape)

    def _skin(self, points: Points) -> Samples:
        """Return the distance to the skin of the trunk, breasts and arms."""
        x, y, z = points
        side = np.abs(x)
        front, back = self.half_depth_mm * _BODY_FRONT(z), self.half_depth_mm * _BODY_BACK(z)
        width = self.half_width_mm * _BODY_WIDTH(z)
        skin = oval(x, y - 0.5 * (front + back), width, 0.5 * (back - front))
        if self.breast_mm > 0.0:
            centre = (0.56 * self.half_width_mm, -0.72 * self.half_depth_mm, -4.0)
            size = (64.0, 0.22 * self.half_depth_mm + self.breast_mm, 64.0)
            skin = smooth_union(skin, ellipsoid((side, y, z), centre, size), 36.0)
        start, end = self._arm()
        return smooth_union(skin, capsule((side, y, z), start, end, self.arm_mm), 12.0)

    def _arm(self) -> tuple[Vector, Vector]:
        """Return the ends of the left upper arm."""
        w = self.half_width_mm
        return (w - 4.0, 12.0, 138.0), (w + self.arm_mm + 6.0, 28.0, -130.0)

    def _cage(self, points: Points) -> Samples:
        """Return the distance to the inner surface of the ribs."""
        x, y, z = points
        width = self.half_width_mm - self.fat_mm - self.wall_mm
        depth = self.half_depth_mm - 0.8 * self.fat_mm - 0.9 * self.wall_mm
        front, back = depth * _CAGE_FRONT(z), depth * _CAGE_BACK(z)
        return oval(x, y - 3.0 - 0.5 * (front + back), width * _CAGE_WIDTH(z), 0.5 * (back - front))

    def _diaphragm(self, points: Points) -> Samples:
        """Return z of the diaphragm: two domes with the heart between them."""
        x, y, _ = points
        right, left, middle = (
            top - 58.0 * (((x - at_x) / wide) ** 2 + ((y - at_y) / deep) ** 2)
            for top, at_x, wide, at_y, deep in (
                (self.domes_mm[0], -70.0, 92.0, 5.0, 92.0),
                (self.domes_mm[1], 84.0, 66.0, 24.0, 84.0),
                (-30.0, 22.0, 120.0, -16.0, 125.0),
            )
        )
        height: Samples = -smooth_union(smooth_union(-right, -left, 14.0), -middle, 14.0)
        return height

    def _paint_wall(
        self, wall: Canvas, weave: Weave, below_fat: Samples, cage: Samples, width_mm: float
    ) -> None:
        """Paint muscles with layers of fat, armpits, ribs, breastbone, shoulder blades and arms."""
        x, y, z = wall.points
        side = np.abs(x)
        outer = coverage(below_fat, width_mm)
        fibre, uneven = weave.fibre[wall.where], weave.uneven[wall.where]
        wall.paint(outer, MUSCLE * (1.0 + 0.25 * fibre))
        # Sheets of fat of varying thickness between the layers of muscle.
        for depth, thick in ((12.0, 1.2), (27.0, 1.8), (46.0, 1.6)):
            sheet = np.abs(cage - depth - 3.0 * uneven) - thick * (0.8 + 0.9 * fibre)
            wall.paint(outer * coverage(sheet, width_mm), 0.85 * FAT)
        armpit = ellipsoid((side, y, z), (self.half_width_mm - 34.0, 4.0, 62.0), (26.0, 36.0, 66.0))
        armpit = np.maximum(armpit + 5.0 * weave.loops[wall.where], 12.0 - cage)
        wall.paint(outer * coverage(armpit, width_mm), weave.fat(wall.where))
        nodes = np.maximum(armpit + 6.0, (0.24 - weave.net[wall.where]) * -9.0)
        wall.paint(outer * coverage(nodes, width_mm), 0.3)
        blade = ellipsoid(
            (side, y - 0.25 * (side - 80.0) * -1.0, z),
            (0.6 * self.half_width_mm, 0.60 * self.half_depth_mm, 70.0),
            (44.0, 6.0, 62.0),
        )
        self._paint_bone(wall, np.maximum(blade, 14.0 - cage), width_mm, 2.0)
        start, end = self._arm()
        self._paint_bone(wall, capsule((side, y, z), start, end, 11.0), width_mm, 4.0)
        # Ribs slope down to the front, where they end in cartilage.
        course = (z - 0.42 * y + 0.1 * side) / 27.0
        across = (course - np.floor(course) - 0.5) * 27.0
        rib = (np.hypot(across / 7.0, (cage - 6.0) / 4.6) - 1.0) * 5.0
        rib = np.maximum(rib, 24.0 - side)
        front = (y < -0.45 * self.half_depth_mm) & (side < 80.0)
        wall.paint(outer * coverage(rib, width_mm), BONE)
        marrow = np.where(front, CARTILAGE, MARROW).astype(np.float32)
        wall.paint(outer * coverage(rib + 1.6, width_mm), marrow)
        breastbone = np.hypot((cage - 7.0) / 6.5, x / 19.0) - 1.0
        breastbone = np.maximum(6.0 * breastbone, np.abs(z - 40.0) - 85.0)
        breastbone = np.where(y < 0.0, breastbone, np.float32(9.0))
        self._paint_bone(wall, breastbone, width_mm, 1.6)

    def _paint_bone(self, canvas: Canvas, bone: Samples, width_mm: float, cortex_mm: float) -> None:
        """Paint dark cortex around fatty marrow."""
        canvas.paint(coverage(bone, width_mm), BONE)
        canvas.paint(coverage(bone + cortex_mm, width_mm), MARROW)

    def _paint_lungs(self, inside: Canvas, weave: Weave, cavity: Samples, width_mm: float) -> None:
        """Paint air with bright vessels that thin out away from the hila."""
        x, y, z = inside.points
        where = inside.where
        inside.paint(
            coverage(cavity, width_mm),
            LUNG * (1.0 + 0.25 * weave.grain[where] + 0.1 * weave.loops[where]),
        )
        away = np.sqrt((np.abs(x) - 45.0) ** 2 + (y - 12.0) ** 2 + (0.7 * (z - 25.0)) ** 2)
        within = coverage(cavity + 8.0, 8.0) * np.clip(1.35 - away / 95.0, 0.12, 1.0)
        thick = np.clip(0.34 - away / 300.0, 0.05, 0.34)
        inside.paint(within * coverage((weave.net[where] - thick) * 7.0, width_mm), 0.85)
        near = np.clip(1.3 - away / 60.0, 0.0, 1.0)
        twigs = coverage((weave.finer[where] - 0.10 - 0.10 * near) * 4.0, width_mm)
        inside.paint(within * twigs, 0.4 + 0.5 * near)

    def _paint_mediastinum(
        self, inside: Canvas, weave: Weave, cavity: Samples, width_mm: float
    ) -> None:
        """Paint fat, soft tissue and airways between the lungs."""
        b = self.half_depth_mm
        where = inside.where
        uneven, loops = weave.uneven[where], weave.loops[where]
        middle = ellipsoid(inside.points, (0.0, 14.0, 110.0), (18.0, 0.34 * b, 130.0))
        pad = ellipsoid(inside.points, (14.0, -0.72 * b, -16.0), (40.0, 0.20 * b, 40.0))
        middle = smooth_union(middle, pad, 20.0)
        middle = np.maximum(middle + 4.0 * uneven + 2.5 * loops, cavity)
        fill = coverage(middle, width_mm)
        inside.paint(fill, 0.85 * weave.fat(where))
        inside.paint(fill * coverage((1.2 - loops) * 9.0, width_mm), 0.32)
        points = inside.points
        for start, end, radius in (
            ((-6.0, 34.0, 70.0), (-4.0, 10.0, 230.0), 9.0),
            ((-6.0, 34.0, 70.0), (-44.0, 36.0, 36.0), 6.5),
            ((-6.0, 34.0, 70.0), (46.0, 40.0, 34.0), 6.0),
        ):
            airway = capsule(points, start, end, radius)
            inside.paint(coverage(airway - 1.5, width_mm), 0.3)
            inside.paint(coverage(airway, width_mm), GAS)
        gullet = capsule(points, (10.0, 0.34 * b, -60.0), (0.0, 0.28 * b, 200.0), 8.0)
        inside.paint(coverage(gullet, width_mm), MUSCLE * 1.2)

    def _paint_vessels(self, inside: Canvas, width_mm: float) -> None:
        """Paint the great vessels outside the heart."""
        b = self.half_depth_mm
        points = inside.points
        courses: tuple[tuple[tuple[Vector, ...], float], ...] = (
            # Inferior and superior vena cava.
            (((-24.0, 0.24 * b, -300.0), (-37.0, 0.0, -52.0), (-42.0, -6.0, -8.0)), 11.0),
            (((-48.0, -10.0, 14.0), (-32.0, -4.0, 130.0)), 9.0),
            # Aorta, from below through the arch to the end of `Chambers`' part, and its branches.
            (
                (
                    (22.0, 0.42 * b, -300.0),
                    (26.0, 0.42 * b, 74.0),
                    (4.0, 18.0, 98.0),
                    (-20.0, 0.0, 80.0),
                ),
                12.0,
            ),
            (((8.0, 14.0, 98.0), (48.0, -6.0, 200.0)), 5.0),
            (((-12.0, 6.0, 96.0), (-40.0, -8.0, 200.0)), 6.0),
            # Pulmonary arteries and veins.
            (((-62.0, 24.0, 42.0), (18.0, 18.0, 56.0), (62.0, 40.0, 60.0)), 9.0),
            (((-66.0, 40.0, -16.0), (8.0, 25.0, 10.0), (70.0, 52.0, -20.0)), 5.5),
        )
        for course, radius in courses:
            vessel = capsule(points, course[0], course[1], radius)
            for start, end in pairwise(course[1:]):
                vessel = np.minimum(vessel, capsule(points, start, end, radius))
            inside.paint(coverage(vessel - 1.4, width_mm), MUSCLE)
            inside.paint(coverage(vessel, width_mm), 0.95 * BLOOD)

    def _paint_back(self, body: Canvas, weave: Weave, width_mm: float) -> None:
        """Paint back muscles, vertebrae with discs and arches, and the spinal canal."""
        b = self.half_depth_mm
        with body.part((body.points[1] > 0.2 * b) & (np.abs(body.points[0]) < 85.0)) as back:
            x, y, z = back.points
            side = np.abs(x)
            fibre, grain = weave.fibre[back.where], weave.grain[back.where]
            muscle = ellipsoid((side, y, z), (34.0, 0.76 * b, 0.0), (30.0, 0.17 * b, 500.0))
            back.paint(coverage(muscle - 2.0, width_mm), 0.8 * FAT)
            streaks = MUSCLE * (1.0 + 0.45 * fibre)
            back.paint(coverage(muscle, width_mm), streaks)
            height = np.abs(z / 31.0 - np.round(z / 31.0)) * 31.0
            arch = np.sqrt((x / 1.3) ** 2 + (y - 0.78 * b) ** 2) - 14.0
            arch = np.maximum(arch, 4.0 - height)
            back.paint(coverage(arch, width_mm), 0.85 * FAT)
            self._paint_bone(back, np.maximum(arch + 5.0, 9.0 - height), width_mm, 1.5)
            waist = 20.0 - 1.6 * np.cos(height * np.float32(np.pi / 15.5))
            column = np.sqrt((x / 1.12) ** 2 + (y - 0.50 * b) ** 2) - waist
            back.paint(coverage(column - 1.5, width_mm), BONE)
            marrow = VERTEBRA * (1.0 + 0.12 * grain)
            back.paint(coverage(column, width_mm), marrow)
            back.paint(coverage(np.maximum(column, height - 3.2), width_mm), 0.10)
            canal = np.sqrt((x / 1.2) ** 2 + (y - 0.50 * b - 29.0) ** 2) - 8.5
            back.paint(coverage(canal - 1.2, width_mm), BONE)
            back.paint(coverage(canal, width_mm), FLUID)
            back.paint(coverage(canal + 4.0, width_mm), CORD)


def draw_torso(rng: np.random.Generator) -> Torso:
    """Draw a chest."""
    woman = bool(rng.random() < 0.4)
    breast_mm = float(rng.uniform(6.0, 22.0))
    fat_mm = float(rng.uniform(7.0, 18.0)) + (3.0 if woman else 0.0)
    return Torso(
        half_width_mm=float(rng.uniform(152, 176)) + 0.6 * (fat_mm - 14.0),
        half_depth_mm=float(rng.uniform(106, 122)) + 0.6 * (fat_mm - 14.0),
        fat_mm=fat_mm,
        wall_mm=float(rng.uniform(13, 17)),
        breast_mm=breast_mm if woman else 0.0,
        arm_mm=float(rng.uniform(36, 46)),
        domes_mm=(float(rng.uniform(-8, 10)), float(rng.uniform(-12, 6))),
        warp=(draw_field(rng, 140.0, 10), draw_field(rng, 140.0, 10), draw_field(rng, 140.0, 10)),
        texture=draw_texture(rng),
    )
