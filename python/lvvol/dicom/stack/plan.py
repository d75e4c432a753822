"""Lay out the short-axis cine stack: which acquisition shows which slice, in spatial order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lvvol.dicom.stack.acquisition import Acquisition
from lvvol.dicom.stack.candidates import MIN_SLICES, choose_stack, line_up
from lvvol.dicom.stack.compare import compare_tags
from lvvol.dicom.stack.ledger import Ledger
from lvvol.dicom.stack.phases import match_phases, typical_phases
from lvvol.errors import NotCineError, TooFewSlicesError
from lvvol.typing import Float64, Int64

MIN_PHASES = 2
# A slice further from its neighbour than this many median gaps is another view, or a planning slip.
LONE_SLICE_GAPS = 2.5
# Fewer images over the cycle than this share of the stack's cannot show when the LV is smallest.
MIN_PHASE_SHARE = 1 / 3


@dataclass(frozen=True)
class Plan:
    """Which acquisition shows which slice, and which of its images each phase.

    Parameters
    ----------
    slices : list of Acquisition
        In spatial order.
    positions_mm : ndarray of float64, shape (slice,)
        Where each plane meets the stack's axis, along the common normal.
    normal : ndarray of float64, shape (3,)
        The common normal, patient LPS.
    phases : ndarray of int64, shape (slice, phase)
        Index of the image that each phase takes from its slice's acquisition.
    """

    slices: list[Acquisition]
    positions_mm: Float64
    normal: Float64
    phases: Int64


def plan_stack(
    acquisitions: Sequence[Acquisition],
    study: str,
    ledger: Ledger,
    named: frozenset[Acquisition] = frozenset(),
) -> Plan:
    """Choose slices and phases.

    Parameters
    ----------
    acquisitions : sequence of Acquisition
        All of one study.
    study : str
        The study's path, for messages.
    ledger : Ledger
        Takes down every choice.
    named : frozenset of Acquisition
        Those of series that the user named: they win wherever there is a choice.

    Returns
    -------
    Plan
        The stack in spatial and temporal order.

    Raises
    ------
    NotCineError
        If no acquisition has two phases.
    TooFewSlicesError
        If fewer than three parallel slices have.
    """
    cine = [a for a in acquisitions if not a.fault]
    for other in acquisitions:
        if other.fault:
            ledger.set_aside(other, other.fault)
    if not cine:
        raise NotCineError(
            f"{study}: expected slices at {MIN_PHASES} phases or more, {_found(acquisitions)}"
        )
    line = line_up(choose_stack(cine, named, ledger))
    slices, positions = _settle_repeats(line.members, line.positions_mm, line.places, named, ledger)
    n_places = len(slices)
    slices, positions = _without_sparse(slices, positions, ledger)
    slices, positions = _without_lone_ends(slices, positions, ledger)
    if len(slices) < MIN_SLICES:
        raise TooFewSlicesError(
            f"{study}: expected a short-axis stack of at least {MIN_SLICES} parallel cine slices, "
            f"found {len(slices)}"
        )
    if n_places > len(slices):
        ledger.warnings.append(
            f"Parallel slices were set aside: {n_places - len(slices)}; the decisions say why."
        )
    plan = Plan(slices, positions, line.normal, match_phases(slices, positions, ledger))
    compare_tags(slices, positions, plan.phases.shape[1], ledger)
    return plan


def _found(acquisitions: Sequence[Acquisition]) -> str:
    """Say what is there instead of cine slices."""
    planes = f"{len(acquisitions)} {'plane' if len(acquisitions) == 1 else 'planes'}"
    faults = Counter(a.fault for a in acquisitions if a.n_phases > 1)
    if not faults:
        return f"found {planes} with one image each"
    fault, count = faults.most_common(1)[0]
    return f"found {planes}; {count} cannot be used, such as where {fault}"


def _settle_repeats(
    members: list[Acquisition],
    positions: Float64,
    places: list[int],
    named: frozenset[Acquisition],
    ledger: Ledger,
) -> tuple[list[Acquisition], Float64]:
    """Keep one acquisition a place: the last complete one.

    A scan is repeated because the one before was not good enough.
    """
    typical = typical_phases(members)
    usual = max({a.protocol for a in members}, key=lambda p: sum(a.protocol == p for a in members))

    def rank(i: int) -> tuple[object, ...]:
        a = members[i]
        complete = min(a.n_phases, typical)
        return (a in named, complete, a.protocol == usual, a.acquired_after)

    kept = []
    for place in range(places[-1] + 1):
        rivals = [i for i, at in enumerate(places) if at == place]
        winner = max(rivals, key=rank)
        kept.append(winner)
        best = members[winner]
        for loser in rivals:
            other = members[loser]
            if loser == winner:
                continue
            if (best in named) > (other in named):
                why = "that series was asked for"
            elif other.n_phases < min(best.n_phases, typical):
                why = f"it has {other.n_phases} phases of {best.n_phases}"
            elif (best.protocol == usual) > (other.protocol == usual):
                why = "it was made by another pulse sequence than the stack"
            else:
                why = "it was acquired earlier"
            ledger.set_aside(
                other,
                f"its place is taken by {best.first.label}: {why}",
                f"a repeated acquisition at {positions[loser]:.1f} mm",
            )
    return [members[i] for i in kept], positions[kept]


def _without_sparse(
    slices: list[Acquisition], positions: Float64, ledger: Ledger
) -> tuple[list[Acquisition], Float64]:
    """Set aside slices with too few phases to follow the LV."""
    typical = typical_phases(slices)
    kept = []
    for i, acquisition in enumerate(slices):
        if acquisition.n_phases >= typical * MIN_PHASE_SHARE:
            kept.append(i)
        else:
            ledger.set_aside(
                acquisition,
                f"it has {acquisition.n_phases} phases, the stack {typical}",
                f"its slice at {positions[i]:.1f} mm",
            )
    return [slices[i] for i in kept], positions[kept]


def _without_lone_ends(
    slices: list[Acquisition], positions: Float64, ledger: Ledger
) -> tuple[list[Acquisition], Float64]:
    """Set aside slices that lie far off at an end, one after the other."""
    first, last = 0, len(slices)
    while last - first > MIN_SLICES:
        gaps = np.diff(positions[first:last])
        limit = LONE_SLICE_GAPS * float(np.median(gaps))
        end = 0 if gaps[0] >= gaps[-1] else -1
        if gaps[end] <= limit:
            break
        lone = first if end == 0 else last - 1
        first, last = (first + 1, last) if end == 0 else (first, last - 1)
        ledger.set_aside(
            slices[lone],
            f"it lies {gaps[end]:.1f} mm from its neighbour, beyond {LONE_SLICE_GAPS} times the "
            f"median gap of {np.median(gaps):.1f} mm",
            f"its slice at {positions[lone]:.1f} mm",
        )
    return slices[first:last], positions[first:last]
