"""The planes of a protocol: short axis, long axis and localisers."""

from __future__ import annotations

import numpy as np

from lvvol.phantom.body.heart import Heart
from lvvol.phantom.scanner.plan import SIEMENS
from lvvol.phantom.scanner.render import Plane
from lvvol.typing import Float64

LOCALISER_PIXEL_MM = 1.5625
LOCALISER_THICKNESS_MM = 8.0


def draw_short_axis(
    rng: np.random.Generator,
    heart: Heart,
    heart_to_patient: Float64,
    vendor: str,
    n_slices: int | None,
    rows: int = 256,
) -> tuple[Plane, ...]:
    """Draw the short-axis stack.

    Parameters
    ----------
    rng : Generator
        Generator of gap, field of view and rotation.
    heart : Heart
        Heart to cover.
    heart_to_patient : ndarray of float64, shape (4, 4)
        Map from heart coordinates to patient LPS mm.
    vendor : str
        Manufacturer, which sets the matrix.
    n_slices : int or None
        Number of slices; None for as many as cover the LV at ED.
    rows : int
        Rows of the matrix; the field of view is constant.

    Returns
    -------
    tuple of Plane
        From apex to base; the normal points to the base.
    """
    gap = float(rng.uniform(8.0, 10.0))
    covered = heart.phases[0].cavity.base_mm + 4.0
    if n_slices is None:
        n_slices = int(np.clip(np.ceil(covered / gap) + 1, 9, 12))
        gap = min(max(gap, covered / (n_slices - 1)), 10.0)
    first_mm = 0.5 * covered - 0.5 * gap * (n_slices - 1) + float(rng.uniform(-1.5, 1.5))
    if vendor == SIEMENS:
        columns = int(rng.choice([192, 208, 230]))
        turn = np.deg2rad(rng.uniform(-30.0, 30.0))
    else:
        columns = 256
        turn = np.deg2rad(rng.uniform(-40.0, 40.0) + 90.0 * rng.integers(0, 4))
    shape = (rows, round(columns * rows / 256))
    pixel_mm = round(float(rng.uniform(1.25, 1.55)) * 256 / rows, 4)
    p, q, u = heart_to_patient[:3, :3].T
    row = np.cos(turn) * -p + np.sin(turn) * q
    shift_mm = rng.normal(0.0, 10.0, 2)
    planes = []
    for z in range(n_slices):
        # The chest wall is close to the apex, so the view is centred towards the RV and the back.
        level = first_mm + gap * z
        centre = heart_to_patient[:3] @ (12.0 + shift_mm[0], 12.0 + shift_mm[1], level, 1.0)
        affine = plane_affine(centre, row, np.cross(u, row), pixel_mm, shape)
        planes.append(Plane(affine, shape, min(8.0, gap)))
    return tuple(planes)


def two_chamber(heart: Heart, heart_to_patient: Float64, like: Plane) -> Plane:
    """Return the plane through the LV's axis that misses the RV; head up, back on the right."""
    p = heart_to_patient[:3, 0]
    column = _unit(np.array([0.0, 0.0, -1.0]) + p[2] * p)
    row = np.cross(p, column)
    row *= np.sign(row[1])
    centre = heart_to_patient[:3] @ (0.0, 0.0, 0.6 * heart.phases[0].cavity.base_mm, 1.0)
    shape = (like.shape[0], like.shape[0])
    return Plane(plane_affine(centre, row, column, like.pixel_mm, shape), shape, like.thickness_mm)


def four_chamber(heart: Heart, heart_to_patient: Float64, like: Plane) -> Plane:
    """Return the plane through the LV's axis and the RV; the patient's left on the right."""
    p, q, u = heart_to_patient[:3, :3].T
    towards_rv = np.cos(heart.rv_angle) * p + np.sin(heart.rv_angle) * q
    normal = np.cross(towards_rv, u)
    row = _unit(np.array([1.0, 0.0, 0.0]) - normal[0] * normal)
    column = np.cross(normal, row)
    column *= np.sign(column[1])  # back is down
    centre = heart_to_patient[:3] @ (0.0, 0.0, 0.6 * heart.phases[0].cavity.base_mm, 1.0)
    centre += 15.0 * towards_rv
    # Phase encoding is across the chest's shorter side, so the matrix is landscape.
    shape = (like.shape[1], like.shape[0])
    return Plane(plane_affine(centre, row, column, like.pixel_mm, shape), shape, like.thickness_mm)


def localisers(centre_mm: Float64, rows: int = 256) -> tuple[Plane, ...]:
    """Return an axial, a coronal and a sagittal plane.

    Parameters
    ----------
    centre_mm : ndarray of float64, shape (3,)
        Centre of each plane in patient LPS.
    rows : int
        Rows and columns of each; the field of view is 400 mm.
    """
    left, back, up = np.eye(3)
    pixel_mm = LOCALISER_PIXEL_MM * 256 / rows
    shape = (rows, rows)
    return tuple(
        Plane(plane_affine(centre_mm, row, column, pixel_mm, shape), shape, LOCALISER_THICKNESS_MM)
        for row, column in ((left, back), (left, -up), (back, -up))
    )


def plane_affine(
    centre: Float64, row: Float64, column: Float64, pixel_mm: float, shape: tuple[int, int]
) -> Float64:
    """Return the affine of a plane.

    Parameters
    ----------
    centre : ndarray of float64, shape (3,)
        Centre of the pixel at (rows // 2, columns // 2) in patient LPS.
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


def _unit(vector: Float64) -> Float64:
    unit: Float64 = vector / np.linalg.norm(vector)
    return unit
