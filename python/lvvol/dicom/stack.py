"""Find the short-axis cine stack among a study's acquisitions, from geometry alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lvvol.cine import Decision
from lvvol.dicom.acquisition import SAME_PLACE_MM, Acquisition
from lvvol.errors import NotCineError, TooFewSlicesError

Float64 = npt.NDArray[np.float64]

# Over the heart, some 60 mm from its axis, planes tilted by this much are off by less than half of
# a usual gap of 10 mm. Long-axis views stand at 60 degrees or more.
PARALLEL_DEGREES = 5.0
MIN_SLICES = 3
MIN_PHASES = 2
# A slice further from its neighbour than this many median gaps is another view, or a planning slip.
LONE_SLICE_GAPS = 2.5
# Fewer images over the cycle than this share of the stack's cannot show when the LV is smallest.
MIN_PHASE_SHARE = 1 / 3


@dataclass
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
    decisions : list of Decision
        Every choice made.
    warnings : list of str
        What a user should know.
    """

    slices: list[Acquisition]
    positions_mm: Float64
    normal: Float64
    phases: npt.NDArray[np.int64]
    decisions: list[Decision] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def plan_stack(acquisitions: Sequence[Acquisition], study: str) -> Plan:
    """Choose slices and phases.

    Parameters
    ----------
    acquisitions : sequence of Acquisition
        All of one study.
    study : str
        The study's path, for messages.

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
    decisions: list[Decision] = []
    cine = [a for a in acquisitions if a.n_phases >= MIN_PHASES]
    if not cine:
        planes = "plane" if len(acquisitions) == 1 else "planes"
        raise NotCineError(
            f"{study}: expected slices at {MIN_PHASES} phases or more, "
            f"found {len(acquisitions)} {planes} with one image each"
        )
    members = _largest_parallel_set(cine)
    chosen = set(map(id, members))
    slices, positions, normal = _ordered(members)
    slices, positions = _settle_repeats(slices, positions, decisions)
    n_places = len(slices)
    slices, positions = _without_sparse(slices, positions, decisions)
    slices, positions = _without_lone_ends(slices, positions, decisions)
    if len(slices) < MIN_SLICES:
        raise TooFewSlicesError(
            f"{study}: expected a short-axis stack of at least {MIN_SLICES} parallel cine slices, "
            f"found {len(slices)}"
        )
    decisions += [_set_aside(other, normal) for other in acquisitions if id(other) not in chosen]
    plan = Plan(slices, positions, normal, _phases(slices, positions, decisions), decisions)
    if n_places > len(slices):
        plan.warnings.append(
            f"Parallel slices were set aside: {n_places - len(slices)}; the decisions say why."
        )
    _compare(plan)
    return plan


def _angle_degrees(a: Float64, b: Float64) -> float:
    """Angle between two normals, whichever way they point."""
    return float(np.degrees(np.arccos(min(1.0, abs(float(a @ b))))))


def _largest_parallel_set(cine: Sequence[Acquisition]) -> list[Acquisition]:
    """Find the parallel acquisitions that show the most slices times phases."""
    normals = np.array([a.normal for a in cine])
    parallel = np.abs(normals @ normals.T) >= np.cos(np.deg2rad(PARALLEL_DEGREES))
    best: tuple[tuple[float, ...], list[Acquisition]] | None = None
    for row in np.unique(parallel, axis=0):
        members = [a for a, inside in zip(cine, row, strict=True) if inside]
        _, positions, _ = _ordered(members)
        places = _places(positions)
        # Repeats at one place count once, else a long-axis view scanned often would win.
        by_place = Counter[int]()
        for place, acquisition in zip(places, _ordered(members)[0], strict=True):
            by_place[place] = max(by_place[place], acquisition.n_phases)
        earliest = min(a.acquired_after() for a in members)
        rank = (
            float(min(len(by_place), MIN_SLICES)),
            float(sum(by_place.values())),
            float(len(by_place)),
            *(-x for x in earliest),
        )
        if best is None or rank > best[0]:
            best = rank, members
    assert best is not None  # there is at least one acquisition, parallel to itself
    return best[1]


def _ordered(members: Sequence[Acquisition]) -> tuple[list[Acquisition], Float64, Float64]:
    """Order parallel planes along their common normal; return them, their positions, the normal.

    A position is where the plane meets the stack's axis, the line along the common normal through
    the mean of the image centres. For parallel planes that is Image Position (Patient) projected on
    the normal. Where they are tilted against each other, the first pixel lies some 200 mm off the
    heart, and its projection would be wrong by 3.5 mm a degree.
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
    order = sorted(range(len(members)), key=lambda i: (positions[i], members[i].acquired_after()))
    return [members[i] for i in order], positions[order], np.asarray(normal)


