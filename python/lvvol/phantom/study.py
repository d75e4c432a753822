"""A phantom study: one simulated examination of one heart, with its ground truth."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lvvol.cine import CineStack
from lvvol.phantom.body.torso import draw_torso
from lvvol.phantom.scanner.plan import GE, SIEMENS, draw_beating_heart, draw_pose, draw_scanner
from lvvol.phantom.scanner.protocol import examine
from lvvol.phantom.scanner.scan import Scan, Subject
from lvvol.phantom.scanner.views import draw_short_axis
from lvvol.phantom.truth import Reading, Truth, right_reading, true_volumes
from lvvol.typing import Float64, UInt8, UInt16

VENDORS = (SIEMENS, GE)
_UID_NAMESPACE = uuid.UUID("8c1d2b9e-2f60-5d0a-9a57-2d6f4b0e7c31")


@dataclass(frozen=True)
class Fault:
    """One fault of a study.

    Parameters
    ----------
    name : str
        One of `lvvol.phantom.FAULTS`.
    what : str
        Description of the change, in one sentence.
    touched : tuple of (str, int)
        Scan name and phase of each image that was added or changed, or whose file was removed.
    """

    name: str
    what: str
    touched: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, eq=False)
class PhantomStudy:
    """Synthetic cines of one heart; images are rendered on first access.

    Parameters
    ----------
    seed : int
        Seed of all random draws.
    options : str
        The options of `make_phantom` as text; identifiers are derived from it and the seed.
    vendor : str
        ``"SIEMENS"`` or ``"GE MEDICAL SYSTEMS"``: sets the style of intensities and headers.
    field_t : float
        Field strength in tesla.
    subject : Subject
        Anatomy and scanner.
    scans : tuple of Scan
        All scans, in the order of acquisition.
    faults : tuple of Fault
        Faults planted by `lvvol.phantom.plant`.
    """

    seed: int
    options: str
    vendor: str
    field_t: float
    subject: Subject
    scans: tuple[Scan, ...]
    faults: tuple[Fault, ...] = ()

    @cached_property
    def reading(self) -> Reading:
        """Expected result of reading the study's files."""
        return right_reading(self.scans)

    @cached_property
    def truth(self) -> Truth:
        """Volumes, and areas in the slices of `reading`."""
        return true_volumes(self.reading)

    @cached_property
    def images(self) -> UInt16:
        """Stored pixels of `reading`, of shape (slice, phase, row, column)."""
        return np.stack([scan.images for scan in self.reading.slices])

    @cached_property
    def lv_coverage(self) -> UInt8:
        """Fraction of each pixel's slab inside the LV cavity, 255 for all; shaped like `images`."""
        return np.stack([scan.lv_coverage for scan in self.reading.slices])

    @property
    def affines(self) -> Float64:
        """Affine of each slice of `reading`, of shape (slice, 4, 4)."""
        return np.stack([scan.plane.affine for scan in self.reading.slices])

    @property
    def pixel_spacing_mm(self) -> tuple[float, float]:
        """Pixel spacing of most slices: between rows, then between columns."""
        return self.reading.pixel_mm, self.reading.pixel_mm

    def of_view(self, view: str) -> tuple[Scan, ...]:
        """Return the scans of one view, ``"sax"``, ``"2ch"``, ``"4ch"`` or ``"localizer"``."""
        return tuple(scan for scan in self.scans if scan.view == view)

    def uid(self, *what: object) -> str:
        """Return the UID of an object of this study, the same at every call.

        Parameters
        ----------
        *what : object
            ``"study"``; ``"frame of reference"``; ``"series"`` and a number; or a scan's name and
            a phase.
        """
        name = "/".join(map(str, (self.seed, self.options, *what)))
        return f"2.25.{uuid.uuid5(_UID_NAMESPACE, name).int}"

    def to_cine_stack(self) -> CineStack:
        """Return the short-axis stack that reading the written files would give.

        Returns
        -------
        CineStack
            Without decisions and warnings.

        Raises
        ------
        ValueError
            If the study has faults, which only the reader resolves.
        """
        if self.faults:
            names = ", ".join(fault.name for fault in self.faults)
            raise ValueError(f"study: expected one without faults, got one with {names}")
        slices = self.reading.slices
        return CineStack(
            images=self.images.astype(np.float32),
            pixel_spacing_mm=self.pixel_spacing_mm,
            positions_mm=self.reading.positions_mm,
            times_ms=np.stack([scan.times_ms for scan in slices]),
            affines=self.affines,
            study_uid=self.uid("study"),
            frame_of_reference_uid=self.uid("frame of reference"),
            series_uids=tuple(self.uid("series", scan.series) for scan in slices),
            sop_instance_uids=tuple(
                tuple(self.uid(scan.name, t) for t in range(scan.n_phases)) for scan in slices
            ),
        )


