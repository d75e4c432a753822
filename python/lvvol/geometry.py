"""Affines of image planes in patient space, and maps between grids."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lvvol._core import GeometryError as GeometryError
from lvvol.typing import Float64

# Direction cosines are short decimal strings; many devices write six digits or fewer.
_COSINE_TOLERANCE = 1e-3


def image_affine(
    position_mm: npt.ArrayLike, orientation: npt.ArrayLike, pixel_spacing_mm: npt.ArrayLike
) -> Float64:
    """Return the affine of an image plane from its DICOM attributes.

    Parameters
    ----------
    position_mm : array_like, shape (3,)
        Image Position (Patient): centre of the first pixel, LPS, in mm.
    orientation : array_like, shape (6,)
        Image Orientation (Patient): unit direction in which the column index grows, then that in
        which the row index grows.
    pixel_spacing_mm : array_like, shape (2,)
        Pixel Spacing: distance between rows, then between columns.

    Returns
    -------
    ndarray of float64, shape (4, 4)
        Maps (row, column, k, 1) to patient LPS mm; k is mm along the unit normal.

    Raises
    ------
    GeometryError
        If a value is not finite, the directions are not unit vectors at right angles within 0.001,
        or a spacing is not above 0.
    ValueError
        If a shape is not as above.

    Notes
    -----
    DICOM PS3.3 C.7.6.2.1.1, with row and column in that order. The directions are made exactly
    orthonormal, so that rounding in the file does not scale distances.

    Examples
    --------
    >>> image_affine([10, 20, 30], [1, 0, 0, 0, 1, 0], [2, 1.5]) @ [4, 2, 0, 1]
    array([13., 28., 30.,  1.])
    """
    position = _vector("position_mm", position_mm, 3)
    cosines = _vector("orientation", orientation, 6)
    spacing = _vector("pixel_spacing_mm", pixel_spacing_mm, 2)
    if not (spacing > 0).all():
        raise GeometryError(f"pixel_spacing_mm: expected two values above 0, got {spacing}")
    along_row, along_column = cosines[:3], cosines[3:]
    lengths = np.linalg.norm(cosines.reshape(2, 3), axis=1)
    if np.abs(lengths - 1).max() > _COSINE_TOLERANCE:
        raise GeometryError(f"orientation: expected unit vectors, got lengths {lengths}")
    if abs(along_row @ along_column) > _COSINE_TOLERANCE:
        raise GeometryError(
            f"orientation: expected directions at right angles, got {along_row} and {along_column}"
        )
    column_direction = along_row / lengths[0]
    row_direction = along_column - (along_column @ column_direction) * column_direction
    row_direction /= np.linalg.norm(row_direction)
    affine = np.eye(4)
    affine[:3, 0] = row_direction * spacing[0]
    affine[:3, 1] = column_direction * spacing[1]
    affine[:3, 2] = np.cross(column_direction, row_direction)
    affine[:3, 3] = position
    return affine


def same_corner_map(steps: npt.ArrayLike) -> Float64:
    """Map pixel indices of one grid to those of another with the same top left edge.

    Parameters
    ----------
    steps : array_like, shape (2,)
        Number of the other grid's rows, then columns, per pixel of the first; above 0.

    Returns
    -------
    ndarray of float64, shape (2, 3)
        Maps (row, column, 1), as `lvvol.resample` takes it.

    Raises
    ------
    ValueError
        If there are not two finite steps above 0.

    Examples
    --------
    A pixel as high as two others has its centre where these meet.

    >>> same_corner_map([2, 1]) @ [0, 3, 1]
    array([0.5, 3. ])
    """
    each = _vector("steps", steps, 2)
    if not (each > 0).all():
        raise GeometryError(f"steps: expected two values above 0, got {each}")
    # Pixel centres lie half a pixel inside the shared edge, on either grid.
    return np.column_stack([np.diag(each), 0.5 * each - 0.5])


def _vector(name: str, values: npt.ArrayLike, length: int) -> Float64:
    """Return `values` as a finite float64 vector of `length`."""
    vector = np.asarray(values, dtype=np.float64)
    if vector.shape != (length,):
        raise ValueError(f"{name}: expected shape ({length},), got {vector.shape}")
    if not np.isfinite(vector).all():
        raise GeometryError(f"{name}: expected finite values, got {vector}")
    return vector
