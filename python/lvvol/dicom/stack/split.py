"""Join the parts of a study whose identifiers differ, as anonymisers and exports leave them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lvvol.dicom.stack.acquisition import (
    SAME_DIRECTION,
    SAME_PLACE_MM,
    Acquisition,
    same_field,
)
from lvvol.dicom.stack.candidates import MIN_SLICES, line_up
from lvvol.dicom.stack.phases import typical_phases
from lvvol.typing import Float64

# Least distance of planes that were planned side by side, as a share of the typical gap; those of
# two stacks of one heart fall anywhere between each other.
MIN_GAP_SHARE = 0.7
# Gaps of planes that continue a stack differ from the typical gap by at most this share.
REGULAR_SHARE = 0.1
# Exams that are tried as the beginning of a stack.
MAX_LEADS = 5


def parts_of_one_stack(exams: Sequence[Sequence[Acquisition]]) -> list[int]:
    """Find the exams whose cine planes are side by side in one stack.

    Planes belong to one stack if they are parallel within 1 degree, have the same pixels, phases
    and axis, and none lies between two others. In addition they must have the same frame of
    reference, or the same Patient ID, or follow each other at the gap of the stack.

    Parameters
    ----------
    exams : sequence of sequence of Acquisition
        Usable cine acquisitions of each exam, that is of each Patient ID and Study Instance UID.

    Returns
    -------
    list of int
        Indices of at least two exams, the one with most planes first; empty if none fit.
    """
    if len(exams) < 2:
        return []
    order = sorted((i for i in range(len(exams)) if exams[i]), key=lambda i: -len(exams[i]))
    best: list[int] = []
    for lead in order[:MAX_LEADS]:
        # An exam has other cine planes too: its stack is what is parallel to one of its planes.
        stack = max(([a for a in exams[lead] if _is_like(a, b)] for b in exams[lead]), key=len)
        joined = [lead]
        others = {
            other: planes
            for other in order
            if other != lead and (planes := [a for a in exams[other] if _is_like(a, stack[0])])
        }
        # The nearest first, so that single planes grow into a stack without holes.
        away_mm = {other: _distance_mm(planes, stack) for other, planes in others.items()}
        for other in sorted(others, key=away_mm.__getitem__):
            planes = others[other]
            if _are_related(planes, stack) and _are_side_by_side(planes, stack):
                joined.append(other)
                stack = stack + planes
        if len(joined) > max(len(best), 1):
            best = joined
    return best


def _is_like(a: Acquisition, b: Acquisition) -> bool:
    """Whether two planes could be slices of one stack."""
    parallel = abs(float(a.normal @ b.normal)) >= SAME_DIRECTION
    return parallel and a.protocol == b.protocol and same_field(a, b)


def _distance_mm(planes: Sequence[Acquisition], stack: Sequence[Acquisition]) -> float:
    """Return the smallest distance between planes and those of a stack."""
    normal = stack[0].normal
    return min(abs(float((a.centre_mm - b.centre_mm) @ normal)) for a in planes for b in stack)


def _are_related(planes: Sequence[Acquisition], stack: Sequence[Acquisition]) -> bool:
    """Whether planes have an identifier of a stack, or continue it at its gap."""
    if typical_phases(planes) != typical_phases(stack):
        return False
    for identifier in ("frame_of_reference_uid", "patient_id"):
        known = {getattr(a.first, identifier) for a in stack} - {""}
        if any(getattr(a.first, identifier) in known for a in planes):
            return True
    if len(_gaps_mm(stack)) < MIN_SLICES - 1:
        return False
    gap = float(np.median(_gaps_mm(stack)))
    gaps = _gaps_mm([*stack, *planes])
    return bool((np.abs(gaps - gap) <= REGULAR_SHARE * gap).all())


def _gaps_mm(planes: Sequence[Acquisition]) -> Float64:
    """Return the distances between neighbouring slices, repeats counted once."""
    gaps = np.diff(line_up(planes).positions_mm)
    return np.asarray(gaps[gaps >= SAME_PLACE_MM])


def _are_side_by_side(planes: Sequence[Acquisition], stack: Sequence[Acquisition]) -> bool:
    """Whether no plane lies at or close to one of the stack."""
    together = line_up([*stack, *planes])
    new = np.isin([id(a) for a in together.members], [id(a) for a in planes])
    gaps = np.diff(together.positions_mm)
    own = np.concatenate([_gaps_mm(stack), _gaps_mm(planes)])
    gap = float(np.median(own)) if own.size else SAME_PLACE_MM
    return bool((gaps[new[1:] != new[:-1]] >= MIN_GAP_SHARE * gap).all())
