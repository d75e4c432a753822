"""Proposals: squares of one slice that may hold the LV, and the dense scan that misses none."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from lvvol.roi.square import Squares
from lvvol.typing import Float32

SIDES_MM = (40.0, 150.0)
"""Smallest and largest side of the LV's square, from a child's apex to a dilated heart."""

_SIDE_FACTOR = 1.25
_STEP_SHARE = 1 / 6


class Proposer(Protocol):
    """Anything that proposes squares from one slice."""

    def __call__(self, images: Float32) -> Squares:
        """Return squares, shape (n, 3), from a slice's images, shape (phase, row, column)."""
        ...


def dense_scan(images: Float32) -> Squares:
    """Propose every square of a regular grid, at several scales.

    Parameters
    ----------
    images : ndarray of float32, shape (phase, row, column)
        One slice of a working stack; only its shape matters.

    Returns
    -------
    ndarray, shape (n, 3)
        Squares inside the image, small ones first, row by row. Sides grow by a quarter through
        `SIDES_MM` and corners move by a sixth of the side: any square of those sides that lies at
        least 20 mm inside the image overlaps some proposal with an IoU of at least 0.6.
    """
    rows, columns = images.shape[1:]
    squares = []
    side = SIDES_MM[0]
    while side <= min(SIDES_MM[1], rows, columns):
        step = side * _STEP_SHARE
        top, left = np.meshgrid(
            np.arange(0, rows - side + 1e-9, step),
            np.arange(0, columns - side + 1e-9, step),
            indexing="ij",
        )
        squares.append(np.column_stack([top.ravel(), left.ravel(), np.full(top.size, side)]))
        side *= _SIDE_FACTOR
    return np.concatenate(squares) if squares else np.empty((0, 3))
