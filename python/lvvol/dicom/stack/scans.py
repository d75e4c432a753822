"""Group images that were scanned together into acquisitions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, pairwise

from lvvol.cine import Decision
from lvvol.dicom.files.image import Image
from lvvol.dicom.stack.acquisition import (
    Acquisition,
    has_many_beats,
    same_plane,
)
from lvvol.dicom.stack.content import (
    diffusion_series,
    signal_of,
    split_by_contrast,
    why_not_cine,
)
from lvvol.dicom.stack.duplicates import without_duplicates

# A scan gated over many beats takes one or several breath-holds.
LONGEST_SCAN_S = 60.0
# Two beats of a slow heart: a longer pause separates two scans.
LONGEST_PAUSE_S = 4.0
# Images of a real-time scan follow each other faster.
LONGEST_FRAME_S = 0.25
# Fewer trigger times are evenly spaced by chance.
MIN_EVEN_PHASES = 4
MIN_EVEN_STEP = 0.75

_Key = Callable[[Image], float | None]
# Attributes that order the phases, best first.
_PHASE_KEYS: tuple[tuple[str, _Key], ...] = (
    ("TriggerTime", lambda i: i.trigger_ms),
    ("TemporalPositionIdentifier", lambda i: i.temporal_position),
    ("NominalPercentageOfCardiacPhase", lambda i: i.cycle_percent),
    ("AcquisitionTime", lambda i: i.acquired),
    ("InstanceNumber", lambda i: None if i.ordered_by_frame else i.instance_number),
)
# Those that give the phase itself, not the time or order of acquisition.
_PHASE_ATTRIBUTES = _PHASE_KEYS[:3]


def find_acquisitions(images: Iterable[Image]) -> tuple[list[Acquisition], list[Decision]]:
    """Group images into acquisitions.

    Images belong together if they have the same plane and kind of pulse sequence, and their
    acquisition times and phases are consistent with a single scan. Series are considered only if
    this is not sufficient, so splitting or merging series does not change the result.

    Parameters
    ----------
    images : iterable of Image
        Images in any order. The result does not depend on the order, nor on file names if the
        attributes are sufficient.

    Returns
    -------
    list of Acquisition
        All acquisitions, including single images and others that cannot be slices (see `fault`).
    list of Decision
        Duplicates that were excluded.
    """
    acquisitions = []
    distinct, decisions = without_duplicates(images)
    diffusion = diffusion_series(distinct)
    for plane in _planes(distinct):
        for scan in _scans(plane):
            name, value = _phase_key(scan) or ("", _no_phase)
            ordered = sorted(scan, key=lambda image: (value(image) or 0.0, image.tag_order))
            not_cine = why_not_cine(ordered[0], diffusion)
            acquisitions.append(Acquisition(tuple(ordered), name, _beats_s(ordered), not_cine))
    return acquisitions, decisions


def _no_phase(image: Image) -> float | None:
    return None


def _planes(images: Iterable[Image]) -> list[list[Image]]:
    """Group images by plane, matrix size, pixel spacing, kind of pulse sequence and contrast."""
    exact: dict[tuple[object, ...], list[Image]] = defaultdict(list)
    for image in images:
        pixels = (image.rows, image.columns, image.pixel_spacing_mm)
        kind = (image.sequence, signal_of(image), image.is_derived)
        exact[(image.position_mm, image.orientation, pixels, kind)].append(image)
    planes: dict[tuple[object, ...], list[list[Image]]] = defaultdict(list)
    for key, group in exact.items():
        # Positions and directions of the same plane may differ by rounding.
        for plane in planes[key[2:]]:
            if same_plane(plane[0], group[0]):
                plane.extend(group)
                break
        else:
            planes[key[2:]].append(list(group))
    return [
        part for alike in planes.values() for plane in alike for part in split_by_contrast(plane)
    ]


def _scans(plane: list[Image]) -> list[list[Image]]:
    """Split the images of a plane that was scanned more than once."""
    return [
        scan
        for part in _split_by_trigger(plane)
        for run in _runs(part)
        for scan in _split_by_attributes(run)
    ]


def _split_by_trigger(plane: list[Image]) -> list[list[Image]]:
    """Separate series with trigger times from series without any, such as real-time scans."""
    with_trigger = {image.series for image in plane if image.trigger_ms is not None}
    parts: tuple[list[Image], list[Image]] = ([], [])
    for image in plane:
        parts[image.series in with_trigger].append(image)
    return [part for part in parts if part]


def _runs(plane: list[Image]) -> list[list[Image]]:
    """Split by acquisition time: a scan ends where time advances and the phases start over."""
    if _is_one_cycle(plane) and not _has_common_times(plane):
        return [plane]  # the clock is that of each image, or was scrambled by an anonymiser
    phase = next((v for _, v in _PHASE_ATTRIBUTES if len(set(map(v, plane)) - {None}) > 1), None)
    if phase is None or any(i.acquired is None or phase(i) is None for i in plane):
        return [plane]
    runs: list[list[Image]] = []
    for sweep in _sweeps(plane, phase):
        # A scan gated over many beats has one acquisition time. If every image has a different
        # time, successive beats are one scan: real-time cine or perfusion.
        runs += sweep if all(map(_has_one_time, sweep)) else [list(chain.from_iterable(sweep))]
    return runs


def _sweeps(plane: list[Image], phase: _Key) -> list[list[list[Image]]]:
    """Cut images into runs through the phases, and group runs without a pause between them."""
    ordered = sorted(plane, key=lambda i: (i.acquired, phase(i), i.tag_order))
    together = Counter(map(_clock, plane))
    sweeps = [[ordered[:1]]]
    for before, image in pairwise(ordered):
        later_s = _clock(image) - _clock(before)
        paused = later_s > LONGEST_PAUSE_S
        restarts = (phase(image) or 0.0) <= (phase(before) or 0.0)
        # A scan with a common acquisition time does not continue one with individual times.
        differs = (together[_clock(image)] > 1) != (together[_clock(before)] > 1)
        if later_s > 0 and (restarts or (differs and paused)):
            if paused:
                sweeps.append([])
            sweeps[-1].append([])
        sweeps[-1][-1].append(image)
    return sweeps


def _is_one_cycle(images: Sequence[Image]) -> bool:
    """Whether trigger times divide one heart cycle evenly, so that they alone order the images."""
    times = sorted(t for i in images if (t := i.trigger_ms) is not None)
    if len(times) < len(images) or len(times) < MIN_EVEN_PHASES:
        return False
    span_ms = times[-1] - times[0]
    shortest_ms = min(b - a for a, b in pairwise(times))
    # Few missing phases lengthen the mean step a little; two scans together halve it.
    is_even = shortest_ms >= MIN_EVEN_STEP * span_ms / (len(times) - 1) > 0
    return is_even and not has_many_beats(span_ms, images)


def _has_common_times(images: Sequence[Image]) -> bool:
    """Whether every acquisition time is that of several images, as in repeated scans."""
    return min(Counter(image.acquired for image in images).values()) > 1


def _is_train(known: Sequence[float]) -> bool:
    """Whether acquisition times follow each other as images of a real-time scan do."""
    return max(b - a for a, b in pairwise(sorted(known))) <= LONGEST_FRAME_S


def _has_one_time(run: list[Image]) -> bool:
    """Whether several images have the same acquisition time."""
    return len({image.acquired for image in run}) == 1 < len(run)


def _clock(image: Image) -> float:
    """Return the acquisition time, or 0 if unknown."""
    return 0.0 if image.acquired is None else image.acquired


def _split_by_attributes(run: list[Image]) -> list[list[Image]]:
    """Split images of the same acquisition time into scans by their other attributes."""
    if len(run) > 1 and _distinct(run, _clock):
        return [run]  # already separated by acquisition time
    values = [
        value for _, value in (*_PHASE_ATTRIBUTES, _PHASE_KEYS[-1]) if _is_repeated(run, value)
    ]
    if not values:
        return _split_by_series(run)
    seen: Counter[float | None] = Counter()
    occurrence: dict[int, int] = {}
    for image in sorted(run, key=lambda i: (i.instance_number or 0, i.tag_order)):
        occurrence[id(image)] = seen[values[0](image)]
        seen[values[0](image)] += 1
    splits: tuple[Callable[[Image], object], ...] = (
        lambda i: i.acquired,
        lambda i: i.acquisition_number,
        lambda i: i.series,
        lambda i: occurrence[id(i)],
    )
    parts: dict[object, list[Image]] = {}
    for split in splits:
        parts = defaultdict(list)
        for image in run:
            parts[split(image)].append(image)
        if all(_distinct(part, values[0]) for part in parts.values()):
            break
    return list(parts.values())


def _split_by_series(run: list[Image]) -> list[list[Image]]:
    """Split by series if two series share a phase, for example a still image and a cine."""
    value = next((v for _, v in _PHASE_ATTRIBUTES if all(v(i) is not None for i in run)), None)
    parts: dict[object, list[Image]] = defaultdict(list)
    for image in run:
        parts[image.series].append(image)
    if value is None or len({(s, value(i)) for s, part in parts.items() for i in part}) == len(
        set(map(value, run))
    ):
        return [run]
    return list(parts.values())


def _is_repeated(images: Sequence[Image], value: _Key) -> bool:
    """Whether most values of an attribute occur at least twice; a few repeats are rounding."""
    count = Counter(map(value, images))
    return None not in count and len(count) > 1 and 1.5 * len(count) <= len(images)


def _phase_key(images: list[Image]) -> tuple[str, _Key] | None:
    """Return the best attribute that orders the images; a single image needs no order."""
    if len(images) == 1:
        return _PHASE_KEYS[0] if images[0].trigger_ms is not None else _PHASE_KEYS[-1]
    return next((key for key in _PHASE_KEYS if _distinct(images, key[1])), None)


def _distinct(images: Sequence[Image], value: _Key) -> bool:
    """Whether an attribute is present in every image, with distinct values."""
    values = {value(image) for image in images}
    return None not in values and len(values) == len(images)


def _beats_s(ordered: Sequence[Image]) -> float:
    """Return the duration of an ungated scan in seconds; 0 for a scan gated over many beats."""
    times = [image.acquired for image in ordered]
    known = [t for t in times if t is not None]
    if len(known) < len(times):
        return 0.0
    # A gated scan acquires every phase over many beats. If trigger times increase with acquisition
    # time, the scanner may have stamped each phase with its own time.
    if len(known) > 1 and not _is_train(known) and _is_one_cycle(ordered):
        return 0.0
    rising = all(b > a for a, b in pairwise(known))
    span_s = max(known) - min(known)
    gated = _distinct(ordered, _PHASE_KEYS[0][1]) and (
        len(set(known)) < len(known) or (rising and span_s <= LONGEST_SCAN_S)
    )
    return 0.0 if gated else span_s
