"""Solids, coverage and smooth random fields from which the phantom is painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Samples = npt.NDArray[np.floating[Any]]
"""One number for each sample: a coordinate, a distance in mm (negative inside) or a signal.

They are float32 in fact, which numpy's types lose in arithmetic with Python's floats.
"""

Points = tuple[Samples, Samples, Samples]
"""Three coordinates in mm, each of the shape of the sample grid."""

Vector = tuple[float, float, float]


def ellipsoid(points: Points, centre: Vector, radii: Vector) -> Samples:
    """Return the distance to an ellipsoid in mm, negative inside, exact to first order at it."""
    x, y, z = ((p - c) / r for p, c, r in zip(points, centre, radii, strict=True))
    rx, ry, rz = radii
    x2, y2, z2 = x * x, y * y, z * z
    level = np.sqrt(x2 + y2 + z2)
    slope = np.sqrt(x2 / rx**2 + y2 / ry**2 + z2 / rz**2)
    distance: Samples = level * (level - 1.0) / np.maximum(slope, 1e-6)
    # At the very centre the quotient is 0 / 0; any depth below the smallest radius will do.
    distance[level < 1e-3] = -min(radii)
    return distance


def capsule(points: Points, start: Vector, end: Vector, radius: float) -> Samples:
    """Return the distance to a round tube with round ends in mm, negative inside."""
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


def coverage(distance_mm: Samples, width_mm: float) -> Samples:
    """Return how much of a sample `width_mm` wide lies inside a solid, 0 to 1."""
    covered: Samples = np.clip(0.5 - distance_mm / width_mm, 0.0, 1.0)
    return covered.astype(np.float32, copy=False)


@dataclass(frozen=True)
class WaveField:
    """A smooth random field of mean 0 and variance 1, the same wherever it is sampled.

    A sum of plane waves needs no grid, so short-axis and long-axis planes see one anatomy.

    Parameters
    ----------
    waves_per_mm : ndarray of float32, shape (wave, 3)
        Wave vectors in radians per mm.
    phases : ndarray of float32, shape (wave,)
        Phase of each wave in radians.
    """

    waves_per_mm: Samples
    phases: Samples

    def __call__(self, points: Points) -> Samples:
        """Return the field at `points`."""
        x, y, z = points
        total = np.zeros(np.broadcast(x, y, z).shape, np.float32)
        for (kx, ky, kz), phase in zip(self.waves_per_mm, self.phases, strict=True):
            total += np.cos(kx * x + ky * y + kz * z + phase)
        total *= np.float32(np.sqrt(2.0 / len(self.phases)))
        return total


def draw_field(rng: np.random.Generator, wavelength_mm: float, n_waves: int = 6) -> WaveField:
    """Draw a field whose features are about half of `wavelength_mm` wide."""
    directions = rng.normal(size=(n_waves, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths = wavelength_mm * rng.uniform(0.7, 1.5, (n_waves, 1))
    return WaveField(
        (2.0 * np.pi * directions / lengths).astype(np.float32),
        rng.uniform(0.0, 2.0 * np.pi, n_waves).astype(np.float32),
    )


def tubes(points: Points, fields: tuple[WaveField, WaveField], finer: float = 1.0) -> Samples:
    """Return how far two fields are from both being 0: small along a net of thin tubes."""
    x, y, z = points
    a, b = (field((finer * x, finer * y, finer * z)) for field in fields)
    away: Samples = np.sqrt(a * a + b * b)
    return away


class Canvas:
    """Signal painted in order on a sample grid, later paint over earlier.

    Parameters
    ----------
    shape : tuple of int
        Shape of the sample grid.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.signal = np.zeros(shape, np.float32)
        self.covered = np.zeros(shape, np.float32)

    def paint(self, cover: Samples, value: Samples | float) -> None:
        """Lay `value` over the part of each sample that `cover` (0 to 1) names."""
        self.signal += cover * (value - self.signal)
        self.covered += cover * (1.0 - self.covered)
