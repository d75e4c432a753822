"""The six phases that a window shows the classifier (paper III-D)."""

from __future__ import annotations

import numpy as np

from lvvol.typing import Int64

N_WINDOW_PHASES = 6
"""Phases of a window (paper, Table I)."""


def window_phases(n_phases: int, count: int = N_WINDOW_PHASES) -> Int64:
    """Return phases spread evenly over the cycle, the first and the last of them diastolic.

    Parameters
    ----------
    n_phases : int
        Phases of the stack, which starts at the R wave and covers one cycle.
    count : int
        Number of phases, at least 2.

    Returns
    -------
    ndarray of int64, shape (count,)
        Phase nearest to k / (count - 1) of the cycle. The cycle wraps around: its end is its first
        phase again.

    Raises
    ------
    ValueError
        If `n_phases` is below 1 or `count` below 2.

    Examples
    --------
    >>> window_phases(30).tolist()
    [0, 6, 12, 18, 24, 0]

    With two phases, ED and ES, the middle ones are systolic:

    >>> window_phases(2).tolist()
    [0, 0, 1, 1, 0, 0]
    """
    if n_phases < 1 or count < 2:
        raise ValueError(f"n_phases, count: expected at least 1 and 2, got {n_phases} and {count}")
    fractions = np.arange(count) / (count - 1)
    return np.floor(fractions * n_phases + 0.5).astype(np.int64) % n_phases