def _places(positions: Float64) -> list[int]:
    """Give sorted positions the number of their place; a step below `SAME_PLACE_MM` is none."""
    return [0, *np.cumsum(np.diff(positions) >= SAME_PLACE_MM).tolist()]


def _typical_phases(slices: Sequence[Acquisition]) -> int:
    """Return the number of phases most slices have; the larger of two equally common."""
    counts = Counter(a.n_phases for a in slices)
    return max(counts, key=lambda n: (counts[n], n))


def _settle_repeats(
    slices: list[Acquisition], positions: Float64, decisions: list[Decision]
) -> tuple[list[Acquisition], Float64]:
    """Keep one acquisition a place: the last complete one.

    A scan is repeated because the one before was not good enough.
    """
    typical = _typical_phases(slices)
    places = np.array(_places(positions))
    kept = []
    for place in range(int(places[-1]) + 1):
        rivals = np.flatnonzero(places == place).tolist()
        winner = max(
            rivals,
            key=lambda i: (min(slices[i].n_phases, typical), slices[i].acquired_after()),
        )
        kept.append(winner)
        for loser in rivals:
            if loser == winner:
                continue
            if slices[loser].n_phases < min(slices[winner].n_phases, typical):
                why = f"it has {slices[loser].n_phases} phases of {slices[winner].n_phases}"
            else:
                why = "it was acquired earlier"
            decisions.append(
                Decision(
                    f"Set aside {slices[loser].first.label}, a repeated acquisition at "
                    f"{positions[loser]:.1f} mm.",
                    f"The place is taken by {slices[winner].first.label}: {why}.",
                    slices[loser].files,
                )
            )
    return [slices[i] for i in kept], positions[kept]


def _without_sparse(
    slices: list[Acquisition], positions: Float64, decisions: list[Decision]
) -> tuple[list[Acquisition], Float64]:
    """Set aside slices with too few phases to follow the LV."""
    typical = _typical_phases(slices)
    kept = [i for i, a in enumerate(slices) if a.n_phases >= typical * MIN_PHASE_SHARE]
    decisions += [
        Decision(
            f"Set aside {slices[i].first.label} at {positions[i]:.1f} mm.",
            f"It has {slices[i].n_phases} phases, the stack {typical}.",
            slices[i].files,
        )
        for i in sorted(set(range(len(slices))) - set(kept))
    ]
    return [slices[i] for i in kept], positions[kept]


