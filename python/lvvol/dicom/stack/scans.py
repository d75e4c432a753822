"""Which images were scanned together: from single images to acquisitions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, pairwise

from lvvol.cine import Decision
from lvvol.dicom.files.image import Image
from lvvol.dicom.stack.acquisition import (
    LONGEST_CYCLE_S,
    Acquisition,
    by_tags,
    is_phase_map,
    same_plane,
)

# A scan gated over many beats fits into one long breath-hold, or into several.
LONGEST_SCAN_S = 60.0

_Key = Callable[[Image], float | None]
# What tells the phases apart, the best first.
_PHASE_KEYS: tuple[tuple[str, _Key], ...] = (
    ("TriggerTime", lambda i: i.trigger_ms),
    ("TemporalPositionIdentifier", lambda i: i.temporal_position),
    ("AcquisitionTime", lambda i: i.acquired),
    ("InstanceNumber", lambda i: i.instance_number),
)


def find_acquisitions(images: Iterable[Image]) -> tuple[list[Acquisition], list[Decision]]:
    """Group images into acquisitions.

    Images belong together when they show one plane, were made by one kind of pulse sequence, and
    when clock and phases tell of one scan. Series count only where those do not suffice, so that
    splitting and merging series changes nothing.

    Parameters
    ----------
    images : iterable of Image
        In any order: the result does not depend on it, nor on file names where the tags suffice.

    Returns
    -------
    list of Acquisition
        All of them; single images and those that cannot be a slice too (see their `fault`).
    list of Decision
        Copies dropped.
    """
    decisions: list[Decision] = []
    acquisitions = []
    for plane in _planes(_without_copies(images, decisions)):
        for scan in _scans(plane):
            name, value = _phase_key(scan) or ("", _nothing)
            ordered = sorted(scan, key=lambda image: (value(image) or 0.0, by_tags(image)))
            acquisitions.append(Acquisition(tuple(ordered), name, _beats_s(ordered)))
    return acquisitions, decisions


def _nothing(image: Image) -> float | None:
    return None


def _without_copies(images: Iterable[Image], decisions: list[Decision]) -> list[Image]:
    """Sort images by their tags and drop files that repeat another with every tag the same."""
    seen: dict[tuple[object, ...], Image] = {}
    copies = []
    for image in sorted(images, key=by_tags):
        *tags, _, frame = by_tags(image)
        # Without an instance UID two images may share every tag and still differ.
        key = (*tags, frame) if image.sop_instance_uid else (image.file, frame)
        if key in seen:
            copies.append(image.file)
        else:
            seen[key] = image
    if copies:
        decisions.append(
            Decision(
                f"Left out {len(copies)} images that are there twice.",
                "They repeat the SOP Instance UID and every tag of another file.",
                tuple(sorted(set(copies))),
            )
        )
    return list(seen.values())


def _planes(images: Iterable[Image]) -> list[list[Image]]:
    """Group images of one plane on the same pixels, made by one kind of pulse sequence."""
    exact: dict[tuple[object, ...], list[Image]] = defaultdict(list)
    for image in images:
        pixels = (image.rows, image.columns, image.pixel_spacing_mm)
        kind = (image.sequence, is_phase_map(image))
        exact[(image.position_mm, image.orientation, pixels, kind)].append(image)
    planes: dict[tuple[object, ...], list[list[Image]]] = defaultdict(list)
    for key, group in exact.items():
        # Positions and directions of one plane may differ by rounding.
        for plane in planes[key[2:]]:
            if same_plane(plane[0], group[0]):
                plane.extend(group)
                break
        else:
            planes[key[2:]].append(list(group))
    return [plane for alike in planes.values() for plane in alike]


def _scans(plane: list[Image]) -> list[list[Image]]:
    """Split the images of one plane where it was scanned more than once."""
    return [scan for run in _runs(plane) for scan in _told_apart(run)]


def _runs(plane: list[Image]) -> list[list[Image]]:
    """Split by the clock: a new scan begins where time goes on and the phases begin anew."""
    phase = next((v for _, v in _PHASE_KEYS[:2] if len(set(map(v, plane)) - {None}) > 1), None)
    if phase is None or any(i.acquired is None or phase(i) is None for i in plane):
        return [plane]
    runs: list[list[Image]] = []
    for sweep in _sweeps(plane, phase):
        # Images gated over many beats have one time a scan. Where each has its own, beats that
        # follow each other at once are one scan: of a heart seen beat by beat, or with contrast
        # passing.
        runs += sweep if all(map(_has_one_time, sweep)) else [list(chain.from_iterable(sweep))]
    return runs


def _sweeps(plane: list[Image], phase: _Key) -> list[list[list[Image]]]:
    """Cut images into runs through the phases, and put those together that follow at once."""
    ordered = sorted(plane, key=lambda i: (i.acquired, phase(i), by_tags(i)))
    together = Counter(map(_clock, plane))
    sweeps = [[ordered[:1]]]
    for before, image in pairwise(ordered):
        later_s = _clock(image) - _clock(before)
        paused = later_s > LONGEST_CYCLE_S
        anew = (phase(image) or 0.0) <= (phase(before) or 0.0)
        # A scan with one time for all, and images with times of their own, are different things.
        other = (together[_clock(image)] > 1) != (together[_clock(before)] > 1)
        if later_s > 0 and (anew or (other and paused)):
            if paused:
                sweeps.append([])
            sweeps[-1].append([])
        sweeps[-1][-1].append(image)
    return sweeps


def _has_one_time(run: list[Image]) -> bool:
    """Whether several images have one acquisition time."""
    return len({image.acquired for image in run}) == 1 < len(run)


def _clock(image: Image) -> float:
    """Acquisition time, 0 where there is none."""
    return 0.0 if image.acquired is None else image.acquired


def _told_apart(run: list[Image]) -> list[list[Image]]:
    """Split images of one time where another tag says that they come from several scans."""
    if len(run) > 1 and _distinct(run, _clock):
        return [run]  # the clock has told all there is to tell
    values = [value for _, value in (*_PHASE_KEYS[:2], _PHASE_KEYS[3]) if _comes_again(run, value)]
    if not values:
        return _series_apart(run)
    seen: Counter[float | None] = Counter()
    occurrence: dict[int, int] = {}
    for image in sorted(run, key=lambda i: (i.instance_number or 0, by_tags(i))):
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


def _series_apart(run: list[Image]) -> list[list[Image]]:
    """Split by series where two of them show one phase: a still image beside a cine, say."""
    value = next((v for _, v in _PHASE_KEYS[:2] if all(v(i) is not None for i in run)), None)
    parts: dict[object, list[Image]] = defaultdict(list)
    for image in run:
        parts[image.series].append(image)
    if value is None or len({(s, value(i)) for s, part in parts.items() for i in part}) == len(
        set(map(value, run))
    ):
        return [run]
    return list(parts.values())


def _comes_again(images: Sequence[Image], value: _Key) -> bool:
    """Whether a tag's values are there about twice each; one or two that are is rounding."""
    count = Counter(map(value, images))
    return None not in count and len(count) > 1 and 1.5 * len(count) <= len(images)


def _phase_key(images: list[Image]) -> tuple[str, _Key] | None:
    """Find the best tag that puts the images in order; one image needs none."""
    if len(images) == 1:
        return _PHASE_KEYS[0] if images[0].trigger_ms is not None else _PHASE_KEYS[-1]
    return next((key for key in _PHASE_KEYS if _distinct(images, key[1])), None)


def _distinct(images: Sequence[Image], value: _Key) -> bool:
    """Whether a tag is there in every image and differs between all."""
    values = {value(image) for image in images}
    return None not in values and len(values) == len(images)


def _beats_s(ordered: Sequence[Image]) -> float:
    """Seconds over which single beats followed each other; 0 for a scan gated over many beats."""
    times = [image.acquired for image in ordered]
    known = [t for t in times if t is not None]
    if len(known) < len(times):
        return 0.0
    # A gated scan fills every phase over many beats. Where trigger times rise with the clock, each
    # phase may carry the time its own data came in.
    rising = all(b > a for a, b in pairwise(known))
    span_s = max(known) - min(known)
    gated = _distinct(ordered, _PHASE_KEYS[0][1]) and (
        len(set(known)) < len(known) or (rising and span_s <= LONGEST_SCAN_S)
    )
    return 0.0 if gated else span_s
