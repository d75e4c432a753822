"""`Acquisition`: the images of one plane over the heart cycle, in temporal order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from statistics import median

import numpy as np

from lvvol.dicom.files.image import Image
from lvvol.dicom.stack.content import signal_of
from lvvol.typing import Float64

# Cine slices are at least 4 mm apart; positions of the same slice differ only by rounding.
SAME_PLACE_MM = 1.0
SAME_DIRECTION = np.cos(np.deg2rad(1.0))
# Planes of one stack share an axis within this; 2 mm at most in the five real studies.
SAME_AXIS_MM = 10.0
# Relative tolerance of the pixel spacing. Areas are counted in pixels of the stack, so this is an
# error of at most 0.2 % in area.
SAME_SPACING = 0.001
# A heart cycle is rarely longer (30 beats per minute). A scan may exceed its nominal cycle, being
# a mean, but by less than half of it.
LONGEST_CYCLE_S = 2.0
LONGEST_IN_CYCLES = 1.5
# Nominal Interval is believed within these limits (200 to 20 beats per minute).
_CYCLES_MS = (300.0, 3000.0)
# No scanner resolves phases this close, even interpolated; the triggers of single beats jitter so.
_SHORTEST_STEP_MS = 5.0


@dataclass(frozen=True, eq=False)
class Acquisition:
    """The images of one plane from one scan, in temporal order.

    Parameters
    ----------
    images : tuple of Image
        One image per phase.
    phase_key : str
        The attribute by which they are ordered; empty if none can order them.
    beats_s : float
        Duration of an ungated scan, beat by beat, in seconds; 0 for a scan gated over many beats.
    not_cine : str
        Why its pixels cannot be a cardiac cine, as a clause about "it"; empty if they can.
    """

    images: tuple[Image, ...]
    phase_key: str
    beats_s: float = 0.0
    not_cine: str = ""

    @property
    def first(self) -> Image:
        """The first image, whose geometry is used for all."""
        return self.images[0]

    @property
    def n_phases(self) -> int:
        """Number of phases."""
        return len(self.images)

    @cached_property
    def right(self) -> Float64:
        """Unit vector of increasing column index, patient LPS."""
        return np.array(self.first.orientation[:3])

    @cached_property
    def down(self) -> Float64:
        """Unit vector of increasing row index, patient LPS."""
        return np.array(self.first.orientation[3:])

    @cached_property
    def normal(self) -> Float64:
        """Unit normal, right x down as in DICOM."""
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
        """The distinct files of its images."""
        return tuple(dict.fromkeys(image.file for image in self.images))

    @property
    def protocol(self) -> tuple[str, ...]:
        """Kind of pulse sequence."""
        return self.first.sequence

    @property
    def is_phase_map(self) -> bool:
        """Whether its pixels are the phase of the signal, not its magnitude."""
        return signal_of(self.first) == "phase"

    @property
    def echo_ms(self) -> float:
        """Echo time; 0 if unknown."""
        return self.first.echo_ms or 0.0

    @cached_property
    def fault(self) -> str:
        """Why it cannot be a cine slice, as a clause about "it"; empty if it can."""
        if self.n_phases == 1:
            return "it has only one phase"
        if self.not_cine:
            return self.not_cine
        if not self.phase_key:
            return "no attribute orders its images in time"
        if self.has_many_beats:
            return self._why_many_beats()
        if self.step_ms is not None and self.step_ms < _SHORTEST_STEP_MS:
            span_ms = self.times_ms[-1] - self.times_ms[0]
            return (
                f"the Trigger Times of its {self.n_phases} images differ by only {span_ms:.0f} ms, "
                "so it shows one moment of several beats"
            )
        return ""

    @cached_property
    def cycle_ms(self) -> float | None:
        """Length of the heart cycle by its headers; None if missing or implausible."""
        return cycle_of(self.images)

    @property
    def is_gated(self) -> bool:
        """Whether its headers place its images in the heart cycle."""
        keys = ("TriggerTime", "NominalPercentageOfCardiacPhase")
        return self.phase_key in keys or self.cycle_ms is not None

    @cached_property
    def duration_s(self) -> float:
        """How long its images take, by the best evidence; 0 if unknown.

        Trigger times, acquisition times of an ungated scan, or the repetition time where nothing
        says that it was gated.
        """
        if self.step_ms is not None:
            return max(self.beats_s, self.step_ms * self.n_phases / 1000)
        if self.beats_s or self.is_gated:
            return self.beats_s
        return (self.first.repetition_ms or 0.0) * self.n_phases / 1000

    @cached_property
    def has_many_beats(self) -> bool:
        """Whether its images take longer than one heart cycle: real time or first pass."""
        return has_many_beats(1000 * self.duration_s, self.images)

    def _why_many_beats(self) -> str:
        """Describe an ungated scan, as a clause about "it"."""
        duration_s = self.duration_s
        if duration_s == self.beats_s:
            known = {image.trigger_ms for image in self.images} - {None}
            missing = "are missing" if not known else "are all equal" if len(known) == 1 else ""
            return f"its images were acquired over {duration_s:.0f} s, not over one heart cycle" + (
                missing and f", and Trigger Times, which could order them, {missing}"
            )
        source = "Trigger Times" if self.step_ms is not None else "Repetition Time"
        return (
            f"its {self.n_phases} images take {duration_s:.1f} s by their {source}, longer than "
            "one heart cycle, so they were not gated by the heart (real time or first pass)"
        )

    @cached_property
    def step_ms(self) -> float | None:
        """Median time between phases; None unless they are ordered by trigger time."""
        if self.phase_key != "TriggerTime" or self.n_phases < 2:
            return None
        return float(np.median(np.diff(self.times_ms)))

    @cached_property
    def times_ms(self) -> Float64:
        """Time of each phase after the R wave; NaN where unknown."""
        times = [image.trigger_ms for image in self.images]
        if self.phase_key != "TriggerTime":
            return np.full(len(times), np.nan)
        return np.array(times, dtype=np.float64)

    @cached_property
    def acquisition_order(self) -> tuple[float, ...]:
        """Sort key of repeated acquisitions, from first to last.

        Acquisition time, then the shorter echo, then series, acquisition and instance number.
        """
        image = min(self.images, key=attrgetter("tag_order"))
        numbers = (
            image.acquired,
            -self.echo_ms,
            image.series_number,
            image.acquisition_number,
            image.instance_number,
        )
        return tuple(-1.0 if n is None else float(n) for n in numbers)


def cycle_of(images: Sequence[Image]) -> float | None:
    """Return the length of the heart cycle by the headers of images.

    Parameters
    ----------
    images : sequence of Image
        Images of one scan.

    Returns
    -------
    float or None
        Milliseconds; None if missing or implausible.
    """
    low, high = _CYCLES_MS
    known = [c for i in images if (c := i.cycle_ms) and low <= c <= high]
    return median(known) if known else None


def has_many_beats(duration_ms: float, images: Sequence[Image]) -> bool:
    """Whether a scan takes longer than one heart cycle.

    Parameters
    ----------
    duration_ms : float
        How long it takes.
    images : sequence of Image
        Its images, which may name the length of the cycle.
    """
    cycle_ms = cycle_of(images)
    limit_ms = 1000 * LONGEST_CYCLE_S if cycle_ms is None else LONGEST_IN_CYCLES * cycle_ms
    return duration_ms > limit_ms


def same_plane(a: Image, b: Image) -> bool:
    """Whether two images have the same position and orientation.

    Parameters
    ----------
    a, b : Image
        Images, usually of the same matrix size and pixel spacing.

    Returns
    -------
    bool
        Whether their corners are less than 1 mm apart and their axes agree within 1 degree.
    """
    p, q = np.array(a.orientation), np.array(b.orientation)
    if min(p[:3] @ q[:3], p[3:] @ q[3:]) <= SAME_DIRECTION:
        return False
    return bool(np.linalg.norm(_corners_mm(a) - _corners_mm(b), axis=1).max() < SAME_PLACE_MM)


def same_field(a: Acquisition, b: Acquisition) -> bool:
    """Whether parallel planes show the same field of view: the same pixels about the same axis.

    Parameters
    ----------
    a, b : Acquisition
        Planes in nearly the same direction, anywhere along it.

    Returns
    -------
    bool
        Whether they have the same matrix, the same pixel spacing within 0.1 % and centres within
        10 mm of one axis.
    """
    if (a.first.rows, a.first.columns) != (b.first.rows, b.first.columns):
        return False
    ratios = np.divide(a.first.pixel_spacing_mm, b.first.pixel_spacing_mm)
    if np.abs(ratios - 1.0).max() > SAME_SPACING:
        return False
    between = a.centre_mm - b.centre_mm
    off_axis = between - (between @ b.normal) * b.normal
    return float(np.linalg.norm(off_axis)) <= SAME_AXIS_MM


def _corners_mm(image: Image) -> Float64:
    """Return the centres of the top left, bottom left and top right pixels, patient LPS."""
    right, down = np.array(image.orientation).reshape(2, 3)
    origin = np.array(image.position_mm)
    row_mm, column_mm = image.pixel_spacing_mm
    return np.array(
        [
            origin,
            origin + down * row_mm * (image.rows - 1),
            origin + right * column_mm * (image.columns - 1),
        ]
    )