def _without_lone_ends(
    slices: list[Acquisition], positions: Float64, decisions: list[Decision]
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
        decisions.append(
            Decision(
                f"Set aside {slices[lone].first.label} at {positions[lone]:.1f} mm.",
                f"It lies {gaps[end]:.1f} mm from its neighbour, beyond {LONE_SLICE_GAPS} times "
                f"the median gap of {np.median(gaps):.1f} mm.",
                slices[lone].files,
            )
        )
    return slices[first:last], positions[first:last]


def _set_aside(other: Acquisition, normal: Float64) -> Decision:
    """Say why an acquisition is no part of the stack."""
    angle = _angle_degrees(other.normal, normal)
    if other.n_phases < MIN_PHASES:
        why = "It shows one phase only."
    else:
        why = f"Its plane is tilted by {angle:.0f} degrees against the stack's."
    return Decision(f"Set aside {other.first.label}.", why, other.files)


def _phases(
    slices: Sequence[Acquisition], positions: Float64, decisions: list[Decision]
) -> npt.NDArray[np.int64]:
    """Match every slice's images to the stack's phases; shape (slice, phase).

    A slice with all its phases takes them in order. Another takes the image nearest in the cycle:
    a mixture of two would show a wall that is nowhere.
    """
    n_phases = _typical_phases(slices)
    complete = [a for a in slices if a.n_phases == n_phases]
    offset = float(np.median([a.times_ms[0] / s if (s := a.step_ms) else 0.0 for a in complete]))
    cycle = float(np.median([_cycle_phases(a) for a in complete]))
    matched = np.tile(np.arange(n_phases), (len(slices), 1))
    for i, acquisition in enumerate(slices):
        if acquisition.n_phases == n_phases:
            continue
        count = acquisition.n_phases
        places = np.arange(count) / count
        what = (
            f"Matched the {count} phases of {acquisition.first.label} at {positions[i]:.1f} mm to "
            f"the stack's {n_phases}, each to the nearest image of the cycle."
        )
        why = "Its heart cycle is divided differently from the other slices'."
        step_ms = acquisition.step_ms
        if step_ms and abs(_cycle_phases(acquisition) - cycle) <= 1.0:
            # The same division of the cycle with images missing: those there keep their phase.
            steps = np.rint(acquisition.times_ms / step_ms - offset)
            if len(set(steps)) == count and steps[0] >= 0 and steps[-1] < n_phases:
                places = steps / n_phases
                missing = sorted(set(range(n_phases)) - set(steps.astype(int).tolist()))
                what = (
                    f"Filled phase {', '.join(map(str, missing))} of {acquisition.first.label} at "
                    f"{positions[i]:.1f} mm with the nearest image of the cycle."
                )
                why = "No usable image shows it."
        away = np.abs(np.arange(n_phases)[:, None] / n_phases - places)
        matched[i] = np.minimum(away, 1.0 - away).round(9).argmin(axis=1)
        decisions.append(Decision(what, why, acquisition.files))
    return matched


def _cycle_phases(acquisition: Acquisition) -> float:
    """Phases that would fill the whole heart cycle at the acquisition's own time step."""
    step_ms, cycle_ms = acquisition.step_ms, acquisition.first.cycle_ms
    if step_ms and cycle_ms:
        return cycle_ms / step_ms
    if step_ms:
        return float(np.rint((acquisition.times_ms[-1] - acquisition.times_ms[0]) / step_ms) + 1)
    return float(acquisition.n_phases)


def _compare(plan: Plan) -> None:
    """Compare what other tags say with the positions, and warn of what a user should know."""
    gaps = np.diff(plan.positions_mm)
    median = float(np.median(gaps))
    first = [a.first for a in plan.slices]
    warn = plan.warnings.append
    if len(plan.slices) < 7:
        warn(
            f"The stack has {len(plan.slices)} slices; 7 or more usually cover the left ventricle."
        )
    uneven = np.flatnonzero(np.abs(gaps - median) > max(SAME_PLACE_MM, 0.1 * median))
    if uneven.size:
        listed = ", ".join(f"{gaps[i]:.1f} mm after slice {i}" for i in uneven)
        warn(f"Slices are unevenly spaced: {listed}; the median gap is {median:.1f} mm.")
    for i, (acquisition, taken) in enumerate(zip(plan.slices, plan.phases, strict=True)):
        if acquisition.n_phases != len(taken):
            warn(
                f"Slice {i} has {acquisition.n_phases} phases, the stack {len(taken)}; "
                "each phase shows its nearest image."
            )
    if any(a.phase_key != "TriggerTime" for a in plan.slices):
        keys = sorted({a.phase_key for a in plan.slices} - {"TriggerTime"})
        warn(f"Trigger times do not order all phases; {' and '.join(keys)} did.")
    frames_of_reference: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for image in first:
        frames_of_reference[image.series].add(image.frame_of_reference_uid)
    # A series has one by definition: where it has more, anonymising made them up.
    told = all(len(uids) == 1 for uids in frames_of_reference.values())
    if told and len(set().union(*frames_of_reference.values())) > 1:
        warn("Slices name different frames of reference: the patient may have moved between them.")

    said = []
    locations = [image.slice_location_mm for image in first]
    if None not in locations:
        steps = np.abs(np.diff(np.array(locations, dtype=np.float64)))
        if (np.abs(steps - gaps) > 0.5).any():
            warn(
                f"Slice Location steps by {np.median(steps):.2f} mm where positions lie "
                f"{median:.2f} mm apart; the positions are used."
            )
        said.append(f"Slice Location steps {np.median(steps):.2f} mm")
    spacings = sorted({i.slice_spacing_mm for i in first if i.slice_spacing_mm is not None})
    if spacings:
        if max(abs(s - median) for s in spacings) > 0.5:
            warn(
                f"Spacing Between Slices says {_listed(spacings)} mm where positions lie "
                f"{median:.2f} mm apart; the positions are used."
            )
        said.append(f"Spacing Between Slices {_listed(spacings)} mm")
    thicknesses = sorted({i.slice_thickness_mm for i in first if i.slice_thickness_mm is not None})
    if thicknesses:
        if thicknesses[-1] > median + 0.5:
            warn(f"Slices {_listed(thicknesses)} mm thick lie {median:.2f} mm apart: they overlap.")
        said.append(f"Slice Thickness {_listed(thicknesses)} mm")
    plan.decisions.append(
        Decision(
            f"Took slice gaps from positions along the common normal: median {median:.2f} mm.",
            f"Other tags are compared only: {'; '.join(said) or 'none is there'}.",
        )
    )


def _listed(numbers: Sequence[float]) -> str:
    """Write numbers one after the other."""
    return ", ".join(f"{n:g}" for n in numbers)