def make_phantom(
    seed: int = 0,
    *,
    n_slices: int | None = None,
    n_phases: int | None = None,
    edv_ml: float | None = None,
    ef_percent: float | None = None,
    wall_mm: float | None = None,
    vendor: str | None = None,
    rows: int = 256,
) -> PhantomStudy:
    """Draw a heart and plan its examination.

    Parameters
    ----------
    seed : int
        At least 0; the same seed and options give the same study.
    n_slices : int, optional
        3 to 30; by default as many as cover the LV at ED, 9 to 12. Fewer cover only part of it.
    n_phases : int, optional
        2 to 60; by default 20, 25 or 30.
    edv_ml : float, optional
        80 to 280 mL; drawn by default.
    ef_percent : float, optional
        20 to 70 %; drawn by default.
    wall_mm : float, optional
        Thickness of the LV's wall at ED, 4 to 30 mm; 7 to 11 mm by default.
    vendor : str, optional
        ``"SIEMENS"`` or ``"GE MEDICAL SYSTEMS"``; drawn by default.
    rows : int
        Rows of the short-axis matrix, 64 to 512. Fewer rows give larger pixels in the same field
        of view; 96 rows render seven times faster.

    Returns
    -------
    PhantomStudy
        ED is phase 0. Nothing is rendered yet.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> study = make_phantom(3, n_slices=7, n_phases=6, edv_ml=150, ef_percent=40, rows=96)
    >>> len(study.of_view("sax")), study.reading.n_phases, round(study.truth.esv_ml)
    (7, 6, 90)
    """
    _check("seed", seed, 0, 2**63 - 1)
    _check("n_slices", n_slices, 3, 30)
    _check("n_phases", n_phases, 2, 60)
    _check("edv_ml", edv_ml, 80, 280)
    _check("ef_percent", ef_percent, 20, 70)
    _check("wall_mm", wall_mm, 4, 30)
    _check("rows", rows, 64, 512)
    if vendor is not None and vendor not in VENDORS:
        raise ValueError(f"vendor: expected one of {', '.join(VENDORS)}, got {vendor}")
    rng = np.random.default_rng(seed)
    # Draw every value, used or not, so that setting one option does not change the others.
    drawn_phases = int(rng.choice([20, 25, 30]))
    drawn_edv, drawn_ef = float(rng.uniform(80, 280)), float(rng.uniform(20, 70))
    heart = draw_beating_heart(
        rng,
        drawn_phases if n_phases is None else n_phases,
        drawn_edv if edv_ml is None else edv_ml,
        drawn_ef if ef_percent is None else ef_percent,
        wall_mm,
    )
    torso = draw_torso(rng)
    heart_to_patient = draw_pose(rng, heart)
    drawn_vendor = str(rng.choice(VENDORS))
    vendor = drawn_vendor if vendor is None else vendor
    subject = Subject(
        torso, heart, heart_to_patient, draw_scanner(rng, vendor, torso.half_depth_mm)
    )
    short_axis = draw_short_axis(rng, heart, heart_to_patient, vendor, n_slices, rows)
    rng = np.random.default_rng((seed, 1))
    return PhantomStudy(
        seed=seed,
        options=f"{n_slices}/{n_phases}/{edv_ml}/{ef_percent}/{vendor}/{rows}"
        + ("" if wall_mm is None else f"/{wall_mm}"),
        vendor=vendor,
        field_t=float(rng.choice([1.5, 3.0])) if vendor == SIEMENS else 1.5,
        subject=subject,
        scans=examine(rng, seed, subject, short_axis, vendor),
    )


def _check(name: str, value: float | None, low: float, high: float) -> None:
    """Raise ValueError for a number out of range."""
    if value is not None and not low <= value <= high:
        raise ValueError(f"{name}: expected {low} to {high}, got {value}")
