"""Solids, pixel coverage and smooth random fields for painting the phantom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lvvol.typing import Bool, Float32, Float64

Indices = npt.NDArray[np.intp]
Samples = npt.NDArray[np.floating[Any]]
"""One value per sample: a coordinate, a distance in mm (negative inside) or a signal.

The dtype is float32, which NumPy's type stubs lose in arithmetic with Python floats.
"""

Points = tuple[Samples, Samples, Samples]
"""Three coordinates in mm, each of the shape of the sample grid."""

Vector = tuple[float, float, float]

_BLOCK_ROWS = 16


def ellipsoid(points: Points, centre: Vector, radii: Vector) -> Samples:
    """Return the distance to an ellipsoid in mm, negative inside; exact to first order nearby."""
    x, y, z = ((p - c) / r for p, c, r in zip(points, centre, radii, strict=True))
    rx, ry, rz = radii
    x2, y2, z2 = x * x, y * y, z * z
    level = np.sqrt(x2 + y2 + z2)
    slope = np.sqrt(x2 / rx**2 + y2 / ry**2 + z2 / rz**2)
    distance: Samples = level * (level - 1.0) / np.maximum(slope, 1e-6)
    # The quotient is 0 / 0 at the centre, where any depth below the smallest radius will do.
    distance[level < 1e-3] = -min(radii)
    return distance


def capsule(points: Points, start: Vector, end: Vector, radius: float) -> Samples:
    """Return the distance to a cylinder with rounded ends in mm, negative inside."""
    axis = np.subtract(end, start)
    dx, dy, dz = (float(v) for v in axis)
    x, y, z = (p - s for p, s in zip(points, start, strict=True))
    along = np.clip((x * dx + y * dy + z * dz) / float(axis @ axis), 0.0, 1.0)
    x, y, z = x - along * dx, y - along * dy, z - along * dz
    distance: Samples = np.sqrt(x * x + y * y + z * z) - radius
    return distance


def smooth_union(first: Samples, second: Samples, width_mm: float) -> Samples:
    """Return the distance to two solids joined by a fillet of about `width_mm`."""
    overlap = np.maximum(width_mm - np.abs(first - second), 0.0) / width_mm
    joined: Samples = np.minimum(first, second) - overlap * overlap * (0.25 * width_mm)
    return joined


def smooth_cut(first: Samples, second: Samples, width_mm: float) -> Samples:
    """Return the distance to the intersection of two solids, its edge rounded over `width_mm`."""
    cut: Samples = -smooth_union(-first, -second, width_mm)
    return cut


def coverage(distance_mm: Samples, width_mm: float) -> Samples:
    """Return the fraction of a sample `width_mm` wide that is inside a solid, 0 to 1."""
    covered: Samples = np.clip(0.5 - distance_mm / width_mm, 0.0, 1.0)
    return covered.astype(np.float32, copy=False)


def oval(x: Samples, y: Samples, half_width: Samples, half_depth: Samples) -> Samples:
    """Return the distance to an upright cylinder, its section between an ellipse and a rectangle.

    Distances are measured along rays from the axis, negative inside.
    """
    radius = np.sqrt(x * x + y * y) + np.float32(1e-3)
    a, b = x / half_width, y / half_depth
    a, b = a * a, b * b
    level = 0.5 * (np.sqrt(a + b) + np.sqrt(np.sqrt(a * a + b * b)))
    distance: Samples = radius - radius / np.maximum(level, 1e-3)
    return distance


class Profile:
    """A size as a function of height, interpolated from a table.

    Parameters
    ----------
    heights_mm, sizes : sequence of float
        Sizes at some heights; linear between them, constant beyond them.
    """

    _STEPS_PER_MM = 4

    def __init__(self, heights_mm: Sequence[float], sizes: Sequence[float]) -> None:
        self._first_mm = heights_mm[0]
        n = int((heights_mm[-1] - heights_mm[0]) * self._STEPS_PER_MM) + 1
        heights = self._first_mm + np.arange(n) / self._STEPS_PER_MM
        self._table = np.interp(heights, heights_mm, sizes).astype(np.float32)

    def __call__(self, z: Samples) -> Samples:
        """Return the size at each height."""
        step = ((z - self._first_mm) * self._STEPS_PER_MM).astype(np.int32)
        return self._table[np.clip(step, 0, len(self._table) - 1)]


@dataclass(frozen=True)
class Grid:
    """A regular grid of samples in some coordinate frame.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 4)
        Maps sample indices (depth, row, column, 1) to coordinates in mm.
    shape : (int, int, int)
        Samples along depth, rows and columns.
    """

    matrix: Float64
    shape: tuple[int, int, int]

    def points(self) -> Points:
        """Return the coordinates of all samples, each of the grid's shape."""
        depth, row, column = (np.arange(n, dtype=np.float64) for n in self.shape)
        x, y, z = (
            (m[0] * depth[:, None, None] + m[1] * row[:, None] + m[2] * column + m[3]).astype(
                np.float32
            )
            for m in self.matrix
        )
        return x, y, z

    def cropped(self, rows: slice, columns: slice) -> Grid:
        """Return the part of the grid at `rows` and `columns`, given by start and stop."""
        matrix = self.matrix.copy()
        matrix[:, 3] += matrix[:, 1] * rows.start + matrix[:, 2] * columns.start
        shape = (self.shape[0], rows.stop - rows.start, columns.stop - columns.start)
        return Grid(matrix, shape)

    def scaled(self, scale: Vector, shift_mm: Vector) -> Grid:
        """Return the grid in a frame whose axes are scaled, then shifted."""
        matrix = np.array(scale)[:, None] * self.matrix
        matrix[:, 3] += shift_mm
        return Grid(matrix, self.shape)

    def middle(self) -> Grid:
        """Return the middle plane of the grid, as a grid with one sample in depth."""
        matrix = self.matrix.copy()
        matrix[:, 3] += matrix[:, 0] * 0.5 * (self.shape[0] - 1)
        return Grid(matrix, (1, *self.shape[1:]))


