"""Image formation: from the anatomy in a plane to stored pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lvvol.phantom.body.heart import Heart
from lvvol.phantom.body.shapes import Grid, Indices, Points, Samples, Vector
from lvvol.phantom.body.torso import Torso
from lvvol.typing import Bool, Float32, Float64, UInt16

SLAB_SAMPLES = 4
"""Number of planes averaged through a slice's thickness."""

PULL = 0.10
"""Inward displacement of the surroundings at ES, as a fraction of the distance."""


@dataclass(frozen=True)
class Plane:
    """One image plane.

    Parameters
    ----------
    affine : ndarray of float64, shape (4, 4)
        Map from (row, column, mm along the normal, 1) to patient LPS mm, as in `CineStack`.
    shape : (int, int)
        Rows and columns.
    thickness_mm : float
        Thickness of the slab over which a pixel averages.
    """

    affine: Float64
    shape: tuple[int, int]
    thickness_mm: float

    @property
    def pixel_mm(self) -> float:
        """Width of a square pixel."""
        return float(np.linalg.norm(self.affine[:3, 1]))

    def grid(self, to_frame: Float64, n_samples: int = SLAB_SAMPLES) -> Grid:
        """Return the sample positions of the slab.

        Parameters
        ----------
        to_frame : ndarray of float64, shape (4, 4)
            Map from patient LPS mm to the coordinates of the result.
        n_samples : int
            Number of planes through the thickness.

        Returns
        -------
        Grid
            Grid of shape (sample, row, column).
        """
        rows, columns, depth, origin = (to_frame @ self.affine)[:3].T
        step = depth * (self.thickness_mm / n_samples)
        first = origin - 0.5 * (n_samples - 1) * step
        return Grid(np.stack([step, rows, columns, first], axis=1), (n_samples, *self.shape))

    def widened(self, margins: tuple[int, int]) -> Plane:
        """Return the plane with `margins` more rows and columns on each side."""
        affine = self.affine.copy()
        affine[:3, 3] -= affine[:3, :2] @ margins
        shape = (self.shape[0] + 2 * margins[0], self.shape[1] + 2 * margins[1])
        return Plane(affine, shape, self.thickness_mm)


