"""An acquisition: one plane seen over the heart cycle, its images in temporal order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lvvol.cine import Decision
from lvvol.dicom.image import Image

Float64 = npt.NDArray[np.float64]

# Cine slices lie 4 mm apart or more; positions of one place differ by rounding, far below this.
SAME_PLACE_MM = 1.0
SAME_DIRECTION = np.cos(np.deg2rad(1.0))
# Two heart beats of a slow heart. Images further apart show another thing than one cycle: the
# passage of contrast agent, or the patient breathing.
LONGEST_CYCLE_S = 4.0
# A scan gated over many beats fits into one long breath-hold, or into several.
LONGEST_SCAN_S = 60.0
# What a scanner calls images that hold the signal's phase, such as velocities, not its strength.
PHASE_MAPS = {"P", "PHASE", "PHASE MAP", "VELOCITY MAP"}

_Key = Callable[[Image], float | None]
# What tells the phases apart, the best first.
_PHASE_KEYS: tuple[tuple[str, _Key], ...] = (
    ("TriggerTime", lambda i: i.trigger_ms),
    ("TemporalPositionIdentifier", lambda i: i.temporal_position),
    ("AcquisitionTime", lambda i: i.acquired),
    ("InstanceNumber", lambda i: i.instance_number),
)


@dataclass(frozen=True, eq=False)
class Acquisition:
    """The images of one plane from one scan, in temporal order.

    Parameters
    ----------
    images : tuple of Image
        One a phase.
    phase_key : str
        The tag that ordered them; empty where none can.
    """

    images: tuple[Image, ...]
    phase_key: str

    @property
    def first(self) -> Image:
        """The image whose geometry stands for all."""
        return self.images[0]

    @property
    def n_phases(self) -> int:
        """Number of phases."""
        return len(self.images)

    @cached_property
    def right(self) -> Float64:
        """Unit vector in which the column index grows."""
        return np.array(self.first.orientation[:3])

    @cached_property
    def down(self) -> Float64:
        """Unit vector in which the row index grows."""
        return np.array(self.first.orientation[3:])

    @cached_property
    def normal(self) -> Float64:
        """Unit normal, right x down as DICOM has it."""
        normal = np.cross(self.right, self.down)
        return np.asarray(normal / np.linalg.norm(normal))

    @cached_property
    def origin_mm(self) -> Float64:
        """Centre of the first pixel, patient LPS."""
        return np.array(self.first.position_mm)

    @cached_property
    def centre_mm(self) -> Float64:
        """Centre of the image, patient LPS."""
        row_mm, column_mm = self.first.pixel_spacing_mm
        return np.asarray(
            self.origin_mm
            + self.down * row_mm * (self.first.rows - 1) / 2
            + self.right * column_mm * (self.first.columns - 1) / 2
        )

    @property
    def files(self) -> tuple[str, ...]:
        """The files its images lie in, each once."""
        return tuple(dict.fromkeys(image.file for image in self.images))

    @property
    def protocol(self) -> tuple[str, ...]:
        """What kind of pulse sequence made it, coarsely."""
        return self.first.sequence

    @property
    def is_phase_map(self) -> bool:
        """Whether its pixels hold the signal's phase, not its strength."""
        return is_phase_map(self.first)

    @cached_property
    def beats_s(self) -> float:
        """Seconds over which single beats followed each other; 0 for a scan gated over many."""
        return _beat_span_s(self.images)

    @property
    def fault(self) -> str:
        """Why it cannot be a slice at several phases; empty where it can."""
        if self.n_phases == 1:
            return "it shows one phase only"
        if not self.phase_key:
            return "no tag tells its images apart in time"
        if self.beats_s > LONGEST_CYCLE_S:
            return f"its images were acquired over {self.beats_s:.0f} s, not over one heart cycle"
        if self.is_phase_map:
            return "its pixels hold the signal's phase, not its strength"
        return ""

    @property
    def step_ms(self) -> float | None:
        """Typical time between its phases, where trigger times ordered them."""
        if self.phase_key != "TriggerTime" or self.n_phases < 2:
            return None
        return float(np.median(np.diff(self.times_ms)))

    @property
    def times_ms(self) -> Float64:
        """Time of each phase after the R wave; NaN where the files do not say."""
        times = [image.trigger_ms for image in self.images]
        if self.phase_key != "TriggerTime":
            return np.full(len(times), np.nan)
        return np.array(times, dtype=np.float64)

    @cached_property
    def acquired_after(self) -> tuple[float, ...]:
        """What sorts repeated acquisitions from the first to the last.

        Acquisition time; where that is missing or ties, series, acquisition and instance number.
        """
        image = min(self.images, key=_identity)
        numbers = (
            image.acquired,
            image.series_number,
            image.acquisition_number,
            image.instance_number,
        )
        return tuple(-1.0 if n is None else float(n) for n in numbers)


