"""Refinement: the best window around a neighbour's ROI (paper III-E)."""

from __future__ import annotations

import numpy as np

from lvvol import _core
from lvvol.roi.classify import WindowScorer
from lvvol.roi.square import Squares

LOWEST_SCORE = 0.4
"""Below this no window of a slice is believed and the neighbour's ROI stays."""

_SMALLEST_SIDE_MM = 30.0


def best_around(scorer: WindowScorer, z: int, square: Squares) -> tuple[Squares, float]:
    """Return the best-scored square around one in slice z, and its score.

    The paper's windows are tried: sides from 0.6 to 1.1 of the square's, none below 30 mm unless
    the square's is, at 25 places each.
    """
    square = np.ascontiguousarray(square, dtype=np.float64)
    tried = _core.propose_windows(square, smallest_side=_SMALLEST_SIDE_MM)
    scores = scorer(z, tried)
    best = int(scores.argmax())
    return tried[best], float(scores[best])
