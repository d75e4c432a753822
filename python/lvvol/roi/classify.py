"""Scoring windows of a working stack with the ROI classifier."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np

from lvvol.cine import CineStack
from lvvol.roi.phases import window_phases
from lvvol.roi.square import Squares
from lvvol.typing import Float32, Float64, Int64
from lvvol.windows import extract_windows

WINDOW_SIZE = 25
"""Rows and columns of a window (paper, Table I)."""

Score = Callable[[Float32], Float64]
"""Windows, shape (n, 6, 25, 25), mean subtracted, to scores, shape (n,), 0 to 1."""


@runtime_checkable
class HoldsImages(Protocol):
    """A classifier that cuts windows itself, from images it holds where it computes."""

    def hold(self, images: Float32, phases: Int64) -> Callable[[int, Squares], Float64]:
        """Take a working stack and the phases of a window; return what scores its squares."""
        ...


class WindowScorer:
    """Scores squares of one study with the classifier.

    Parameters
    ----------
    stack : CineStack
        A working stack.
    score : callable
        The classifier, of windows cut here, or one that `HoldsImages`.
    threads : int
        Largest number of threads; 0 for one per core.
    """

    def __init__(self, stack: CineStack, score: Score | HoldsImages, threads: int = 0) -> None:
        self.stack = stack
        self._threads = threads
        self._phases = window_phases(stack.n_phases)
        self._score_squares: Callable[[int, Squares], Float64]
        if isinstance(score, HoldsImages):
            self._score_squares = score.hold(stack.images, self._phases)
        else:
            self._score_squares = partial(self._cut_and_score, score)

    def __call__(self, z: int, squares: Squares) -> Float64:
        """Score squares of slice z.

        Parameters
        ----------
        z : int
            Slice.
        squares : ndarray, shape (n, 3)
            Squares; beyond the image its edge is repeated.

        Returns
        -------
        ndarray, shape (n,)
            Probability that each is the LV's square, 0 to 1.
        """
        return self._score_squares(z, squares)

    def _cut_and_score(self, score: Score, z: int, squares: Squares) -> Float64:
        windows = extract_windows(
            self.stack.images,
            np.full(len(squares), z, dtype=np.int64),
            np.ascontiguousarray(squares, dtype=np.float64),
            self._phases,
            WINDOW_SIZE,
            normalise="mean",
            threads=self._threads,
        )
        return score(windows)
