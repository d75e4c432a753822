"""From a working stack to one square a slice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lvvol.errors import RoiNotFoundError
from lvvol.roi.beating import Beating
from lvvol.roi.classify import WindowScorer
from lvvol.roi.propose import Proposer, dense_scan
from lvvol.roi.refine import LOWEST_SCORE, best_around
from lvvol.roi.square import Squares, overlap
from lvvol.typing import Bool, Float64

_CANDIDATES = 4
"""Number of proposals that are followed in a slice, the likeliest first."""

_FEWEST_SLICES = 3
"""An LV spans at least this many slices at any spacing in use; a chance likeness rarely does."""

_SURE_SCORE = 0.8
"""As many slices must score this high; hearts reach 0.84 (`benchmarks.accuracy.refusals`)."""

LOWEST_BEATING = 0.4
"""How much slices beat (`Beating`, median), below which squares show something that stands still.
Hearts reach 0.65 or more, and what was once taken for one 0.17 (docs/detector.md)."""

_SURE_BEATING = 0.7
"""Below it, others are followed too."""

_RIVAL_SHARE = 0.85
"""Others are also followed if they score this high relative to the likeliest."""

_SAME_SQUARE_IOU = 0.3
"""Squares that overlap more lead to the same chain, or to a worse one of the same structure."""


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
        Where to look in a slice. If the classifier accepts nothing it proposes, `dense_scan`
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
        If no window scores high near the middle slice, or if none that does can be followed through
        at least three slices, with high scores in three.

    Notes
    -----
    The classifier scores the detector's proposals in the middle slice. The likeliest is refined and
    carried to both ends, each slice starting from its neighbour's ROI (Liao et al. 2017, III-C to
    III-E). A proposal that cannot be followed through several slices is not an LV, and the next
    likeliest is tried. Where the slices it leads to beat little, or another proposal scores nearly
    as high, others are followed as well, and the best by `_likeness` wins. If that hardly beats,
    the slices beside the middle follow. If nothing was found, the search goes on in the middle half
    of the stack, and then at every position in the three slices nearest to the middle.
    """
    search = _Search(scorer, progress or (lambda done, total: None))
    count = scorer.stack.n_slices
    by_distance = sorted(range(count), key=lambda z: (abs(z - count // 2), z))
    nearest, inner = by_distance[:3], by_distance[3 : count // 2 + 1]
    for found_by, propose, slices in (
        (FoundBy.DETECTOR, detector, nearest),
        (FoundBy.DETECTOR, detector, inner),
        (FoundBy.DENSE_SCAN, dense_scan, nearest),
    ):
        chains = []
        for z in slices:
            chain = search.best_chain(z, propose(scorer.stack.images[z]), found_by)
            if chain is not None:
                chains.append(chain)
                if chain.beating >= LOWEST_BEATING:
                    break
        if chains:
            return max(chains, key=_likeness).rois
    searched = ", ".join(str(z + 1) for z in (*nearest, *inner))
    raise RoiNotFoundError(
        search.doubt
        or f"slices {searched}: expected a window that looks like a left ventricle, got scores "
        f"up to {search.highest:.2f} where {LOWEST_SCORE} is needed"
    )


@dataclass(frozen=True, eq=False)
class _Chain:
    """The squares that a proposal leads to, and how much those that score high beat."""

    rois: Rois
    beating: float


def _likeness(chain: _Chain) -> float:
    """Return how much the whole stack speaks for a chain: where it starts, all slices, motion."""
    rois = chain.rois
    return float(rois.scores[rois.start] * rois.scores.mean() * chain.beating)


class _Search:
    """A search of one stack, and why it found nothing so far."""

    def __init__(self, scorer: WindowScorer, report: Callable[[int, int], None]) -> None:
        self.highest, self.doubt = 0.0, ""
        self._scorer = scorer
        self._report = report
        self._beating = Beating(scorer.stack)

    def best_chain(self, z: int, proposals: Squares, found_by: FoundBy) -> _Chain | None:
        """Follow the likeliest proposals of a slice, the others only where they may be better."""
        if not len(proposals):
            return None
        scores = self._scorer(z, proposals)
        chains: list[_Chain] = []
        followed: list[Squares] = []
        for likely in np.argsort(-scores, kind="stable")[:_CANDIDATES]:
            if chains:
                sure = chains[0].beating >= _SURE_BEATING
                if sure and scores[likely] < _RIVAL_SHARE * scores.max():
                    break
                if _is_one_of(proposals[likely], followed):
                    continue
            square, score = best_around(self._scorer, z, proposals[likely])
            self.highest = max(self.highest, score)
            if score < LOWEST_SCORE or (chains and _is_one_of(square, followed)):
                continue
            followed.append(square)
            rois = _follow(self._scorer, z, square, score, found_by, self._report)
            doubt = _doubt(rois)
            self.doubt = self.doubt or doubt
            if not doubt:
                chains.append(_Chain(rois, self._beating.typical(rois.squares_mm, ~rois.kept)))
        return max(chains, key=_likeness, default=None)


def _is_one_of(square: Squares, others: list[Squares]) -> bool:
    """Return whether a square shows what another one shows."""
    return any(overlap(other, square) > _SAME_SQUARE_IOU for other in others)


def _follow(
    scorer: WindowScorer,
    start: int,
    square: Squares,
    score: float,
    found_by: FoundBy,
    report: Callable[[int, int], None],
) -> Rois:
    """Carry a square from the slice it was found in to both ends of the stack."""
    count = scorer.stack.n_slices
    squares = np.tile(square, (count, 1))
    scores = np.full(count, score)
    kept = np.zeros(count, dtype=bool)
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
