"""The planes of a protocol: short axis, long axis and localisers."""

from __future__ import annotations

import numpy as np

from lvvol.phantom.heart import Heart
from lvvol.phantom.plan import SIEMENS
from lvvol.phantom.render import Plane
from lvvol.phantom.shapes import Float64


def draw_short_axis(
    rng: np.random.Generator,
    heart: Heart,
    heart_to_patient: Float64,
    vendor: str,
    n_slices: int | None,
) -> tuple[list[Plane], Float64]:
    """Draw the short-axis stack; return its planes from apex to base, and u of each."""
    gap = float(rng.uniform(8.0, 10.0))
    covered = heart.phases[0].cavity.base_mm + 4.0
    if n_slices is None:
        n_slices = int(np.clip(np.ceil(covered / gap) + 1, 9, 12))
        gap = min(max(gap, covered / (n_slices - 1)), 10.0)
    first_mm = 0.5 * covered - 0.5 * gap * (n_slices - 1) + float(rng.uniform(-1.5, 1.5))
    levels_mm = np.array([first_mm + gap * z for z in range(n_slices)])
    if vendor == SIEMENS:
        shape = (256, int(rng.choice([192, 208, 230])))
        turn = np.deg2rad(rng.uniform(-30.0, 30.0))
    else:
        shape = (256, 256)
        turn = np.deg2rad(rng.uniform(-40.0, 40.0) + 90.0 * rng.integers(0, 4))
    pixel_mm = round(float(rng.uniform(1.25, 1.55)), 4)
    p, q, u = heart_to_patient[:3, :3].T
    row = np.cos(turn) * -p + np.sin(turn) * q
    shift_mm = rng.normal(0.0, 10.0, 2)
    planes = []
    for level in levels_mm:
        # The chest wall is near on the apex's side, so the view is centred towards the RV and back.
        centre = heart_to_patient[:3] @ (12.0 + shift_mm[0], 12.0 + shift_mm[1], level, 1.0)
        affine = plane_affine(centre, row, np.cross(u, row), pixel_mm, shape)
        planes.append(Plane(affine, shape, min(8.0, gap)))
    return planes, levels_mm


def two_chamber(heart: Heart, heart_to_patient: Float64, like: Plane) -> Plane:
    """Return the plane through the LV's axis that misses the RV, base up."""
    _, q, u = heart_to_patient[:3, :3].T
    centre = heart_to_patient[:3] @ (0.0, 0.0, 0.6 * heart.phases[0].cavity.base_mm, 1.0)
    shape = (like.shape[0], like.shape[0])
    return Plane(plane_affine(centre, -q, -u, like.pixel_mm, shape), shape, like.thickness_mm)


def plane_affine(
    centre: Float64, row: Float64, column: Float64, pixel_mm: float, shape: tuple[int, int]
) -> Float64:
    """Return the affine of a plane.

    Parameters
    ----------
    centre : ndarray of float64, shape (3,)
        Patient LPS of the middle of the pixel at (rows // 2, columns // 2).
    row, column : ndarray of float64, shape (3,)
        Directions of DICOM's row (along which the column index grows) and column.
    pixel_mm : float
        Width of a square pixel.
    shape : (int, int)
        Rows and columns.
    """
    affine = np.eye(4)
    affine[:3, 0] = column * pixel_mm
    affine[:3, 1] = row * pixel_mm
    affine[:3, 2] = np.cross(row, column)
    affine[:3, 3] = centre - affine[:3, 0] * (shape[0] // 2) - affine[:3, 1] * (shape[1] // 2)
    return affine
