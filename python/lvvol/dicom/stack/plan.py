"""Plan the short-axis cine stack: the acquisition of each slice and the image of each phase."""

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
from lvvol.dicom.stack.precedence import exclude_inferior, warn_of_derived
from lvvol.errors import NotCineError, TooFewSlicesError
from lvvol.status import Code
from lvvol.typing import Float64, Int64

MIN_PHASES = 2
# An end slice more than this many median gaps from its neighbour is another view or a planning
# error.
ISOLATED_SLICE_GAPS = 2.5
# Slices with less than this share of the phases cannot resolve end-systole.
MIN_PHASE_SHARE = 1 / 3


@dataclass(frozen=True)
class Plan:
    """The acquisition of each slice and the image of each phase.

    Parameters
    ----------
    slices : list of Acquisition
        The slices in spatial order.
    positions_mm : ndarray of float64, shape (slice,)
        Intersection of each plane with the stack axis, along the common normal.
    normal : ndarray of float64, shape (3,)
        The common normal, patient LPS.
    phases : ndarray of int64, shape (slice, phase)
        Image index in the acquisition of each slice.
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
    """Choose the slices and phases of the stack.

    Parameters
    ----------
    acquisitions : sequence of Acquisition
        All acquisitions of a study.
    study : str
        Path of the study, for messages.
    ledger : Ledger
        Records all decisions.
    named : frozenset of Acquisition
        Acquisitions of the requested series, preferred wherever there is a choice.

    Returns
    -------
    Plan
        The stack in spatial and temporal order.

    Raises
    ------
    NotCineError
        If no acquisition is a cine of at least two phases.
    TooFewSlicesError
        If there are fewer than three parallel cine slices.
    """
    cine = [a for a in acquisitions if not a.fault]
    for other in acquisitions:
        if other.fault:
            ledger.exclude(other, other.fault)
    if not cine:
        raise NotCineError(
            f"{study}: expected cine slices with at least {MIN_PHASES} phases, found "
            f"{_describe(acquisitions)}"
        )
    cine = exclude_inferior(cine, named, ledger)
    line = line_up(choose_stack(cine, named, ledger))
    slices, positions = _resolve_repeats(
        line.members, line.positions_mm, line.places, named, ledger
    )
    n_places = len(slices)
    slices, positions = _exclude_sparse(slices, positions, ledger)
    slices, positions = _exclude_isolated_ends(slices, positions, ledger)
    if len(slices) < MIN_SLICES:
        raise TooFewSlicesError(
            f"{study}: expected a short-axis stack of at least {MIN_SLICES} parallel cine slices, "
            f"found {len(slices)}{_describe_others(acquisitions)}"
        )
    n_excluded = n_places - len(slices)
    if n_excluded:
        ledger.warn(
            Code.SLICES_EXCLUDED,
            f"Excluded {n_excluded} parallel slice{'s' * (n_excluded > 1)} from the stack; the "
            "decisions give the reasons.",
        )
    plan = Plan(slices, positions, line.normal, match_phases(slices, positions, ledger))
    warn_of_derived(slices, ledger)
    compare_tags(slices, positions, plan.phases.shape[1], ledger)
    return plan


def _describe(acquisitions: Sequence[Acquisition]) -> str:
    """Describe acquisitions that are not cine slices."""
    planes = f"{len(acquisitions)} plane{'s' * (len(acquisitions) != 1)}"
    faults = Counter(a.fault for a in acquisitions if a.n_phases > 1)
    if not faults:
        return f"{planes} with one image each"
    fault, count = faults.most_common(1)[0]
    return f"{planes}, none usable; most common reason ({count} of them): {fault}"


def _describe_others(acquisitions: Sequence[Acquisition]) -> str:
    """Describe the planes that cannot be slices, for a stack with too few."""
    faults = Counter(a.fault for a in acquisitions if a.fault and a.n_phases > 1)
    parts = [f"{n} because {fault}" for fault, n in faults.most_common(2)]
    if n_single := sum(a.n_phases == 1 for a in acquisitions):
        parts.append(f"{n_single} because Trigger Time or Acquisition Time leave one image in each")
    if not parts:
        return ""
    return f"; other planes or scans cannot be slices: {', '.join(parts)}"


def _resolve_repeats(
    members: list[Acquisition],
    positions: Float64,
    places: list[int],
    named: frozenset[Acquisition],
    ledger: Ledger,
) -> tuple[list[Acquisition], Float64]:
    """Keep the last complete acquisition of each slice.

    A scan is repeated because the previous one was not good enough.
    """
    typical = typical_phases(members)
    usual = max({a.protocol for a in members}, key=lambda p: sum(a.protocol == p for a in members))

    def rank(i: int) -> tuple[object, ...]:
        a = members[i]
        complete = min(a.n_phases, typical)
        return (a in named, complete, a.protocol == usual, a.acquisition_order)

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
                why = "which was requested"
            elif other.n_phases < min(best.n_phases, typical):
                why = f"which has {best.n_phases} phases instead of {other.n_phases}"
            elif (best.protocol == usual) > (other.protocol == usual):
                why = "which has the pulse sequence of the other slices"
            elif best.first.acquired == other.first.acquired and best.echo_ms < other.echo_ms:
                why = "which has the shorter echo time"
            else:
                why = "which was acquired later"
            ledger.exclude(
                other,
                f"it is replaced by {best.first.label}, {why}",
                f"a repeated acquisition at {positions[loser]:.1f} mm",
            )
    return [members[i] for i in kept], positions[kept]


def _exclude_sparse(
    slices: list[Acquisition], positions: Float64, ledger: Ledger
) -> tuple[list[Acquisition], Float64]:
    """Exclude slices with too few phases."""
    typical = typical_phases(slices)
    kept = []
    for i, acquisition in enumerate(slices):
        if acquisition.n_phases >= typical * MIN_PHASE_SHARE:
            kept.append(i)
        else:
            ledger.exclude(
                acquisition,
                f"it has only {acquisition.n_phases} of {typical} phases",
                f"slice at {positions[i]:.1f} mm",
            )
    return [slices[i] for i in kept], positions[kept]


def _exclude_isolated_ends(
    slices: list[Acquisition], positions: Float64, ledger: Ledger
) -> tuple[list[Acquisition], Float64]:
    """Exclude end slices far from their neighbour, repeatedly."""
    first, last = 0, len(slices)
    while last - first > MIN_SLICES:
        gaps = np.diff(positions[first:last])
        limit = ISOLATED_SLICE_GAPS * float(np.median(gaps))
        end = 0 if gaps[0] >= gaps[-1] else -1
        if gaps[end] <= limit:
            break
        isolated = first if end == 0 else last - 1
        first, last = (first + 1, last) if end == 0 else (first, last - 1)
        ledger.exclude(
            slices[isolated],
            f"it is {gaps[end]:.1f} mm from its neighbour, more than {ISOLATED_SLICE_GAPS} times "
            f"the median gap of {np.median(gaps):.1f} mm",
            f"slice at {positions[isolated]:.1f} mm",
        )
    return slices[first:last], positions[first:last]