@dataclass(frozen=True)
class Scanner:
    """The scanner's effect on the signal.

    Parameters
    ----------
    coils_mm : tuple of (x, y, z)
        Positions of the receive coils in patient LPS.
    coil_reach_mm : float
        Distance at which a coil's sensitivity has halved.
    coil_weight : float
        Shading by the coils: 0 if fully corrected, 1 if uncorrected.
    shim_mm : tuple of (x, y, z)
        Offset of the most homogeneous point of the field from the centre of the heart, in patient
        LPS.
    band_radius_mm : float
        Distance of the first dark bSSFP band from that point.
    wrap : float
        Width of the region beyond the field of view that wraps around along the phase-encoding
        direction, as a fraction of the field of view.
    kept : (float, float)
        Fraction of the spatial frequencies acquired along rows and columns.
    noise : float
        Standard deviation of the noise, in units of the blood's signal at the heart.
    blood : float
        Stored value of blood at the heart.
    round_view : bool
        True if pixels outside a circle are blank.
    bowed : float
        Displacement of the image edges by distortion correction, as a fraction of the half width:
        inwards at the corners if positive, at the middle of the sides if negative.
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
        """Return the product of receive sensitivity and bSSFP bands, 1 at the centre of the heart.

        Parameters
        ----------
        plane : Plane
            Image plane.
        heart_mm : ndarray of float64, shape (3,)
            Centre of the heart in patient LPS.

        Returns
        -------
        ndarray of float32
            Gain over the plane and the margins that wrap around.
        """
        margin = round(0.5 * self.wrap * min(plane.shape))
        # Phase encoding is along the shorter side of the view.
        margins = (margin, 0) if plane.shape[0] < plane.shape[1] else (0, margin)
        x, y, z = (v[0] for v in plane.widened(margins).grid(np.eye(4), 1).points())
        cx, cy, cz = (np.asarray([v], np.float32) for v in heart_mm)
        at_heart = self._sensitivity(cx, cy, cz)
        shading = self._sensitivity(x, y, z) / at_heart
        if self.coil_weight != 1.0:
            shading = shading ** np.float32(self.coil_weight)
        gain = shading * self._bands(x, y, z, heart_mm) / self._bands(cx, cy, cz, heart_mm)
        for axis, beyond in enumerate(margins):
            # The receiver's filter attenuates the margins.
            fade = np.arange(1, beyond + 1, dtype=np.float32) / np.float32(beyond + 1)
            fade = fade * fade * (3.0 - 2.0 * fade)
            kept = np.concatenate([fade, np.ones(plane.shape[axis], np.float32), fade[::-1]])
            gain = gain * (kept[:, None] if axis == 0 else kept)
        return gain.astype(np.float32)

    def _bands(self, x: Samples, y: Samples, z: Samples, heart_mm: Float64) -> Samples:
        """Return the bSSFP off-resonance gain: low in bands that become denser outwards."""
        cx, cy, cz = (float(h + s) for h, s in zip(heart_mm, self.shim_mm, strict=True))
        away = ((x - cx) ** 2 + 1.2 * (y - cy) ** 2 + 0.7 * (z - cz) ** 2) / self.band_radius_mm**2
        dips = np.cos(np.pi * (away * away) ** 2)
        # The bands are narrow, with constant signal between them.
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
            Generator of the noise.

        Returns
        -------
        ndarray of uint16, shape (phase, row, column)
            Magnitude images with Rician noise, blurred by the missing spatial frequencies.
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
        """Return a mask of blank pixels: outside a circle, or outside bowed edges."""
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
        Image plane.
    heart_to_patient : ndarray of float64, shape (4, 4)
        Maps heart coordinates to patient LPS mm.
    gain : ndarray of float32
        Factor on the signal; of the plane's shape, or with margins on each side that wrap around.

    Returns
    -------
    signal : ndarray of float32, shape (phase, row, column)
        Signed signal, before noise and blur.
    cavity : ndarray of float32, shape (phase, row, column)
        Fraction of each pixel's slab inside the LV cavity, 0 to 1.
    """
    rows, columns = ((g - n) // 2 for g, n in zip(gain.shape, plane.shape, strict=True))
    wide = torso.paint(plane.widened((rows, columns)).grid(np.eye(4)), plane.pixel_mm).mean(axis=0)
    view = slice(rows, rows + plane.shape[0]), slice(columns, columns + plane.shape[1])
    still = wide[view].copy()
    wide *= gain
    wide[view] = 0.0
    wrapped = _wrapped(wide, plane.shape)
    signal = np.repeat(still[None], len(heart.phases), axis=0)
    cavity = np.zeros_like(signal)
    grid = plane.grid(np.linalg.inv(heart_to_patient).astype(np.float64))
    patch = _heart_samples(heart, grid)
    middle = heart_to_patient @ (0.0, 0.0, 0.5 * heart.phases[0].cavity.base_mm, 1.0)
    drawn = _pulled_in(still, middle[:3], plane)
    if patch is not None:
        for phase in range(len(heart.phases)):
            painted, covered, inside = patch.painted(heart, phase, plane.pixel_mm)
            shown = signal[phase]
            shown += np.float32(heart.phases[phase].contraction) * (drawn - still)
            shown[patch.view] = shown[patch.view] * (1.0 - covered) + painted
            cavity[phase][patch.view] = inside
    signal *= gain[view]
    signal += wrapped
    return signal, cavity


@dataclass(frozen=True)
class _Patch:
    """Samples of a plane that the heart covers at some phase, in a window of the view."""

    view: tuple[slice, slice]
    grid: Grid
    where: Indices
    points: Points

    def painted(
        self, heart: Heart, phase: int, width_mm: float
    ) -> tuple[Float32, Float32, Float32]:
        """Return the signal, coverage and cavity fraction of each pixel of the window."""
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


def _heart_samples(heart: Heart, grid: Grid) -> _Patch | None:
    """Return the samples that the heart covers at some phase, with a margin, or None."""
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
            # Edges widened to 16 mm include samples reached only between ED and ES.
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


def _pulled_in(still: Float32, middle_mm: Float64, plane: Plane) -> Float32:
    """Return the surroundings at ES, displaced towards the heart."""
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


def _wrapped(wide: Float32, shape: tuple[int, int]) -> Float32:
    """Wrap an image around into a smaller view: crop it and add its margins at the far sides."""
    for axis, n in enumerate(shape):
        wide = np.moveaxis(wide, axis, 0)
        margin = (len(wide) - n) // 2
        view = wide[margin : margin + n].copy()
        view[n - margin :] += wide[:margin]
        view[:margin] += wide[margin + n :]
        wide = np.moveaxis(view, 0, axis)
    return wide


def _window(size: int, kept: float) -> Float32:
    """Return the transfer function of the spatial frequencies: a plateau with soft shoulders."""
    frequency = np.abs(np.fft.fftfreq(size)) * 2.0 / kept
    shoulder = np.clip((1.0 - frequency) / 0.35, 0.0, 1.0)
    passed: Float64 = 0.5 - 0.5 * np.cos(np.pi * shoulder)
    return passed.astype(np.float32)
