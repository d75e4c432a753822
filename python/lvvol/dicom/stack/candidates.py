"""Choose the acquisitions of the short-axis stack among all planes of a study."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lvvol.dicom.files.image import Image
from lvvol.dicom.stack.acquisition import SAME_PLACE_MM, Acquisition, same_field
from lvvol.dicom.stack.ledger import Ledger
from lvvol.status import Code
from lvvol.typing import Float64

MIN_SLICES = 3
# At 60 mm from the axis, the edge of the heart, planes tilted by this angle differ by 5 mm, half of
# a typical gap. Long-axis views are at 60 degrees or more.
PARALLEL_DEGREES = 5.0
# Planes planned together agree better than this.
SAME_PLANNING_DEGREES = 1.0
# From base to apex in most patients: left, anterior, inferior (LPS). Hearts deviate by about 15
# degrees; planes beyond the limit are unlikely to be short axis.
_TYPICAL_AXIS = np.array([0.61, -0.72, -0.33])
TYPICAL_AXIS_DEGREES = 45.0
# A stack with at least this share of the images of the largest one is an equal candidate.
RIVAL_SHARE = 0.6
# Slices of this many are a complete stack, however many another one has.
COMPLETE_SLICES = 7

# Names only break ties between stacks that are equal in geometry and timing.
_NAMES_FOR = re.compile(r"sax|short|\bsa\b|cine", re.IGNORECASE)
_NAMES_AGAINST = re.compile(r"tag|grid|spamm|flow|veloc|perf|stress|real.?time", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """Parallel acquisitions in spatial order.

    Parameters
    ----------
    members : list of Acquisition
        Sorted by position, repeats by acquisition order.
    positions_mm : ndarray of float64, shape (member,)
        Intersection of each plane with the stack axis, along the common normal.
    normal : ndarray of float64, shape (3,)
        The common normal, patient LPS.
    """

    members: list[Acquisition]
    positions_mm: Float64
    normal: Float64

    @property
    def places(self) -> list[int]:
        """Slice index of each member; members within `SAME_PLACE_MM` share one."""
        return [0, *np.cumsum(np.diff(self.positions_mm) >= SAME_PLACE_MM).tolist()]

    @property
    def phases_by_place(self) -> list[int]:
        """Largest number of phases at each slice position."""
        most = [0] * (self.places[-1] + 1)
        for place, member in zip(self.places, self.members, strict=True):
            most[place] = max(most[place], member.n_phases)
        return most


def line_up(members: Sequence[Acquisition]) -> Line:
    """Order parallel planes along their common normal.

    The position of a plane is its intersection with the stack axis, the line along the common
    normal through the mean of the image centres. For parallel planes this equals Image Position
    (Patient) projected on the normal. For tilted planes the projection is off by 3.5 mm per degree,
    because the first pixel is about 200 mm from the heart.

    Parameters
    ----------
    members : sequence of Acquisition
        At least one; normals within `PARALLEL_DEGREES`, in either direction.

    Returns
    -------
    Line
        The planes in spatial order.
    """
    # Planes seen from behind have opposite normals. Use the direction of the majority; in a tie,
    # the one that points to the patient's head, left or back.
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
    order = sorted(range(len(members)), key=lambda i: (positions[i], members[i].acquisition_order))
    return Line([members[i] for i in order], positions[order] + 0.0, np.asarray(normal))  # no -0


def angle_degrees(a: Float64, b: Float64) -> float:
    """Return the angle between two unit normals, ignoring their sign.

    Parameters
    ----------
    a, b : ndarray of float64, shape (3,)
        Unit vectors.

    Returns
    -------
    float
        Degrees, 0 to 90.
    """
    return float(np.degrees(np.arccos(min(1.0, abs(float(a @ b))))))


def choose_stack(
    cine: Sequence[Acquisition], named: frozenset[Acquisition], ledger: Ledger
) -> list[Acquisition]:
    """Choose the acquisitions of the short-axis stack, including repeats.

    Parameters
    ----------
    cine : sequence of Acquisition
        At least one; each can be a slice.
    named : frozenset of Acquisition
        Acquisitions of the requested series. If they form a stack by themselves, only they are
        used; otherwise they are preferred wherever there is a choice.
    ledger : Ledger
        Records exclusions and their reasons.

    Returns
    -------
    list of Acquisition
        Parallel acquisitions, of a single protocol if these suffice.
    """
    only = [a for a in cine if a in named]
    if only and len(line_up(_parallel_set(only, named)).phases_by_place) >= MIN_SLICES:
        for other in set(cine) - named:
            ledger.exclusion_reasons[other] = "other series were requested"
        ledger.record(
            "Used only the requested series.",
            "They form a stack by themselves.",
            sorted({file for a in only for file in a.files}),
        )
        cine = only
    chosen = _parallel_set(cine, named)
    normal = line_up(chosen).normal
    others = [a for a in cine if a not in chosen]
    while others:
        second = _parallel_set(others, named)
        if not _is_second_stack(line_up(second), line_up(chosen)):
            break
        _exclude_rival(second, chosen, ledger)
        others = [a for a in others if a not in second]
    for other in others:
        tilt = angle_degrees(other.normal, normal)
        ledger.exclude(other, f"its plane is tilted by {tilt:.0f} degrees relative to the stack")
    planned = [part for group in _group_by_planning(chosen) for part in _by_field(group)]
    members, *groups = _rank_groups(planned, named)
    for group in groups:
        if _is_rival(line_up(group), line_up(members)):
            _exclude_rival(group, members, ledger)
        else:
            members = members + group
    return members


def _parallel_set(cine: Sequence[Acquisition], named: frozenset[Acquisition]) -> list[Acquisition]:
    """Find the set of parallel acquisitions with the most slices times phases."""
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
            float(angle_degrees(line.normal, typical_axis()) <= TYPICAL_AXIS_DEGREES),
            float(sum(line.phases_by_place)),
            float(n_places),
            *(-x for x in min(a.acquisition_order for a in members)),
        )

    return max(sets, key=rank)


def typical_axis() -> Float64:
    """Return the typical direction from base to apex.

    Returns
    -------
    ndarray of float64, shape (3,)
        Unit vector, patient LPS.
    """
    return np.asarray(_TYPICAL_AXIS / np.linalg.norm(_TYPICAL_AXIS))


def _is_second_stack(other: Line, line: Line) -> bool:
    """Whether planes in another direction are a complete short-axis stack too."""
    n_places = len(other.phases_by_place)
    complete = min(RIVAL_SHARE * len(line.phases_by_place), COMPLETE_SLICES)
    off_axis = angle_degrees(other.normal, typical_axis())
    return n_places >= max(MIN_SLICES, complete) and off_axis <= TYPICAL_AXIS_DEGREES


def _frames(members: Sequence[Acquisition]) -> dict[Acquisition, str]:
    """Return the frame of reference of each acquisition; empty if they mean nothing.

    By definition a series has a single one; several are an artefact of anonymisation.
    """
    of_series: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for member in members:
        for image in member.images:
            of_series[image.series].add(image.frame_of_reference_uid)
    if any(len(uids) > 1 for uids in of_series.values()):
        return dict.fromkeys(members, "")
    return {member: member.first.frame_of_reference_uid for member in members}


def _group_by_planning(members: Sequence[Acquisition]) -> list[list[Acquisition]]:
    """Group parallel acquisitions by pulse sequence, frame of reference and exact direction."""
    frames = _frames(members)
    limit = np.cos(np.deg2rad(SAME_PLANNING_DEGREES))
    groups: list[list[Acquisition]] = []
    for member in members:
        near = [
            group
            for group in groups
            if group[0].protocol == member.protocol
            and frames[group[0]] == frames[member]
            and any(abs(float(a.normal @ member.normal)) >= limit for a in group)
        ]
        joined = [member, *(a for group in near for a in group)]
        groups = [group for group in groups if group not in near] + [joined]
    return groups


def _by_field(group: list[Acquisition]) -> list[list[Acquisition]]:
    """Separate stacks that lie between each other's planes and show another field of view.

    Two patients may lie alike. A few slices are also repeated with another field of view, at the
    same positions; those remain, unless they are a complete stack.
    """
    parts: list[list[Acquisition]] = []
    for member in group:
        like = [part for part in parts if any(same_field(member, a) for a in part)]
        joined = [member, *(a for part in like for a in part)]
        parts = [part for part in parts if part not in like] + [joined]
    parts.sort(key=lambda part: -len(line_up(part).phases_by_place))
    first, separate = parts[0], []
    for part in parts[1:]:
        if _is_own_stack(line_up(part), line_up(parts[0])):
            separate.append(part)
        else:
            first = first + part
    return [first, *separate]


def _is_own_stack(other: Line, line: Line) -> bool:
    """Whether planes over the same part of the heart are not slices or repeats of a stack."""
    if not _is_rival(other, line):
        return False
    if _is_second_stack(other, line):
        return True
    centres, others = (
        np.array([a.centre_mm for a in each.members]) @ line.normal for each in (line, other)
    )
    nearest_mm = np.abs(others[:, None] - centres).min(axis=1)
    return int((nearest_mm < SAME_PLACE_MM).sum()) * 2 < len(others)


def _rank_groups(
    groups: list[list[Acquisition]], named: frozenset[Acquisition]
) -> list[list[Acquisition]]:
    """Sort candidate stacks, best first."""
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
            # Blood is brightest in balanced steady-state cines; spoiled ones show tags or flow.
            sum("SS" in a.protocol or "TRSS" in a.protocol for a in group) * 2 > len(group),
            sum(bool(_NAMES_AGAINST.search(n)) for n in names) * 2 <= len(group),
            count,
            sum(bool(_NAMES_FOR.search(n)) for n in names) * 2 > len(group),
            max(a.acquisition_order for a in group),
        )

    return sorted(groups, key=rank, reverse=True)


def _is_rival(other: Line, line: Line) -> bool:
    """Whether a group is a separate stack over the same part of the heart."""
    n_places = len(other.phases_by_place)
    positions = np.array([a.centre_mm for a in line.members]) @ line.normal
    others = np.array([a.centre_mm for a in other.members]) @ line.normal
    low, high = positions.min() - SAME_PLACE_MM, positions.max() + SAME_PLACE_MM
    inside = (others >= low) & (others <= high)
    return n_places >= MIN_SLICES and int(inside.sum()) * 2 >= len(others)


def _exclude_rival(
    other: Sequence[Acquisition], members: Sequence[Acquisition], ledger: Ledger
) -> None:
    """Exclude a whole candidate stack, with a warning how to select it."""
    chosen = members[0]
    if other[0].protocol != chosen.protocol:
        why = (
            f"it belongs to another stack with a different pulse sequence "
            f"({'/'.join(other[0].protocol) or 'unnamed'}, not {'/'.join(chosen.protocol)})"
        )
    else:
        tilt = angle_degrees(line_up(other).normal, line_up(members).normal)
        why = "it belongs to another stack"
        if tilt > SAME_PLANNING_DEGREES:
            why += f", tilted by {tilt:.1f} degrees"
        elif not same_field(other[0], chosen):
            why += ", with another field of view"
        if other[0].first.frame_of_reference_uid != chosen.first.frame_of_reference_uid:
            why += ", in another frame of reference"
        why += "; it is a candidate (option --series)"
    for acquisition in other:
        ledger.exclude(acquisition, why)
    # Numbers do not distinguish the series of two patients.
    shared = {a.first.label for a in other} & {a.first.label for a in members}
    ledger.warn(
        Code.SECOND_STACK,
        f"The study has a second short-axis stack of {len(line_up(other).phases_by_place)} slices "
        f"({_names(other, shared)}), perhaps of another patient or from before a movement. The one "
        f"that is used is {_names(members, shared)}; to use the other, request its series (option "
        "--series).",
    )


def _names(members: Sequence[Acquisition], shared: set[str]) -> str:
    """Return the first series and how many more there are, by UID where labels are shared."""
    names = sorted({_name(a.first, shared) for a in members})
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _name(image: Image, shared: set[str]) -> str:
    uid_or_folder = image.series_uid or image.file.rpartition("/")[0] or image.file
    return uid_or_folder if image.label in shared else image.label
