"""Which planes of a study can be its short-axis stack, and which of several stacks is taken."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lvvol.dicom.stack.acquisition import SAME_PLACE_MM, Acquisition
from lvvol.dicom.stack.ledger import Ledger
from lvvol.typing import Float64

MIN_SLICES = 3
# Over the heart, some 60 mm from its axis, planes tilted by this much are off by less than half of
# a usual gap of 10 mm. Long-axis views stand at 60 degrees or more.
PARALLEL_DEGREES = 5.0
# Planes planned at once agree better than this; beyond it somebody has planned anew.
PLANNED_AT_ONCE_DEGREES = 1.0
# From base to apex in most patients: left, forward, down (LPS). Hearts differ from it by about 15
# degrees; planes further off than the limit are hardly short axis.
_USUAL_AXIS = np.array([0.61, -0.72, -0.33])
USUAL_DEGREES = 45.0
# A stack with this share of the fullest one's images is as good a candidate.
RIVAL_SHARE = 0.6

# Names only decide between stacks that geometry and timing leave equal.
_NAMES_FOR = re.compile(r"sax|short|\bsa\b|cine", re.IGNORECASE)
_NAMES_AGAINST = re.compile(r"tag|grid|spamm|flow|veloc|perf|stress|real.?time", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """Parallel acquisitions in spatial order.

    Parameters
    ----------
    members : list of Acquisition
        By position, repeated ones by time.
    positions_mm : ndarray of float64, shape (member,)
        Where each plane meets the stack's axis, along the common normal.
    normal : ndarray of float64, shape (3,)
        The common normal, patient LPS.
    """

    members: list[Acquisition]
    positions_mm: Float64
    normal: Float64

    @property
    def places(self) -> list[int]:
        """For each member the number of its place; a step below `SAME_PLACE_MM` is none."""
        return [0, *np.cumsum(np.diff(self.positions_mm) >= SAME_PLACE_MM).tolist()]

    @property
    def phases_by_place(self) -> list[int]:
        """Most phases at each place: a place scanned often counts once."""
        most = [0] * (self.places[-1] + 1)
        for place, member in zip(self.places, self.members, strict=True):
            most[place] = max(most[place], member.n_phases)
        return most


def line_up(members: Sequence[Acquisition]) -> Line:
    """Order parallel planes along their common normal.

    A position is where the plane meets the stack's axis, the line along the common normal through
    the mean of the image centres. For parallel planes that is Image Position (Patient) projected on
    the normal. Where they are tilted against each other, the first pixel lies some 200 mm off the
    heart, and its projection would be wrong by 3.5 mm a degree.

    Parameters
    ----------
    members : sequence of Acquisition
        At least one; normals within `PARALLEL_DEGREES`, whichever way they point.

    Returns
    -------
    Line
        In spatial order.
    """
    # Opposite normals are the same plane seen from behind: the majority's side counts, and where
    # that is a tie the side of the plane that points to the patient's head, left or back.
    normals = np.array([a.normal for a in members])
    normals *= np.sign(normals @ normals[0])[:, None]
    signs = np.sign([a.normal @ n for a, n in zip(members, normals, strict=True)])
    mean = normals.mean(axis=0)
    if signs.sum() < 0 or (signs.sum() == 0 and tuple(mean[::-1]) < (0, 0, 0)):
        mean = -mean
    normal = mean / np.linalg.norm(mean)
    axis = np.mean([a.centre_mm for a in members], axis=0)
    positions = np.array(
        [axis @ normal + (a.origin_mm - axis) @ a.normal / (normal @ a.normal) for a in members]
    )
    order = sorted(range(len(members)), key=lambda i: (positions[i], members[i].acquired_after))
    return Line([members[i] for i in order], positions[order] + 0.0, np.asarray(normal))  # no -0


def angle_degrees(a: Float64, b: Float64) -> float:
    """Angle between two unit normals, whichever way they point.

    Parameters
    ----------
    a, b : ndarray of float64, shape (3,)
        Unit vectors.

    Returns
    -------
    float
        0 to 90.
    """
    return float(np.degrees(np.arccos(min(1.0, abs(float(a @ b))))))


def choose_stack(
    cine: Sequence[Acquisition], named: frozenset[Acquisition], ledger: Ledger
) -> list[Acquisition]:
    """Choose the acquisitions that the short-axis stack is made of, repeated ones included.

    Parameters
    ----------
    cine : sequence of Acquisition
        At least one; all can be slices.
    named : frozenset of Acquisition
        Those of series that the user named. If they form a stack by themselves, only they are
        used; else they win wherever there is a choice.
    ledger : Ledger
        Takes down what is left out and why.

    Returns
    -------
    list of Acquisition
        Parallel, of one protocol where that suffices.
    """
    only = [a for a in cine if a in named]
    if only and len(line_up(_parallel_set(only, named)).phases_by_place) >= MIN_SLICES:
        for other in set(cine) - named:
            ledger.exclusion_reasons[other] = "other series were asked for"
        ledger.note(
            "Used only the series that were asked for.",
            "They form a stack by themselves.",
            sorted({file for a in only for file in a.files}),
        )
        cine = only
    chosen = _parallel_set(cine, named)
    normal = line_up(chosen).normal
    for other in cine:
        if other not in chosen:
            tilt = angle_degrees(other.normal, normal)
            ledger.set_aside(
                other, f"its plane is tilted by {tilt:.0f} degrees against the stack's"
            )
    members, *groups = _ranked(_planned(chosen), named)
    for group in groups:
        if _rivals(line_up(group), line_up(members)):
            _give_way(group, members, ledger)
        else:
            members = members + group
    return members


def _parallel_set(cine: Sequence[Acquisition], named: frozenset[Acquisition]) -> list[Acquisition]:
    """Find the parallel acquisitions that show the most slices times phases."""
    normals = np.array([a.normal for a in cine])
    parallel = np.abs(normals @ normals.T) >= np.cos(np.deg2rad(PARALLEL_DEGREES))
    sets = [
        [a for a, inside in zip(cine, row, strict=True) if inside]
        for row in np.unique(parallel, axis=0)
    ]

    def rank(members: list[Acquisition]) -> tuple[float, ...]:
        line = line_up(members)
        n_places = len(line.phases_by_place)
        return (
            float(any(a in named for a in members)),
            float(min(n_places, MIN_SLICES)),
            float(angle_degrees(line.normal, usual_axis()) <= USUAL_DEGREES),
            float(sum(line.phases_by_place)),
            float(n_places),
            *(-x for x in min(a.acquired_after for a in members)),
        )

    return max(sets, key=rank)


def usual_axis() -> Float64:
    """Return the usual direction from base to apex.

    Returns
    -------
    ndarray of float64, shape (3,)
        Unit vector, patient LPS.
    """
    return np.asarray(_USUAL_AXIS / np.linalg.norm(_USUAL_AXIS))


def _planned(members: Sequence[Acquisition]) -> list[list[Acquisition]]:
    """Group parallel acquisitions by protocol and by the direction they were planned in."""
    limit = np.cos(np.deg2rad(PLANNED_AT_ONCE_DEGREES))
    groups: list[list[Acquisition]] = []
    for member in members:
        near = [
            group
            for group in groups
            if group[0].protocol == member.protocol
            and any(abs(float(a.normal @ member.normal)) >= limit for a in group)
        ]
        joined = [member, *(a for group in near for a in group)]
        groups = [group for group in groups if group not in near] + [joined]
    return groups


def _ranked(
    groups: list[list[Acquisition]], named: frozenset[Acquisition]
) -> list[list[Acquisition]]:
    """Sort candidates, the best first."""
    images = [sum(line_up(group).phases_by_place) for group in groups]

    def rank(group: list[Acquisition]) -> tuple[object, ...]:
        count = sum(line_up(group).phases_by_place)
        names = [
            f"{a.first.description} {a.first.sequence_name} {a.first.file.rpartition('/')[0]}"
            for a in group
        ]
        return (
            any(a in named for a in group),
            count >= RIVAL_SHARE * max(images),
            # Balanced steady-state cines show blood brightest; spoiled ones carry tags or flow.
            sum("SS" in a.protocol or "TRSS" in a.protocol for a in group) * 2 > len(group),
            sum(bool(_NAMES_AGAINST.search(n)) for n in names) * 2 <= len(group),
            count,
            sum(bool(_NAMES_FOR.search(n)) for n in names) * 2 > len(group),
            max(a.acquired_after for a in group),
        )

    return sorted(groups, key=rank, reverse=True)


def _rivals(other: Line, line: Line) -> bool:
    """Whether a group is a stack of its own over the same part of the heart."""
    n_places = len(other.phases_by_place)
    at = np.array([a.centre_mm for a in line.members]) @ line.normal
    theirs = np.array([a.centre_mm for a in other.members]) @ line.normal
    within = (theirs >= at.min() - SAME_PLACE_MM) & (theirs <= at.max() + SAME_PLACE_MM)
    return n_places >= MIN_SLICES and int(within.sum()) * 2 >= len(theirs)


def _give_way(other: Sequence[Acquisition], members: Sequence[Acquisition], ledger: Ledger) -> None:
    """Set a whole candidate aside, and say how to have it instead."""
    taken = members[0]
    if other[0].protocol != taken.protocol:
        why = (
            f"it belongs to another stack, made by another pulse sequence "
            f"({'/'.join(other[0].protocol) or 'unnamed'}, not {'/'.join(taken.protocol)})"
        )
    else:
        tilt = angle_degrees(line_up(other).normal, line_up(members).normal)
        why = f"it belongs to another stack, tilted by {tilt:.1f} degrees"
    for acquisition in other:
        ledger.set_aside(acquisition, why)
    names = sorted({a.first.label for a in other})
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    ledger.warnings.append(
        f"There is a second short-axis stack of {len(line_up(other).phases_by_place)} slices "
        f"({names[0]}{more}); it can be asked for by its series."
    )
