"""Refinement: the best window around a neighbour's ROI (paper III-E)."""

from __future__ import annotations

import numpy as np

from lvvol.roi.classify import WindowScorer
from lvvol.roi.square import Squares
from lvvol.typing import Bool
from lvvol.windows import propose_windows

LOWEST_SCORE = 0.4
"""Lowest score of a window that may hold the LV; below it the neighbour's ROI stays."""

_SMALLEST_SIDE_MM = 30.0

# The paper's windows: sides relative to the square's, each at 5 x 5 positions.
_SIDES = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1)
_PLACES = 5
# Scores change smoothly, so the best of every second window leads to the best of all.
_COARSE = np.s_[1::2, ::2, ::2]
_PEAKS = 2


def windows_around(square: Squares) -> Squares:
    """Return the paper's windows around a square.

    Parameters
    ----------
    square : ndarray, shape (3,)
        Square.

    Returns
    -------
    ndarray, shape (6, 5, 5, 3)
        Sides of 0.6 to 1.1 times the square's, none below 30 mm unless the square's is; for each
        side the positions from top to bottom and from left to right.
    """
    windows = propose_windows(
        np.ascontiguousarray(square, dtype=np.float64),
        factors=_SIDES,
        moves=_PLACES,
        smallest_side=_SMALLEST_SIDE_MM,
    )
    return windows.reshape(len(_SIDES), _PLACES, _PLACES, 3)


def best_around(scorer: WindowScorer, z: int, square: Squares) -> tuple[Squares, float]:
    """Find the best-scored window around a square in slice z.

    Parameters
    ----------
    scorer : WindowScorer
        The classifier on a working stack.
    z : int
        Slice.
    square : ndarray, shape (3,)
        A neighbour's ROI, or a proposal.

    Returns
    -------
    (ndarray, float)
        The window, shape (3,), and its score.

    Notes
    -----
    Scores every second side and position of `windows_around`, then the neighbours of the two best
    so far, until those are all scored: about 65 of the 150 windows, with the same winner
    (`docs/detector.md`).
    """
    windows = windows_around(square)
    scores = np.full(windows.shape[:3], -np.inf)
    wanted = np.zeros(scores.shape, dtype=bool)
    wanted[_COARSE] = True
    while wanted.any():
        scores[wanted] = scorer(z, windows[wanted])
        peaks = np.zeros(scores.shape, dtype=bool)
        peaks.flat[np.argsort(-scores, axis=None, kind="stable")[:_PEAKS]] = True
        wanted = _with_neighbours(peaks) & np.isneginf(scores)
    best = np.unravel_index(scores.argmax(), scores.shape)
    return windows[best], float(scores[best])


def _with_neighbours(chosen: Bool) -> Bool:
    """Add the neighbours along every axis and diagonal."""
    padded = np.pad(chosen, 1)
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3, 3))
    return np.asarray(around.any(axis=(3, 4, 5)))
