"""An acquisition: one plane seen over the heart cycle, its images in temporal order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lvvol.dicom.files.image import Image
from lvvol.typing import Float64

# Cine slices lie 4 mm apart or more; positions of one place differ by rounding, far below this.
SAME_PLACE_MM = 1.0
SAME_DIRECTION = np.cos(np.deg2rad(1.0))
# Two heart beats of a slow heart. Images further apart show another thing than one cycle: the
# passage of contrast agent, or the patient breathing.
LONGEST_CYCLE_S = 4.0
# What a scanner calls images that hold the signal's phase, such as velocities, not its strength.
PHASE_MAPS = {"P", "PHASE", "PHASE MAP", "VELOCITY MAP"}


@dataclass(frozen=True, eq=False)
class Acquisition:
    """The images of one plane from one scan, in temporal order.

    Parameters
    ----------
    images : tuple of Image
        One a phase.
    phase_key : str
        The tag that ordered them; empty where none can.
    beats_s : float
        Seconds over which single beats followed each other; 0 for a scan gated over many.
    """

    images: tuple[Image, ...]
    phase_key: str
    beats_s: float = 0.0

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
        image = min(self.images, key=by_tags)
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


def by_tags(image: Image) -> tuple[object, ...]:
    """Return what sorts images by their tags, the file's name last.

    Parameters
    ----------
    image : Image
        Any image.

    Returns
    -------
    tuple
        Acquisition time first.
    """

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


def same_plane(a: Image, b: Image) -> bool:
    """Whether two images lie in the same place and direction.

    Parameters
    ----------
    a, b : Image
        Usually of one matrix and pixel spacing.

    Returns
    -------
    bool
        Whether their corners lie less than 1 mm apart and their directions agree within 1 degree.
    """
    p, q = np.array(a.orientation), np.array(b.orientation)
    if min(p[:3] @ q[:3], p[3:] @ q[3:]) <= SAME_DIRECTION:
        return False
    return bool(np.linalg.norm(_corners_mm(a) - _corners_mm(b), axis=1).max() < SAME_PLACE_MM)


def _corners_mm(image: Image) -> Float64:
    """First pixels of the first and last row, and of the last column, patient LPS."""
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
