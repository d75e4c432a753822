"""`CineStack`, the representation of a study throughout lvvol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lvvol.status import Reason
from lvvol.typing import Float32, Float64


@dataclass(frozen=True)
class Decision:
    """A decision made while reading a study.

    Parameters
    ----------
    what : str
        The action, in one sentence.
    why : str
        The reason, with the measured values.
    files : tuple of str
        The files concerned, relative to the study.
    """

    what: str
    why: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class CineStack:
    """A short-axis cine stack: all slices at all phases, with their position in the patient.

    Slices are in spatial order, phases in temporal order from the R wave (close to ED).

    Parameters
    ----------
    images : ndarray of float32, shape (slice, phase, row, column)
        Intensities after rescale slope and intercept; arbitrary units.
    pixel_spacing_mm : (float, float)
        Distance between rows, then between columns.
    positions_mm : ndarray of float64, shape (slice,)
        Position of each slice along the common normal, strictly increasing.
    times_ms : ndarray of float64, shape (slice, phase)
        Time after the R wave; NaN where unknown.
    affines : ndarray of float64, shape (slice, 4, 4)
        Maps from (row, column, k, 1) to patient LPS mm; row and column are pixel-centre indices, k
        is the distance in mm along the unit normal.
    study_uid, frame_of_reference_uid : str
        Empty where missing from the files.
    series_uids : tuple of str, one per slice
        Empty strings where missing from the files.
    series_numbers : tuple of int or None, one per slice
        None where missing from the files.
    apex : "first", "last" or None
        The end of the stack nearer to the apex; None if unknown.
    sop_instance_uids : tuple of tuple of str, (slice, phase)
        The source image of each slice and phase.
    files : tuple of tuple of str, (slice, phase)
        The file of each source image, relative to the study; empty if the stack was not read from
        files.
    frames : tuple of tuple of int, (slice, phase)
        The frame of each source image in its file, from 0; likewise.
    cycles_ms : tuple of float, one per slice
        Length of the heart cycle while the slice was imaged; NaN where unknown.
    decisions : tuple of Decision
        All decisions made while reading.
    reasons : tuple of Reason
        Reasons to review a measurement, found while reading.

    Raises
    ------
    ValueError
        If the arrays do not have these shapes, dtypes and order.
    """

    images: Float32
    pixel_spacing_mm: tuple[float, float]
    positions_mm: Float64
    times_ms: Float64
    affines: Float64
    study_uid: str = ""
    frame_of_reference_uid: str = ""
    series_uids: tuple[str, ...] = ()
    series_numbers: tuple[int | None, ...] = ()
    apex: Literal["first", "last"] | None = None
    sop_instance_uids: tuple[tuple[str, ...], ...] = ()
    files: tuple[tuple[str, ...], ...] = ()
    frames: tuple[tuple[int, ...], ...] = ()
    cycles_ms: tuple[float, ...] = ()
    decisions: tuple[Decision, ...] = ()
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != np.float32:
            raise ValueError(
                f"images: expected float32 (slice, phase, row, column), "
                f"got {self.images.dtype} {self.images.shape}"
            )
        z, t = self.images.shape[:2]
        for name, expected in (
            ("positions_mm", (z,)),
            ("times_ms", (z, t)),
            ("affines", (z, 4, 4)),
        ):
            got = getattr(self, name).shape
            if got != expected:
                raise ValueError(f"{name}: expected shape {expected}, got {got}")
        if not (np.diff(self.positions_mm) > 0).all():
            raise ValueError(f"positions_mm: expected strictly increasing, got {self.positions_mm}")
        if min(self.pixel_spacing_mm) <= 0:
            raise ValueError(f"pixel_spacing_mm: expected > 0, got {self.pixel_spacing_mm}")

    def __repr__(self) -> str:
        count = len(self.warnings)
        return f"CineStack({self.describe()}, {count} warning{'s' * (count != 1)})"

    def describe(self) -> str:
        """Summarise slices, gaps, phases and pixels in one line."""
        rows, columns = self.images.shape[2:]
        gaps = sorted({round(gap, 1) for gap in self.slice_gaps_mm.tolist()})
        spread = "" if not gaps else f" {gaps[0]:.1f}"
        spread += f" to {gaps[-1]:.1f}" if len(gaps) > 1 else ""
        row_mm, column_mm = self.pixel_spacing_mm
        return (
            f"{self.n_slices} slice{'s' * (self.n_slices != 1)}{spread}{' mm apart' * bool(gaps)}, "
            f"{self.n_phases} phases, {rows} x {columns} pixels of "
            f"{row_mm:.2f} x {column_mm:.2f} mm"
        )

    @property
    def n_slices(self) -> int:
        """Number of slices."""
        return int(self.images.shape[0])

    @property
    def n_phases(self) -> int:
        """Number of phases."""
        return int(self.images.shape[1])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences of `reasons`."""
        return tuple(reason.sentence for reason in self.reasons)

    @property
    def slice_gaps_mm(self) -> Float64:
        """Distances between neighbouring slices, shape (slice - 1,)."""
        return np.diff(self.positions_mm)
