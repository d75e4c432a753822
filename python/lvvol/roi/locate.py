"""From a working stack to one square a slice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from lvvol.errors import RoiNotFoundError
from lvvol.roi.classify import WindowScorer
from lvvol.roi.propose import Proposer, dense_scan
from lvvol.roi.refine import LOWEST_SCORE, best_around
from lvvol.roi.square import Squares

_CANDIDATES = 4
"""Best proposals that are refined before one is chosen."""

_FEWEST_SLICES = 3
"""An LV spans more slices than this at any spacing in use; a chance likeness rarely does."""


class FoundBy(StrEnum):
    """What proposed the square that the search began with."""

    DETECTOR = "detector"
    DENSE_SCAN = "dense scan"


@dataclass(frozen=True)
class Rois:
    """The ROI of every slice.

    Parameters
    ----------
    squares : ndarray, shape (slice, 3)
        Squares on the working stack, mm.
    scores : ndarray, shape (slice,)
        Score of the best window of each slice, 0 to 1.
    kept : ndarray of bool, shape (slice,)
        Where every window scored low, so that the neighbour's ROI stayed.
    start : int
        Slice the search began in.
    found_by : FoundBy
        What proposed the square it began with.
    """

    squares: Squares
    scores: npt.NDArray[np.float64]
    kept: npt.NDArray[np.bool_]
    start: int
    found_by: FoundBy


def locate(
    scorer: WindowScorer,
    detector: Proposer,
    progress: Callable[[int, int], None] | None = None,
) -> Rois:
    """Find the LV's square in every slice.

    Parameters
    ----------
    scorer : WindowScorer
        The classifier on a working stack.
    detector : Proposer
        Where to look first in a slice; where nothing it proposes is believed, `dense_scan` follows.
    progress : callable, optional
        Called with the slices done and the slices in all.

    Returns
    -------
    Rois
        One square a slice, for all phases.

    Raises
    ------
    RoiNotFoundError
        If no window scores high in the middle slice nor in its neighbours, or if what scored high
        there goes on through fewer than three slices.

    Notes
    -----
    The classifier judges what the detector proposes in the middle slice, then in the ones beside
    it, until some window is believed; failing that, every place of the same slices is tried. From
    there each slice starts from its neighbour's ROI (Liao et al. 2017, III-C to III-E).
    """
    count = scorer.stack.n_slices
    report = progress or (lambda done, total: None)
    squares = np.empty((count, 3))
    scores = np.empty(count)
    kept = np.zeros(count, dtype=bool)
    start, squares[:], scores[start], found_by = _first(scorer, detector)
    done = 1
    report(done, count)
    for step in (-1, 1):
        z = start + step
        while 0 <= z < count:
            square, scores[z] = best_around(scorer, z, squares[z - step])
            kept[z] = scores[z] < LOWEST_SCORE
            squares[z] = squares[z - step] if kept[z] else square
            z += step
            done += 1
            report(done, count)
    _check_extent(kept, start)
    return Rois(squares, scores, kept, start, found_by)


def _first(scorer: WindowScorer, detector: Proposer) -> tuple[int, Squares, float, FoundBy]:
    """Return the slice where the search succeeded, its square, the score and what proposed it."""
    count = scorer.stack.n_slices
    middle = count // 2
    nearest = sorted(range(count), key=lambda z: (abs(z - middle), z))[:3]
    highest = 0.0
    for found_by, propose in ((FoundBy.DETECTOR, detector), (FoundBy.DENSE_SCAN, dense_scan)):
        for z in nearest:
            square, score = _best_of(scorer, z, propose(scorer.stack.images[z]))
            if score >= LOWEST_SCORE:
                return z, square, score, found_by
            highest = max(highest, score)
    raise RoiNotFoundError(
        f"slices {', '.join(str(z + 1) for z in nearest)}: expected a window that looks like a "
        f"left ventricle, got scores up to {highest:.2f} where {LOWEST_SCORE} is needed"
    )


def _best_of(scorer: WindowScorer, z: int, proposals: Squares) -> tuple[Squares, float]:
    """Return the best window around the likeliest proposals, and its score; 0 if there is none."""
    if not len(proposals):
        return np.zeros(3), 0.0
    likeliest = np.argsort(-scorer(z, proposals))[:_CANDIDATES]
    tried = [best_around(scorer, z, proposals[i]) for i in likeliest]
    return max(tried, key=lambda pair: pair[1])


def _check_extent(kept: npt.NDArray[np.bool_], start: int) -> None:
    """Refuse an LV in too few slices; one doubted slice between others does not end it."""
    seen = 1
    for step in (-1, 1):
        z, missed = start + step, 0
        while 0 <= z < len(kept) and missed < 2:
            missed = missed + 1 if kept[z] else 0
            seen += not kept[z]
            z += step
    # Of a stack of three slices, one may lie beyond the LV.
    needed = min(_FEWEST_SLICES, len(kept) - 1)
    if seen < needed:
        raise RoiNotFoundError(
            f"slice {start + 1}: expected windows that look like a left ventricle in at least "
            f"{needed} neighbouring slices, got them in {seen}"
        )