@dataclass(frozen=True)
class WaveField:
    """A smooth random field of mean 0 and variance 1, independent of the sampling grid.

    A sum of plane waves needs no lattice, so short-axis and long-axis planes show the same anatomy;
    and on a grid each wave is the product of a factor for rows and one for columns.

    Parameters
    ----------
    waves_per_mm : ndarray of float64, shape (wave, 3)
        Wave vectors in radians per mm.
    phases : ndarray of float64, shape (wave,)
        Phase of each wave in radians.
    """

    waves_per_mm: Float64
    phases: Float64

    def turned(self, angle: float) -> WaveField:
        """Return the field with the phase of every wave advanced by an angle in radians."""
        return WaveField(self.waves_per_mm, self.phases + angle)

    def __call__(self, grid: Grid) -> Float32:
        """Return the field on a grid, in the grid's shape."""
        steps = self.waves_per_mm @ grid.matrix
        depth, row, column = (np.arange(n) for n in grid.shape)
        turn = steps[:, 0] * depth[:, None] + steps[:, 3] + self.phases
        along_rows = turn[:, None] + row[:, None] * steps[:, 1]
        along_columns = column * steps[:, 2, None]
        left = np.concatenate([np.cos(along_rows), -np.sin(along_rows)], axis=2)
        right = np.concatenate([np.cos(along_columns), np.sin(along_columns)])
        # In double precision: rounding to single then hides the machine's order of summation.
        left = left.reshape(-1, left.shape[2]) * np.sqrt(2.0 / len(self.phases))
        field = np.empty((len(left), grid.shape[2]), np.float32)
        # In blocks too small for BLAS to multithread, which costs more than it gains here.
        for first in range(0, len(left), _BLOCK_ROWS):
            block = slice(first, first + _BLOCK_ROWS)
            field[block] = left[block] @ right
        return field.reshape(grid.shape)


def draw_field(
    rng: np.random.Generator, wavelength_mm: float | Vector, n_waves: int = 12
) -> WaveField:
    """Draw a field with features about half of `wavelength_mm` wide (along each axis)."""
    directions = rng.normal(size=(n_waves, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths = np.asarray(wavelength_mm) * rng.uniform(0.7, 1.5, (n_waves, 1))
    return WaveField(2.0 * np.pi * directions / lengths, rng.uniform(0.0, 2.0 * np.pi, n_waves))


class Canvas:
    """Signal painted onto samples in order, later paint over earlier.

    Parameters
    ----------
    points : Points
        Positions of the samples, flat.
    """

    def __init__(self, points: Points) -> None:
        self.points = points
        self.where: Indices = np.arange(points[0].size)
        self.signal = np.zeros(points[0].shape, np.float32)
        self.covered = np.zeros(points[0].shape, np.float32)

    def paint(self, cover: Samples, value: Samples | float) -> None:
        """Paint `value` over the fraction `cover` (0 to 1) of each sample."""
        self.signal += cover * (value - self.signal)
        self.covered += cover * (1.0 - self.covered)

    def part(self, chosen: Bool) -> Part:
        """Return the chosen samples as a canvas, so that painting skips the others."""
        return Part(self, chosen)


class Part(Canvas):
    """Some samples of a canvas; leaving its ``with`` block writes them back.

    Parameters
    ----------
    whole : Canvas
        Canvas the samples belong to.
    chosen : ndarray of bool
        True for samples of the part.
    """

    def __init__(self, whole: Canvas, chosen: Bool) -> None:
        self._whole = whole
        self.index: Indices = np.flatnonzero(chosen)
        x, y, z = whole.points
        self.points = (x[self.index], y[self.index], z[self.index])
        self.where = whole.where[self.index]
        self.signal = whole.signal[self.index]
        self.covered = whole.covered[self.index]

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *_: object) -> None:
        self._whole.signal[self.index] = self.signal
        self._whole.covered[self.index] = self.covered
