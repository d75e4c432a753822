"""Refinement: the best window around a neighbour's ROI (paper III-E)."""

from __future__ import annotations

import numpy as np

from lvvol.roi.classify import WindowScorer
from lvvol.roi.square import Squares

SIDE_FACTORS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1)
"""Sides tried, in the neighbour's sides (paper III-E)."""

_SHIFTS = np.linspace(-0.2, 0.2, 5)
"""Moves of the centre tried along rows and columns, in the neighbour's sides."""

LOWEST_SCORE = 0.4
"""Below this no window of a slice is believed and the neighbour's ROI stays."""

_SMALLEST_SIDE_MM = 30.0


def windows_around(square: Squares) -> Squares:
    """Return the squares tried around one: every side factor at every move of the centre.

    Parameters
    ----------
    square : ndarray, shape (3,)
        The neighbour's ROI.

    Returns
    -------
    ndarray, shape (150, 3)
        Sides from 0.6 to 1.1 of its side, none below 30 mm.
    """
    sides = np.maximum(square[2] * np.array(SIDE_FACTORS), min(_SMALLEST_SIDE_MM, square[2]))
    centre = square[:2] + square[2] / 2
    side, down, right = np.meshgrid(sides, _SHIFTS, _SHIFTS, indexing="ij")
    corners = [centre[0] + down * square[2] - side / 2, centre[1] + right * square[2] - side / 2]
    return np.column_stack([corners[0].ravel(), corners[1].ravel(), side.ravel()])


def best_around(scorer: WindowScorer, z: int, square: Squares) -> tuple[Squares, float]:
    """Return the best-scored square around one in slice z, and its score."""
    tried = windows_around(square)
    scores = scorer(z, tried)
    best = int(scores.argmax())
    return tried[best], float(scores[best])
