"""What people are told of every slice: its place, its gap, its end, its series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lvvol.cine import CineStack


@dataclass(frozen=True)
class SliceNote:
    """One slice in a person's words.

    Parameters
    ----------
    number : int
        From 1.
    position_mm : float
        Along the common normal.
    gap_mm : float or None
        Distance from the slice before; None for the first.
    wide : bool
        The gap is more than a tenth, at least 1 mm, above the usual one, so a slice may be missing.
    end : str
        base, apex, or empty: in between, or not known.
    series : str
        Number of the series it comes from, else the end of the UID, else empty.
    """

    number: int
    position_mm: float
    gap_mm: float | None
    wide: bool
    end: str
    series: str


def note_slices(stack: CineStack) -> list[SliceNote]:
    """Return what to tell of each slice, in the stack's order.

    Parameters
    ----------
    stack : CineStack
        The study as read.
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
        SliceNote(
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
    """Return the median distance between neighbouring slices; 0 of a single slice."""
    return float(np.median(stack.slice_gaps_mm)) if stack.n_slices > 1 else 0.0


def name_series(number: int | None, uid: str) -> str:
    """Name a series shortly: its number, else the end of its UID, else nothing."""
    if number is not None:
        return str(number)
    return f"..{uid[-8:]}" if len(uid) > 10 else uid
