"""From a working stack to one square a slice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lvvol.errors import RoiNotFoundError
from lvvol.roi.classify import WindowScorer
from lvvol.roi.propose import Proposer, dense_scan
from lvvol.roi.refine import LOWEST_SCORE, best_around
from lvvol.roi.square import Squares
from lvvol.typing import Bool, Float64

_CANDIDATES = 4
"""Number of proposals that are followed in a slice, the likeliest first."""

_FEWEST_SLICES = 3
"""An LV spans at least this many slices at any spacing in use; a chance likeness rarely does."""

_SURE_SCORE = 0.8
"""As many slices must score this high; hearts reach 0.84 (`benchmarks.accuracy.refusals`)."""


class FoundBy(StrEnum):
    """Origin of the square that the search began with."""

    DETECTOR = "detector"
    DENSE_SCAN = "dense scan"


@dataclass(frozen=True, eq=False)
class Rois:
    """The ROI of every slice.

    Parameters
    ----------
    squares_mm : ndarray of float64, shape (slice, 3)
        Top edge, left edge and side, in mm from the outer corner of pixel (0, 0); pixel i spans i
        to i + 1 times the pixel spacing.
    scores : ndarray, shape (slice,)
        Score of the best window of each slice, 0 to 1.
    kept : ndarray of bool, shape (slice,)
        True where every window scored low, so that the neighbour's ROI stayed.
    start : int
        Slice the search began in.
    found_by : FoundBy
        Origin of the square it began with.
    """

    squares_mm: Squares
    scores: Float64
    kept: Bool
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
        Where to look first in a slice. If the classifier accepts nothing it proposes, `dense_scan`
        follows.
    progress : callable, optional
        Called with the slices done and the number of slices.

    Returns
    -------
    Rois
        One square a slice, for all phases.

    Raises
    ------
    RoiNotFoundError
        If no window scores high in the middle slice or beside it, or if none that does can be
        followed through at least three slices, with high scores in three.

    Notes
    -----
    The classifier scores the detector's proposals in the middle slice. The likeliest is refined and
    carried to both ends, each slice starting from its neighbour's ROI (Liao et al. 2017, III-C to
    III-E). A proposal that cannot be followed through several slices is not an LV: the next
    likeliest is tried, then the slices beside the middle, then every position in these slices.
    """
    count = scorer.stack.n_slices
    nearest = sorted(range(count), key=lambda z: (abs(z - count // 2), z))[:3]
    highest, fewest = 0.0, ""
    for found_by, propose in ((FoundBy.DETECTOR, detector), (FoundBy.DENSE_SCAN, dense_scan)):
        for z in nearest:
            proposals = propose(scorer.stack.images[z])
            if not len(proposals):
                continue
            for likely in np.argsort(-scorer(z, proposals), kind="stable")[:_CANDIDATES]:
                square, score = best_around(scorer, z, proposals[likely])
                highest = max(highest, score)
                if score < LOWEST_SCORE:
                    continue
                rois = _follow(scorer, z, square, score, found_by, progress)
                doubt = _doubt(rois)
                if not doubt:
                    return rois
                fewest = fewest or doubt
    raise RoiNotFoundError(
        fewest
        or f"slices {', '.join(str(z + 1) for z in nearest)}: expected a window that looks like a "
        f"left ventricle, got scores up to {highest:.2f} where {LOWEST_SCORE} is needed"
    )


def _follow(
    scorer: WindowScorer,
    start: int,
    square: Squares,
    score: float,
    found_by: FoundBy,
    progress: Callable[[int, int], None] | None,
) -> Rois:
    """Carry a square from the slice it was found in to both ends of the stack."""
    count = scorer.stack.n_slices
    squares = np.tile(square, (count, 1))
    scores = np.full(count, score)
    kept = np.zeros(count, dtype=bool)
    report = progress or (lambda done, total: None)
    done = 1
    report(done, count)
    for step in (-1, 1):
        z = start + step
        while 0 <= z < count:
            best, scores[z] = best_around(scorer, z, squares[z - step])
            kept[z] = scores[z] < LOWEST_SCORE
            squares[z] = squares[z - step] if kept[z] else best
            z += step
            done += 1
            report(done, count)
    return Rois(squares, scores, kept, start, found_by)


def _doubt(rois: Rois) -> str:
    """Return why the squares cannot be those of an LV; an empty string if they can.

    One slice with low scores between others does not end an LV.
    """
    reached = [rois.start]
    for step in (-1, 1):
        z, missed = rois.start + step, 0
        while 0 <= z < len(rois.kept) and missed < 2:
            missed = missed + 1 if rois.kept[z] else 0
            if not rois.kept[z]:
                reached.append(z)
            z += step
    # Of a stack of three slices, one may lie beyond the LV.
    needed = min(_FEWEST_SLICES, len(rois.kept) - 1)
    sure = int((rois.scores[reached] >= _SURE_SCORE).sum())
    if len(reached) < needed:
        return (
            f"slice {rois.start + 1}: expected windows that look like a left ventricle in at least "
            f"{needed} neighbouring slices, got them in {len(reached)}"
        )
    if sure < needed:
        return (
            f"slice {rois.start + 1}: expected scores of at least {_SURE_SCORE} in {needed} "
            f"neighbouring slices, got them in {sure}"
        )
    return ""
