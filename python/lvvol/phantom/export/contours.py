"""Contours of the LV in the format of the Sunnybrook Cardiac Data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lvvol.phantom.body.anatomy import TruncatedEllipsoid
from lvvol.phantom.body.heart import Bend
from lvvol.phantom.scanner.scan import Scan, Subject
from lvvol.phantom.study import PhantomStudy
from lvvol.typing import Float64

STEP_PIXELS = 0.5
FIRST_PIXEL = 1.0
"""Sunnybrook's contours count pixels from 1: only a shift by one pixel along both axes aligns them
with the edges in its images."""


def contour_files(study: PhantomStudy) -> Iterator[tuple[Scan, int, str, bytes]]:
    """Yield the contours of a study at ED and ES.

    Parameters
    ----------
    study : PhantomStudy
        Every slice of its `reading` has contours where the image is readable and shows the cavity.

    Yields
    ------
    scan : Scan
        The slice.
    phase : int
        ED or ES.
    kind : str
        ``"icontour"`` for the endocardium, ``"ocontour"`` for the epicardium.
    text : bytes
        One point per line, "x y" in pixels counted from 1, with two decimals.
    """
    for scan in study.reading.slices:
        for phase in (study.truth.ed_phase, study.truth.es_phase):
            if phase not in scan.readable:
                continue
            lv = study.subject.heart.phases[phase]
            if not lv.cavity.area_mm2(study.subject.level_mm(scan.plane)) > 0.0:
                continue
            for kind, solid in (("icontour", lv.cavity), ("ocontour", lv.epicardium)):
                points = contour_pixels(study.subject, scan, solid)
                lines = [f"{c + FIRST_PIXEL:.2f} {r + FIRST_PIXEL:.2f}\n" for r, c in points]
                yield scan, phase, kind, "".join(lines).encode()


def contour_pixels(subject: Subject, scan: Scan, solid: TruncatedEllipsoid) -> Float64:
    """Return the contour of a solid of the heart in a short-axis slice.

    Parameters
    ----------
    subject : Subject
        Patient and pose of the heart.
    scan : Scan
        The slice.
    solid : TruncatedEllipsoid
        Cavity or epicardium, before bending.

    Returns
    -------
    ndarray of float64, shape (point, 2)
        Row and column, integers at pixel centres, about half a pixel apart; not closed.
    """
    level = subject.level_mm(scan.plane)
    b, c, a = solid.radii_mm
    shrunk = float(np.sqrt(max(1.0 - ((level - solid.centre_mm) / a) ** 2, 0.0)))
    around = 2.0 * np.pi * max(b, c) * shrunk
    n_points = max(16, int(np.ceil(around / (STEP_PIXELS * scan.plane.pixel_mm))))
    angle = 2.0 * np.pi * np.arange(n_points) / n_points
    straight = np.stack(
        [b * shrunk * np.cos(angle), c * shrunk * np.sin(angle), np.full(n_points, level)]
    )
    bent = _bent(subject.heart.bend, straight, subject.heart.phases[0].cavity.base_mm)
    to_pixels = np.linalg.inv(scan.plane.affine) @ subject.heart_to_patient
    pixels: Float64 = (to_pixels @ np.vstack([bent, np.ones(n_points)]))[:2].T
    return pixels


def _bent(bend: Bend, straight: Float64, length_mm: float) -> Float64:
    """Invert `bend`, which maps the bent heart to the straight one, by fixed-point iteration.

    Its slopes are well below 1, so each iteration reduces the error several times.
    """
    bent = straight
    for _ in range(60):
        bent = bent + straight - np.stack(bend((bent[0], bent[1], bent[2]), length_mm))
    return bent
