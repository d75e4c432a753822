"""Squares: the form of an ROI, their overlap, and the square of a mask.

A square is (top, left, side) in pixels of the working stack, which are millimetres. Top and left
are edges: pixel i spans i to i + 1.
"""

from __future__ import annotations

import numpy as np

from lvvol.typing import Bool, Float64

Squares = Float64

CAVITY_FILL = 0.27
"""Share of its square that the cavity fills at ED; the paper's range is 20 to 50 % (III-F)."""

SMALLEST_SIDE_MM = 40.0
"""Near the apex the cavity shrinks to nothing; its square still shows the surroundings."""


def labelled_square(mask: Bool) -> Squares | None:
    """Return the square for a mask of the cavity.

    Parameters
    ----------
    mask : ndarray of bool, shape (row, column)
        LV cavity on pixels of 1 mm.

    Returns
    -------
    ndarray, shape (3,), or None
        Square around the centroid that the mask fills by `CAVITY_FILL`, its side at least
        `SMALLEST_SIDE_MM`; None for an empty mask.
    """
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return None
    side = max(SMALLEST_SIDE_MM, float(np.sqrt(len(rows) / CAVITY_FILL)))
    return np.array([rows.mean() + 0.5 - side / 2, columns.mean() + 0.5 - side / 2, side])


def overlap(squares: Squares, square: Squares) -> Float64:
    """Return the intersection over union (IoU) of each square with one.

    Parameters
    ----------
    squares : ndarray, shape (..., 3)
        Squares to compare.
    square : ndarray, shape (3,)
        Square to compare them with.

    Returns
    -------
    ndarray, shape (...)
        IoU, 0 to 1.

    Examples
    --------
    Shifted by half its side, a square shares a third of the union.

    >>> import numpy as np
    >>> round(float(overlap(np.array([0.0, 5.0, 10.0]), np.array([0.0, 0.0, 10.0]))), 4)
    0.3333
    """
    corner, side = squares[..., :2], squares[..., 2:]
    sides = np.minimum(corner + side, square[:2] + square[2]) - np.maximum(corner, square[:2])
    shared = np.prod(np.clip(sides, 0, None), axis=-1)
    result: Float64 = shared / (side[..., 0] ** 2 + square[2] ** 2 - shared)
    return result
