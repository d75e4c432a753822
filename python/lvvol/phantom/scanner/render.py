"""Image formation: from painted anatomy on a plane to the pixels a scanner would store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lvvol.phantom.body.heart import Heart
from lvvol.phantom.body.shapes import Grid, Indices, Points, Samples, Vector
from lvvol.phantom.body.torso import Torso
from lvvol.typing import Bool, Float32, Float64, UInt16

SLAB_SAMPLES = 4
"""Planes averaged through a slice's thickness."""

PULL = 0.10
"""How far the contracted heart draws its surroundings in, as part of the distance."""


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

    def grid(self, to_frame: Float64, n_samples: int = SLAB_SAMPLES) -> Grid:
        """Return where the slab is sampled.

        Parameters
        ----------
        to_frame : ndarray of float64, shape (4, 4)
            Maps patient LPS mm to the coordinates wanted.
        n_samples : int
            Planes through the thickness.

        Returns
        -------
        Grid
            Of shape (sample, row, column).
        """
        rows, columns, depth, origin = (to_frame @ self.affine)[:3].T
        step = depth * (self.thickness_mm / n_samples)
        first = origin - 0.5 * (n_samples - 1) * step
        return Grid(np.stack([step, rows, columns, first], axis=1), (n_samples, *self.shape))

    def widened(self, margins: tuple[int, int]) -> Plane:
        """Return the plane with more rows and columns, as many on either side."""
        affine = self.affine.copy()
        affine[:3, 3] -= affine[:3, :2] @ margins
        shape = (self.shape[0] + 2 * margins[0], self.shape[1] + 2 * margins[1])
        return Plane(affine, shape, self.thickness_mm)


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
    shim_mm : tuple of (x, y, z)
        Where the field is most even, from the heart's middle, in patient LPS.
    band_radius_mm : float
        Distance from there at which the first dark band of bSSFP appears.
    wrap : float
        Part of the field of view by which what lies beyond it, along the phase-encoding direction,
        folds back onto it.
    kept : (float, float)
        Part of the spatial frequencies acquired along rows and columns.
    noise : float
        Standard deviation of the noise, in units of the blood's signal at the heart.
    blood : float
        Stored value of blood at the heart.
    round_view : bool
        Whether pixels outside a circle are blank.
    bowed : float
        How far the corrected distortion draws the view's edges in, as part of its half width: in
        the corners if positive, in the middle of its sides if negative.
    """

    coils_mm: tuple[Vector, ...]
    coil_reach_mm: float
    coil_weight: float
    shim_mm: Vector
    band_radius_mm: float
    wrap: float
    kept: tuple[float, float]
    noise: float
    blood: float
    round_view: bool
    bowed: float

    def gain(self, plane: Plane, heart_mm: Float64) -> Float32:
        """Return the receive sensitivity times bSSFP's bands, 1 at the heart's middle.

        Parameters
        ----------
        plane : Plane
            Where.
        heart_mm : ndarray of float64, shape (3,)
            Patient LPS of the heart's middle.

        Returns
        -------
        ndarray of float32
            Of the plane's shape, and the margins that fold back.
        """
        margin = round(0.5 * self.wrap * min(plane.shape))
        # Phases are encoded along the shorter side of the view.
        margins = (margin, 0) if plane.shape[0] < plane.shape[1] else (0, margin)
        x, y, z = (v[0] for v in plane.widened(margins).grid(np.eye(4), 1).points())
        cx, cy, cz = (np.asarray([v], np.float32) for v in heart_mm)
        at_heart = self._sensitivity(cx, cy, cz)
        shading = self._sensitivity(x, y, z) / at_heart
        if self.coil_weight != 1.0:
            shading = shading ** np.float32(self.coil_weight)
        gain = shading * self._bands(x, y, z, heart_mm) / self._bands(cx, cy, cz, heart_mm)
        for axis, beyond in enumerate(margins):
            # The receiver's filter lets less through the further out.
            fade = np.arange(1, beyond + 1, dtype=np.float32) / np.float32(beyond + 1)
            fade = fade * fade * (3.0 - 2.0 * fade)
            kept = np.concatenate([fade, np.ones(plane.shape[axis], np.float32), fade[::-1]])
            gain = gain * (kept[:, None] if axis == 0 else kept)
        return gain.astype(np.float32)

    def _bands(self, x: Samples, y: Samples, z: Samples, heart_mm: Float64) -> Samples:
        """Return what off-resonance leaves of the signal: little in bands that crowd outwards."""
        cx, cy, cz = (float(h + s) for h, s in zip(heart_mm, self.shim_mm, strict=True))
        away = ((x - cx) ** 2 + 1.2 * (y - cy) ** 2 + 0.7 * (z - cz) ** 2) / self.band_radius_mm**2
        dips = np.cos(np.pi * (away * away) ** 2)
        # The signal is even between the bands, and they are narrow.
        left: Samples = np.sqrt(np.sqrt(0.5 + 0.5 * dips) + 0.004)
        return left

    def _sensitivity(self, x: Float32, y: Float32, z: Float32) -> Float32:
        total = np.zeros(x.shape, np.float32)
        for cx, cy, cz in self.coils_mm:
            squared = (x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2
            total += 1.0 / (1.0 + squared / np.float32(self.coil_reach_mm**2)) ** 2
        return np.sqrt(total)

    def acquire(self, signal: Float32, rng: np.random.Generator) -> UInt16:
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
        out[:, self._blank(rows, columns)] = 0
        return out

    def _blank(self, rows: int, columns: int) -> Bool:
        """Return the pixels outside the view: beyond a circle, or beyond bowed edges."""
        r = np.arange(rows)[:, None] - 0.5 * (rows - 1)
        c = np.arange(columns) - 0.5 * (columns - 1)
        blank: Bool
        if self.round_view:
            blank = np.hypot(r, c) > 0.5 * min(rows, columns) * (1.0 - abs(self.bowed)) - 1.0
            return blank
        half = 0.5 * max(rows, columns)
        r, c = r / half, c / half
        if self.bowed > 0.0:  # most in the corners
            across = along = 1.0 - self.bowed * (r * r + c * c)
        else:  # most in the middle of the edges
            across, along = 1.0 + self.bowed * (1.0 - r * r), 1.0 + self.bowed * (1.0 - c * c)
        blank = (np.abs(r) * half > 0.5 * rows * along) | (
            np.abs(c) * half > 0.5 * columns * across
        )
        return blank


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
    gain : ndarray of float32
        What the signal is multiplied by; of the plane's shape, or with margins on either side,
        which fold back onto it.

    Returns
    -------
    signal : ndarray of float32, shape (phase, row, column)
        Signed signal before noise and blur.
    cavity : ndarray of float32, shape (phase, row, column)
        How much of each pixel's slab the LV cavity fills, 0 to 1.
    """
    rows, columns = ((g - n) // 2 for g, n in zip(gain.shape, plane.shape, strict=True))
    wide = torso.paint(plane.widened((rows, columns)).grid(np.eye(4)), plane.pixel_mm).mean(axis=0)
    view = slice(rows, rows + plane.shape[0]), slice(columns, columns + plane.shape[1])
    still = wide[view].copy()
    wide *= gain
    wide[view] = 0.0
    folded = _folded(wide, plane.shape)
    signal = np.repeat(still[None], len(heart.phases), axis=0)
    cavity = np.zeros_like(signal)
    grid = plane.grid(np.linalg.inv(heart_to_patient).astype(np.float64))
    patch = _reached(heart, grid)
    middle = heart_to_patient @ (0.0, 0.0, 0.5 * heart.phases[0].cavity.base_mm, 1.0)
    drawn = _drawn_in(still, middle[:3], plane)
    if patch is not None:
        for phase in range(len(heart.phases)):
            painted, covered, inside = patch.painted(heart, phase, plane.pixel_mm)
            shown = signal[phase]
            shown += np.float32(heart.phases[phase].contraction) * (drawn - still)
            shown[patch.view] = shown[patch.view] * (1.0 - covered) + painted
            cavity[phase][patch.view] = inside
    signal *= gain[view]
    signal += folded
    return signal, cavity


@dataclass(frozen=True)
class _Patch:
    """The samples of a plane that the heart covers at any phase, in a window of the view."""

    view: tuple[slice, slice]
    grid: Grid
    where: Indices
    points: Points

    def painted(
        self, heart: Heart, phase: int, width_mm: float
    ) -> tuple[Float32, Float32, Float32]:
        """Return signal, covered part and cavity of each pixel of the window."""
        canvas, inside = heart.paint(self.grid, self.where, self.points, phase, width_mm)
        n_samples, *shape = self.grid.shape
        cells = self.where % (shape[0] * shape[1])
        signal, covered, cavity = (
            (np.bincount(cells, part, shape[0] * shape[1]) / n_samples)
            .astype(np.float32)
            .reshape(shape)
            for part in (canvas.signal, canvas.covered, inside)
        )
        return signal, covered, cavity


def _reached(heart: Heart, grid: Grid) -> _Patch | None:
    """Return the samples that the heart covers at any phase, with some to spare, if any."""
    low, high = heart.bounds_mm
    points = grid.points()
    inside = np.ones(grid.shape, bool)
    for axis, start, end in zip(points, low, high, strict=True):
        inside &= (axis > start) & (axis < end)
    where = np.flatnonzero(inside)
    if where.size:
        phases = heart.phases
        es_phase = max(range(len(phases)), key=lambda i: phases[i].contraction)
        x, y, z = (p.ravel()[where] for p in points)
        touched = np.zeros(where.size, bool)
        for phase in {0, es_phase}:
            # Edges smeared over 16 mm also catch where ED and ES leave out a phase between them.
            touched |= heart.paint(grid, where, (x, y, z), phase, 16.0)[0].covered > 0.0
        where = where[touched]
    if not where.size:
        return None
    depths, rows, columns = np.unravel_index(where, grid.shape)
    view = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    cropped = grid.cropped(*view)
    index = (depths, rows - rows.min(), columns - columns.min())
    x, y, z = (p.ravel()[where] for p in points)
    return _Patch(view, cropped, np.ravel_multi_index(index, cropped.shape), (x, y, z))


def _drawn_in(still: Float32, middle_mm: Float64, plane: Plane) -> Float32:
    """Return the surroundings as the contracted heart draws them in."""
    row, column = (np.linalg.inv(plane.affine) @ (*middle_mm, 1.0))[:2]
    r = np.arange(plane.shape[0], dtype=np.float32)[:, None] - np.float32(row)
    c = np.arange(plane.shape[1], dtype=np.float32) - np.float32(column)
    away = (r * r + c * c) * np.float32((plane.pixel_mm / 75.0) ** 2)
    pull = np.float32(PULL) * np.exp(-away)
    r, c = (
        np.clip(d * (1.0 + pull) + m, 0.0, n - 1.001)
        for d, m, n in zip((r, c), (row, column), plane.shape, strict=True)
    )
    i, j = r.astype(np.intp), c.astype(np.intp)
    r, c = r - i, c - j
    upper = still[i, j] * (1.0 - c) + still[i, j + 1] * c
    lower = still[i + 1, j] * (1.0 - c) + still[i + 1, j + 1] * c
    drawn: Float32 = (upper * (1.0 - r) + lower * r).astype(np.float32)
    return drawn


def _folded(wide: Float32, shape: tuple[int, int]) -> Float32:
    """Return a wide image as a view too small for it shows it: cut and laid over itself."""
    for axis, n in enumerate(shape):
        wide = np.moveaxis(wide, axis, 0)
        margin = (len(wide) - n) // 2
        view = wide[margin : margin + n].copy()
        view[n - margin :] += wide[:margin]
        view[:margin] += wide[margin + n :]
        wide = np.moveaxis(view, 0, axis)
    return wide


def _window(size: int, kept: float) -> Float32:
    """Return what passes of each spatial frequency: a plateau with soft shoulders."""
    frequency = np.abs(np.fft.fftfreq(size)) * 2.0 / kept
    shoulder = np.clip((1.0 - frequency) / 0.35, 0.0, 1.0)
    passed: Float64 = 0.5 - 0.5 * np.cos(np.pi * shoulder)
    return passed.astype(np.float32)
