"""The protocol of an examination: planes, times and series numbers."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lvvol.phantom.scanner.plan import SIEMENS
from lvvol.phantom.scanner.render import Plane
from lvvol.phantom.scanner.scan import (
    FOUR_CHAMBER,
    LOCALISER,
    SHORT_AXIS,
    TWO_CHAMBER,
    Scan,
    Subject,
)
from lvvol.phantom.scanner.views import four_chamber, localisers, two_chamber


@dataclass
class Examination:
    """An examination in progress, scanned plane by plane.

    Parameters
    ----------
    seed : int
        Seed of the noise, together with each scan's name.
    subject : Subject
        Patient and scanner.
        vendor : str
            Manufacturer of the scanner.
    interval_ms : float
        Mean RR interval.
    scans : list of Scan
        Scans so far.
    """

    seed: int
    subject: Subject
    vendor: str
    interval_ms: float
    scans: list[Scan] = field(default_factory=list)

    @property
    def one_series_per_slice(self) -> bool:
        """Whether each slice is a separate series, as on Siemens scanners."""
        return self.vendor == SIEMENS

    def scan(
        self,
        rng: np.random.Generator,
        name: str,
        view: str,
        plane: Plane,
        *,
        series: int | None = None,
        off_stack: bool = False,
    ) -> Scan:
        """Scan one plane, about 25 s after the previous one and at a slightly different heart rate.

        Parameters
        ----------
        rng : Generator
            Generator of time and heart rate.
        name, view, plane, off_stack
            As in `Scan`.
        series : int, optional
            Series to add the images to; a new one by default.

        Returns
        -------
        Scan
            The scan, also appended to `scans`.
        """
        interval_ms = _rounded_interval(self.interval_ms * rng.uniform(0.97, 1.03), self.vendor)
        if series is None:
            # Series that were not exported leave gaps in the numbers.
            series = 1 + int(rng.random() < 0.1)
            series += max((scan.series for scan in self.scans), default=0)
        # In Sunnybrook, numbering runs through all short-axis images, and contours refer to it.
        before = [
            scan.first_instance + scan.n_phases
            for scan in self.scans
            if scan.series == series
            or (not self.one_series_per_slice and scan.view == SHORT_AXIS == view)
        ]
        n_phases = 1 if view == LOCALISER else len(self.subject.heart.phases)
        # GE stores the middle of each phase, Siemens its start.
        phase = np.arange(n_phases) + (0.0 if self.vendor == SIEMENS else 0.5)
        scan = Scan(
            name=name,
            view=view,
            subject=self.subject,
            plane=plane,
            times_ms=np.round(interval_ms * phase / n_phases, 3),
            interval_ms=interval_ms,
            acquired_s=round(
                max((s.acquired_s for s in self.scans), default=60.0) + rng.uniform(18, 35), 2
            ),
            series=series,
            first_instance=max(before, default=1),
            noise_seed=noise_seed(self.seed, name),
            off_stack=off_stack,
        )
        self.scans.append(scan)
        return scan


def examine(
    rng: np.random.Generator,
    seed: int,
    subject: Subject,
    short_axis: Sequence[Plane],
    vendor: str,
) -> tuple[Scan, ...]:
    """Scan a subject: localisers, long-axis cines (one of the two may be absent), short-axis stack.

    Parameters
    ----------
    rng : Generator
        Generator of times, heart rates and series numbers.
    seed : int
        Seed of the noise.
        subject : Subject
            Patient and scanner.
    short_axis : sequence of Plane
        From apex to base; scanned in reverse.
    vendor : str
        A Siemens scanner makes one series per slice, a GE scanner one for the stack.

    Returns
    -------
    tuple of Scan
        In the order of acquisition.
    """
    examination = Examination(seed, subject, vendor, float(rng.uniform(700, 1100)))
    heart, pose, like = subject.heart, subject.heart_to_patient, short_axis[0]
    for index, plane in enumerate(localisers(subject.middle_mm, like.shape[0])):
        series = examination.scans[0].series if index else None
        examination.scan(rng, f"{LOCALISER} {index}", LOCALISER, plane, series=series)
    long_axis = [
        (TWO_CHAMBER, two_chamber(heart, pose, like)),
        (FOUR_CHAMBER, four_chamber(heart, pose, like)),
    ]
    # Some real studies lack one of the two; in some, they follow the stack.
    absent, late = float(rng.random()), bool(rng.random() < 0.5)
    if absent < 0.3:
        del long_axis[int(absent < 0.15)]

    def scan_long_axis() -> None:
        for view, plane in long_axis:
            examination.scan(rng, view, view, plane)

    if not late:
        scan_long_axis()
    series = None
    for z in reversed(range(len(short_axis))):
        made = examination.scan(rng, f"{SHORT_AXIS} {z}", SHORT_AXIS, short_axis[z], series=series)
        series = None if examination.one_series_per_slice else made.series
    if late:
        scan_long_axis()
    return tuple(examination.scans)


def noise_seed(seed: int, name: str) -> tuple[int, int]:
    """Return the seed of a scan's noise, from the study's seed and the scan's name."""
    return seed, zlib.crc32(name.encode())


def _rounded_interval(interval_ms: float, vendor: str) -> float:
    """Round an RR interval like the vendor: to whole ms, or to a whole heart rate."""
    if vendor == SIEMENS:
        return float(round(interval_ms))
    return 60000.0 / round(60000.0 / interval_ms)
