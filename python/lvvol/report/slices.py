"""Summarise the slices of a stack for tables and pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lvvol.cine import CineStack


@dataclass(frozen=True)
class SliceSummary:
    """Summary of a slice.

    Parameters
    ----------
    number : int
        Slice number, from 1.
    position_mm : float
        Position along the common normal.
    gap_mm : float or None
        Distance from the previous slice; None for the first.
    wide : bool
        Whether the gap exceeds the median by more than 10 % and 1 mm, so that a slice may be
        missing.
    end : str
        "base" or "apex" for the end slices; empty for others or if unknown.
    series : str
        Number of the source series, or the end of its UID, or empty.
    """

    number: int
    position_mm: float
    gap_mm: float | None
    wide: bool
    end: str
    series: str


def summarise_slices(stack: CineStack) -> list[SliceSummary]:
    """Summarise each slice of a stack, in order.

    Parameters
    ----------
    stack : CineStack
        The stack.
    """
    n_slices = stack.n_slices
    ends = [""] * n_slices
    if stack.apex is not None:
        ends[0], ends[-1] = ("apex", "base") if stack.apex == "first" else ("base", "apex")
    usual = usual_gap_mm(stack)
    gaps: list[float | None] = [None, *stack.slice_gaps_mm.tolist()]
    numbers = stack.series_numbers or (None,) * n_slices
    uids = stack.series_uids or ("",) * n_slices
    return [
        SliceSummary(
            number=z + 1,
            position_mm=float(stack.positions_mm[z]),
            gap_mm=gap,
            wide=gap is not None and gap > usual + max(1.0, 0.1 * usual),
            end=ends[z],
            series=name_series(numbers[z], uids[z]),
        )
        for z, gap in enumerate(gaps)
    ]


def usual_gap_mm(stack: CineStack) -> float:
    """Return the median distance between neighbouring slices; 0 for a single slice."""
    return float(np.median(stack.slice_gaps_mm)) if stack.n_slices > 1 else 0.0


def name_series(number: int | None, uid: str) -> str:
    """Return a short name of a series: its number, or the end of its UID, or an empty string."""
    if number is not None:
        return str(number)
    return f"..{uid[-8:]}" if len(uid) > 10 else uid
