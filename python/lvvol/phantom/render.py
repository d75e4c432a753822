"""Image formation: from painted anatomy on a plane to the pixels a scanner would store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lvvol.phantom.heart import Heart
from lvvol.phantom.shapes import Float32, Float64, Points, Vector
from lvvol.phantom.torso import Torso

SLAB_SAMPLES = 4
"""Planes averaged through a slice's thickness."""


@dataclass(frozen=True)
class Plane:
    """One image plane.

    Parameters
    ----------
    affine : ndarray of float64, shape (4, 4)
        Maps (row, column, mm along the normal, 1) to patient LPS mm, as in `CineStack`.
    shape : (int, int)
        Rows and columns.
    thickness_mm : float
        Thickness of the slab that one pixel averages.
    """

    affine: Float64
    shape: tuple[int, int]
    thickness_mm: float

    @property
    def pixel_mm(self) -> float:
        """Width of a (square) pixel."""
        return float(np.linalg.norm(self.affine[:3, 1]))

    def points(self, to_frame: Float64, n_samples: int = SLAB_SAMPLES) -> Points:
        """Return where the slab is sampled.

        Parameters
        ----------
        to_frame : ndarray of float64, shape (4, 4)
            Maps patient LPS mm to the coordinates wanted.
        n_samples : int
            Planes through the thickness.

        Returns
        -------
        Points
            Three arrays of shape (sample, row, column).
        """
        matrix = to_frame @ self.affine
        rows = np.arange(self.shape[0], dtype=np.float64)[:, None]
        columns = np.arange(self.shape[1], dtype=np.float64)
        depths = ((np.arange(n_samples) + 0.5) / n_samples - 0.5) * self.thickness_mm
        grid = [
            m[0] * rows + m[1] * columns + m[2] * depths[:, None, None] + m[3] for m in matrix[:3]
        ]
        return grid[0].astype(np.float32), grid[1].astype(np.float32), grid[2].astype(np.float32)


