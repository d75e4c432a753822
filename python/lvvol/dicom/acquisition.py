"""An acquisition: one plane seen over the heart cycle, its images in temporal order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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
        The tag that ordered them.
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

    @property
    def right(self) -> Float64:
        """Unit vector in which the column index grows."""
        return np.array(self.first.orientation[:3])

    @property
    def down(self) -> Float64:
        """Unit vector in which the row index grows."""
        return np.array(self.first.orientation[3:])

    @property
    def normal(self) -> Float64:
        """Unit normal, right x down as DICOM has it."""
        normal = np.cross(self.right, self.down)
        return np.asarray(normal / np.linalg.norm(normal))

    @property
    def origin_mm(self) -> Float64:
        """Centre of the first pixel, patient LPS."""
        return np.array(self.first.position_mm)

    @property
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

    def acquired_after(self) -> tuple[float, ...]:
        """Return what sorts repeated acquisitions from the first to the last.

        By acquisition time; where that is missing or ties, by series, acquisition and instance
        number.
        """
        image = min(self.images, key=_identity)
        numbers = (
            image.acquired,
            image.series_number,
            image.acquisition_number,
            image.instance_number,
        )
        return tuple(-1.0 if n is None else float(n) for n in numbers)


def find_acquisitions(images: Iterable[Image]) -> tuple[list[Acquisition], list[Decision]]:
    """Group images into acquisitions.

    Images belong together when they share series and plane. A series that scanned one plane twice
    is split; two series that hold parts of one scan (same plane, same acquisition time) are joined.

    Parameters
    ----------
    images : iterable of Image
        In any order: the result does not depend on it, nor on file names where the tags suffice.

    Returns
    -------
    list of Acquisition
        All of them, single images too.
    list of Decision
        Copies dropped, and acquisitions whose images cannot be put in order or span several beats.
    """
    decisions: list[Decision] = []
    unique = _without_copies(images, decisions)
    series: dict[tuple[object, ...], list[list[Image]]] = defaultdict(list)
    for image in unique:
        planes = series[image.series]
        for plane in planes:
            if _same_plane(plane[0], image):
                plane.append(image)
                break
        else:
            planes.append([image])

    groups = [part for planes in series.values() for plane in planes for part in _scans(plane)]
    acquisitions = []
    for group in _joined(groups):
        key = _phase_key(group)
        if key is None:
            decisions.append(_aside(group, "no tag tells its images apart in time"))
            continue
        name, value = key
        ordered = sorted(group, key=lambda image: (value(image) or 0.0, _identity(image)))
        span_s = _beat_span_s(ordered)
        if span_s > LONGEST_CYCLE_S:
            reason = f"its images were acquired over {span_s:.0f} s, not over one heart cycle"
            decisions.append(_aside(group, reason))
            continue
        acquisitions.append(Acquisition(tuple(ordered), name))
    return acquisitions, decisions


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


def _same_plane(a: Image, b: Image) -> bool:
    """Whether two images of one series show the same plane on the same pixels."""
    if (a.rows, a.columns, a.pixel_spacing_mm) != (b.rows, b.columns, b.pixel_spacing_mm):
        return False
    p, q = np.array(a.orientation), np.array(b.orientation)
    return bool(
        np.linalg.norm(np.subtract(a.position_mm, b.position_mm)) < SAME_PLACE_MM
        and min(p[:3] @ q[:3], p[3:] @ q[3:]) > SAME_DIRECTION
    )


def _scans(plane: list[Image]) -> list[list[Image]]:
    """Split the images of one plane where the series scanned it more than once."""
    for _, value in _PHASE_KEYS[:2]:
        count = Counter(map(value, plane))
        # Every time comes again: a second scan. One or two that do are rounding.
        if None not in count and len(count) > 1 and 1.5 * len(count) <= len(plane):
            break
    else:
        return [plane]
    seen: Counter[float | None] = Counter()
    occurrence: dict[int, float | None] = {}
    for image in sorted(plane, key=lambda i: (i.instance_number or 0, _identity(i))):
        occurrence[id(image)] = seen[value(image)]
        seen[value(image)] += 1
    splits: tuple[_Key, ...] = (
        lambda i: i.acquired,
        lambda i: i.acquisition_number,
        lambda i: occurrence[id(i)],
    )
    for split in splits:
        parts: dict[float | None, list[Image]] = defaultdict(list)
        for image in plane:
            parts[split(image)].append(image)
        if all(_distinct(part, value) for part in parts.values()):
            break
    return list(parts.values())


def _joined(groups: list[list[Image]]) -> list[list[Image]]:
    """Join groups of one plane with one acquisition time whose phases complete each other."""
    joined: list[list[Image]] = []
    for group in groups:
        for other in joined:
            if (
                group[0].acquired is not None
                and group[0].acquired == other[0].acquired
                and len({image.acquired for image in group + other}) == 1
                and _same_plane(group[0], other[0])
                and any(_distinct(group + other, value) for _, value in _PHASE_KEYS[:2])
            ):
                other.extend(group)
                break
        else:
            joined.append(list(group))
    return joined


def _distinct(images: Sequence[Image], value: _Key) -> bool:
    """Whether a tag is there in every image and differs between all."""
    values = {value(image) for image in images}
    return None not in values and len(values) == len(images)


def _phase_key(images: list[Image]) -> tuple[str, _Key] | None:
    """Find the best tag that puts the images in order; one image needs none."""
    if len(images) == 1:
        return _PHASE_KEYS[0] if images[0].trigger_ms is not None else _PHASE_KEYS[-1]
    return next((key for key in _PHASE_KEYS if _distinct(images, key[1])), None)


def _beat_span_s(ordered: list[Image]) -> float:
    """Seconds over which single beats followed each other; 0 for a scan gated over many beats."""
    times = [image.acquired for image in ordered]
    known = [t for t in times if t is not None]
    if len(known) < len(times):
        return 0.0
    # A gated scan fills every phase over many beats. Where trigger times rise with the clock, each
    # phase may carry the time its own data came in.
    rising = all(b > a for a, b in pairwise(known))
    gated = _distinct(ordered, _PHASE_KEYS[0][1]) and (rising or len(set(known)) < len(known))
    return 0.0 if gated else max(known) - min(known)


def _aside(images: list[Image], reason: str) -> Decision:
    """Record that images were set aside."""
    files = tuple(sorted({image.file for image in images}))
    return Decision(f"Set aside {images[0].label}.", reason[0].upper() + reason[1:] + ".", files)
