"""A cine of one plane, acquired in one breath-hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from lvvol.phantom.body.heart import Heart
from lvvol.phantom.body.torso import Torso
from lvvol.phantom.scanner.render import Plane, Scanner, render_cine
from lvvol.typing import Float64, UInt8, UInt16

SHORT_AXIS, TWO_CHAMBER, FOUR_CHAMBER, LOCALISER = "sax", "2ch", "4ch", "localizer"


@dataclass(frozen=True)
class Subject:
    """A patient in a scanner.

    Parameters
    ----------
    torso, heart : Torso, Heart
        The anatomy.
    heart_to_patient : ndarray of float64, shape (4, 4)
        Map from heart coordinates (p, q, u, 1) to patient LPS mm; (0, 0, 0) is the epicardial apex.
    scanner : Scanner
        Coils, noise and intensities.
    """

    torso: Torso
    heart: Heart
    heart_to_patient: Float64
    scanner: Scanner

    @property
    def middle_mm(self) -> Float64:
        """Centre of the LV's axis at ED, in patient LPS."""
        half = 0.5 * self.heart.phases[0].cavity.base_mm
        middle: Float64 = (self.heart_to_patient @ (0.0, 0.0, half, 1.0))[:3]
        return middle

    def level_mm(self, plane: Plane) -> float:
        """Return the heart coordinate u at which a short-axis plane cuts the LV's axis."""
        return float((np.linalg.inv(self.heart_to_patient) @ plane.affine)[2, 3])


@dataclass(frozen=True, eq=False)
class Scan:
    """A cine of one plane; images are rendered on first access.

    Parameters
    ----------
    name : str
        Unique within the study; identifiers are derived from it.
    view : str
        ``"sax"``, ``"2ch"``, ``"4ch"`` or ``"localizer"``.
    subject : Subject
        Patient and scanner.
    plane : Plane
        Image plane.
    times_ms : ndarray of float64, shape (phase,)
        Time of each image after the R wave.
    interval_ms : float
        RR interval.
    acquired_s : float
        Start of the scan, in seconds after the start of the study.
    series : int
        Series number.
    first_instance : int
        Instance number of the first image in its series.
    noise_seed : tuple of int
        Seed of the noise.
    off_stack : bool
        True if the plane is too far from the stack to belong to it.
    lost : frozenset of int
        Phases whose files are missing.
    cut : mapping of int to float
        Phases whose files are truncated, with the fraction of the pixels that is left.
    """

    name: str
    view: str
    subject: Subject = field(repr=False)
    plane: Plane = field(repr=False)
    times_ms: Float64 = field(repr=False)
    interval_ms: float
    acquired_s: float
    series: int
    first_instance: int
    noise_seed: tuple[int, ...]
    off_stack: bool = False
    lost: frozenset[int] = frozenset()
    cut: Mapping[int, float] = field(default_factory=dict)

    @property
    def images(self) -> UInt16:
        """Stored pixels of every phase, including lost ones, of shape (phase, row, column)."""
        return self._rendered[0]

    @property
    def lv_coverage(self) -> UInt8:
        """Fraction of each pixel's slab inside the LV cavity, 255 for all of it."""
        return self._rendered[1]

    @property
    def n_phases(self) -> int:
        """Number of phases acquired."""
        return len(self.times_ms)

    @property
    def stored(self) -> tuple[int, ...]:
        """Phases that have a file."""
        return tuple(t for t in range(self.n_phases) if t not in self.lost)

    @property
    def readable(self) -> tuple[int, ...]:
        """Phases whose file is complete."""
        return tuple(t for t in self.stored if t not in self.cut)

    @cached_property
    def _rendered(self) -> tuple[UInt16, UInt8]:
        subject = self.subject
        heart = subject.heart
        if self.view == LOCALISER:
            heart = replace(heart, phases=heart.phases[:1])
        gain = subject.scanner.gain(self.plane, subject.middle_mm)
        signal, cavity = render_cine(
            subject.torso, heart, self.plane, subject.heart_to_patient, gain
        )
        images = subject.scanner.acquire(signal, np.random.default_rng(self.noise_seed))
        return images, np.rint(cavity * 255.0).astype(np.uint8)