def is_phase_map(image: Image) -> bool:
    """Whether an image holds the signal's phase, such as velocities, not its strength."""
    return image.component in PHASE_MAPS


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
            ordered = sorted(scan, key=lambda image: (value(image) or 0.0, _identity(image)))
            acquisitions.append(Acquisition(tuple(ordered), name))
    return acquisitions, decisions


def _nothing(image: Image) -> float | None:
    return None


def _identity(image: Image) -> tuple[object, ...]:
    """Sort key from tags alone, the file's name last."""

    def known(value: float | None) -> float:
        return -np.inf if value is None else value

    return (
        known(image.acquired),
        known(image.series_number),
        image.series_uid,
        known(image.acquisition_number),
        known(image.trigger_ms),
        known(image.temporal_position),
        known(image.instance_number),
        image.position_mm,
        image.orientation,
        image.sop_instance_uid,
        image.file,
        image.frame,
    )


def _without_copies(images: Iterable[Image], decisions: list[Decision]) -> list[Image]:
    """Sort images by their tags and drop files that repeat another with every tag the same."""
    seen: dict[tuple[object, ...], Image] = {}
    copies = []
    for image in sorted(images, key=_identity):
        *tags, _, frame = _identity(image)
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


def same_plane(a: Image, b: Image) -> bool:
    """Whether two images lie in the same place and direction.

    Parameters
    ----------
    a, b : Image
        Of any matrix and pixel spacing.

    Returns
    -------
    bool
        Whether their first pixels are less than 1 mm apart and their directions agree within 1
        degree.
    """
    p, q = np.array(a.orientation), np.array(b.orientation)
    return bool(
        np.linalg.norm(np.subtract(a.position_mm, b.position_mm)) < SAME_PLACE_MM
        and min(p[:3] @ q[:3], p[3:] @ q[3:]) > SAME_DIRECTION
    )


def _scans(plane: list[Image]) -> list[list[Image]]:
    """Split the images of one plane where it was scanned more than once."""
    return [scan for run in _runs(plane) for scan in _told_apart(run)]


def _runs(plane: list[Image]) -> list[list[Image]]:
    """Split by the clock: a new scan begins where time goes on and the phases begin anew."""
    value = next((v for _, v in _PHASE_KEYS[:2] if len({*map(v, plane), None}) > 2), None)
    if value is None or any(i.acquired is None or value(i) is None for i in plane):
        return [plane]
    ordered = sorted(plane, key=lambda i: (i.acquired, value(i), _identity(i)))
    runs: list[list[Image]] = [ordered[:1]]
    sweeps = [runs[:]]
    together = Counter(map(_clock, plane))
    for before, image in pairwise(ordered):
        later_s = _clock(image) - _clock(before)
        anew = (value(image) or 0.0) <= (value(before) or 0.0)
        # A scan with one time for all, and images with times of their own, are different things.
        other = (together[_clock(image)] > 1) != (together[_clock(before)] > 1)
        if later_s > 0 and (anew or (other and later_s > LONGEST_CYCLE_S)):
            runs.append([])
            if later_s > LONGEST_CYCLE_S:
                sweeps.append([])
            sweeps[-1].append(runs[-1])
        runs[-1].append(image)
    # Images gated over many beats have one time a scan. Where each has its own, beats that follow
    # each other at once are one sweep: of a heart seen beat by beat, or with contrast passing.
    return [
        scan
        for sweep in sweeps
        for scan in (
            sweep
            if all(len({i.acquired for i in run}) == 1 < len(run) for run in sweep)
            else [[image for run in sweep for image in run]]
        )
    ]


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
    for image in sorted(run, key=lambda i: (i.instance_number or 0, _identity(i))):
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


def _distinct(images: Sequence[Image], value: _Key) -> bool:
    """Whether a tag is there in every image and differs between all."""
    values = {value(image) for image in images}
    return None not in values and len(values) == len(images)


def _phase_key(images: list[Image]) -> tuple[str, _Key] | None:
    """Find the best tag that puts the images in order; one image needs none."""
    if len(images) == 1:
        return _PHASE_KEYS[0] if images[0].trigger_ms is not None else _PHASE_KEYS[-1]
    return next((key for key in _PHASE_KEYS if _distinct(images, key[1])), None)


def _beat_span_s(ordered: Sequence[Image]) -> float:
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
