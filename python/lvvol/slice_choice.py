"""Slices that a reader leaves out of a measurement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lvvol.errors import SlicesError

FEWEST_LEFT = 2
"""Slices that must be left: between fewer there is no volume."""


def check_excluded(excluded: Iterable[int], n_slices: int) -> tuple[int, ...]:
    """Return the slices to leave out in order, each once.

    Parameters
    ----------
    excluded : iterable of int
        Slices to leave out, from 0.
    n_slices : int
        Slices of the stack.

    Raises
    ------
    SlicesError
        If the stack has no such slice, or fewer than `FEWEST_LEFT` would be left.

    Examples
    --------
    >>> check_excluded([9, 0, 0], n_slices=10)
    (0, 9)
    """
    chosen = tuple(sorted(set(excluded)))
    if unknown := [z + 1 for z in chosen if not 0 <= z < n_slices]:
        raise SlicesError(f"excluded slices: expected some of 1 to {n_slices}, got {unknown[0]}")
    if n_slices - len(chosen) < FEWEST_LEFT and chosen:
        raise SlicesError(
            f"excluded slices: expected at least {FEWEST_LEFT} of slices 1 to {n_slices} to be "
            f"left, got {name_slices(chosen)} to leave out"
        )
    return chosen


def kept_slices(excluded: Iterable[int], n_slices: int) -> list[int]:
    """Return the slices that are not left out, from 0.

    Examples
    --------
    >>> kept_slices([0, 2], n_slices=4)
    [1, 3]
    """
    left_out = set(excluded)
    return [z for z in range(n_slices) if z not in left_out]


def name_slices(slices: Sequence[int]) -> str:
    """Return slices as people count them, from 1.

    Examples
    --------
    >>> name_slices([1]), name_slices([0, 1, 9])
    ('slice 2', 'slices 1, 2, 10')
    """
    return f"slice{'s' * (len(slices) > 1)} {', '.join(str(z + 1) for z in slices)}"