@dataclass(frozen=True)
class Scanner:
    """What the machine does to the signal.

    Parameters
    ----------
    coils_mm : tuple of (x, y, z)
        Positions of the receive coils in patient LPS.
    coil_reach_mm : float
        Distance at which a coil has lost half of its sensitivity.
    coil_weight : float
        0 for fully corrected shading, 1 for none corrected.
    band_radius_mm : float
        Distance from the heart at which the first dark band of bSSFP appears.
    kept : (float, float)
        Part of the spatial frequencies acquired along rows and columns.
    noise : float
        Standard deviation of the noise, in units of the blood's signal at the heart.
    blood : float
        Stored value of blood at the heart.
    round_view : bool
        Whether pixels outside the largest circle are blank.
    """

    coils_mm: tuple[Vector, ...]
    coil_reach_mm: float
    coil_weight: float
    band_radius_mm: float
    kept: tuple[float, float]
    noise: float
    blood: float
    round_view: bool

    def gain(self, plane: Plane, heart_mm: Float64) -> Float32:
        """Return the receive sensitivity times bSSFP's bands, 1 at the heart's middle."""
        x, y, z = plane.points(np.eye(4), 1)
        at_heart = self._sensitivity(*(np.asarray([v], np.float32) for v in heart_mm))
        shading = (self._sensitivity(x[0], y[0], z[0]) / at_heart) ** np.float32(self.coil_weight)
        cx, cy, cz = (float(v) for v in heart_mm)
        away = np.sqrt((x[0] - cx) ** 2 + (y[0] - cy) ** 2 + 0.7 * (z[0] - cz) ** 2)
        # Off-resonance grows fast towards the edge of the shimmed volume; at odd pi signal is gone.
        turns = (away / np.float32(self.band_radius_mm)) ** 5
        bands = np.abs(np.cos(np.float32(np.pi / 2.0) * turns)) ** np.float32(0.4)
        gain: Float32 = shading * bands
        return gain

    def _sensitivity(self, x: Float32, y: Float32, z: Float32) -> Float32:
        total = np.zeros(x.shape, np.float32)
        for cx, cy, cz in self.coils_mm:
            squared = (x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2
            total += 1.0 / (1.0 + squared / np.float32(self.coil_reach_mm**2)) ** 2
        return np.sqrt(total)

    def acquire(self, signal: Float32, rng: np.random.Generator) -> npt.NDArray[np.uint16]:
        """Return stored pixels of a cine.

        Parameters
        ----------
        signal : ndarray of float32, shape (phase, row, column)
            Signed signal, 1 for blood at the heart.
        rng : Generator
            Source of the noise.

        Returns
        -------
        ndarray of uint16, shape (phase, row, column)
            Magnitude, so the noise is Rician; blurred as by the missing spatial frequencies.
        """
        rows, columns = signal.shape[1:]
        window = _window(rows, self.kept[0])[:, None] * _window(columns, self.kept[1])
        out = np.empty(signal.shape, np.uint16)
        for index, image in enumerate(signal):
            noise = rng.standard_normal((2, rows, columns), np.float32) * np.float32(self.noise)
            spectrum = np.fft.fft2((image + noise[0]) + 1j * noise[1]) * window
            magnitude = np.abs(np.fft.ifft2(spectrum))
            out[index] = np.clip(np.rint(magnitude * self.blood), 0, 32767)
        if self.round_view:
            r = np.arange(rows)[:, None] - 0.5 * (rows - 1)
            c = np.arange(columns) - 0.5 * (columns - 1)
            out[:, np.hypot(r, c) > 0.5 * min(rows, columns) - 1.0] = 0
        return out


def render_cine(
    torso: Torso,
    heart: Heart,
    plane: Plane,
    heart_to_patient: Float64,
    gain: Float32,
) -> tuple[Float32, Float32]:
    """Paint one plane at every phase.

    Parameters
    ----------
    torso, heart : Torso, Heart
        The anatomy.
    plane : Plane
        Where to cut it.
    heart_to_patient : ndarray of float64, shape (4, 4)
        Maps heart coordinates to patient LPS mm.
    gain : ndarray of float32, shape (row, column)
        What the signal is multiplied by.

    Returns
    -------
    signal : ndarray of float32, shape (phase, row, column)
        Signed signal before noise and blur.
    cavity : ndarray of float32, shape (phase, row, column)
        How much of each pixel's slab the LV cavity fills, 0 to 1.
    """
    still = torso.paint(plane.points(np.eye(4)), plane.pixel_mm).signal.mean(axis=0)
    signal = np.repeat(still[None], len(heart.phases), axis=0)
    cavity = np.zeros_like(signal)
    points = plane.points(np.linalg.inv(heart_to_patient).astype(np.float64))
    reached = _reached(heart, points)
    near: Points = (points[0][reached], points[1][reached], points[2][reached])
    cells = np.flatnonzero(reached) % still.size
    for phase in range(len(heart.phases)):
        if not cells.size:
            break
        canvas, inside = heart.paint(near, phase, plane.pixel_mm)
        painted, covered, cavity[phase] = (
            np.bincount(cells, part, still.size).reshape(still.shape) / SLAB_SAMPLES
            for part in (canvas.signal, canvas.covered, inside)
        )
        signal[phase] = still * (1.0 - covered) + painted
    signal *= gain
    return signal, cavity


def _reached(heart: Heart, points: Points) -> npt.NDArray[np.bool_]:
    """Return the samples that the heart covers at any phase, with some to spare."""
    low, high = heart.bounds_mm
    inside = np.ones(points[0].shape, bool)
    for axis, start, end in zip(points, low, high, strict=True):
        inside &= (axis > start) & (axis < end)
    boxed: Points = (points[0][inside], points[1][inside], points[2][inside])
    if not boxed[0].size:
        return inside
    phases = heart.phases
    es_phase = max(range(len(phases)), key=lambda i: phases[i].contraction)
    # Edges smeared over 16 mm also catch where ED and ES leave out a phase between them.
    touched = [heart.paint(boxed, phase, 16.0)[0].covered > 0.0 for phase in (0, es_phase)]
    inside[inside] = touched[0] | touched[1]
    return inside


def _window(size: int, kept: float) -> Float32:
    """Return what passes of each spatial frequency: a plateau with soft shoulders."""
    frequency = np.abs(np.fft.fftfreq(size)) * 2.0 / kept
    shoulder = np.clip((1.0 - frequency) / 0.35, 0.0, 1.0)
    passed: Float64 = 0.5 - 0.5 * np.cos(np.pi * shoulder)
    return passed.astype(np.float32)
