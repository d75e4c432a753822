"""A study in which every cavity is a disc, and the exact Prediction for it."""

import numpy as np

from lvvol.cine import CineStack, Decision
from lvvol.prediction import Prediction
from lvvol.roi import FoundBy, Rois
from lvvol.status import Code, Reason

CENTRE_MM = np.array([120.0, 95.0])  # row, column, from the corner of the first pixel
PIXEL_SPACING_MM = (1.5, 1.25)  # unequal, to reveal swapped axes
SHAPE = (160, 152)
GAP_MM = 10.0
ED_RADIUS_MM, ES_RADIUS_MM = 24.0, 12.0
ED_PHASE, ES_PHASE = 0, 3
CAVITY, MYOCARDIUM = 200.0, 50.0


def disc_radii_mm(n_phases):
    """ED is the first phase, ES the fourth; all others lie halfway."""
    radii = np.full(n_phases, (ED_RADIUS_MM + ES_RADIUS_MM) / 2)
    radii[ED_PHASE], radii[ES_PHASE] = ED_RADIUS_MM, ES_RADIUS_MM
    return radii


def disc_stack(n_slices=4, n_phases=5):
    rows = (np.arange(SHAPE[0]) + 0.5) * PIXEL_SPACING_MM[0]
    columns = (np.arange(SHAPE[1]) + 0.5) * PIXEL_SPACING_MM[1]
    distance = np.hypot(rows[:, None] - CENTRE_MM[0], columns[None, :] - CENTRE_MM[1])
    phases = [np.where(distance < r, CAVITY, MYOCARDIUM) for r in disc_radii_mm(n_phases)]
    positions_mm = -15.0 + GAP_MM * np.arange(n_slices)
    affines = np.tile(np.diag([*PIXEL_SPACING_MM, 1.0, 1.0]), (n_slices, 1, 1))
    affines[:, 2, 3] = positions_mm
    return CineStack(
        images=np.tile(np.array(phases, np.float32), (n_slices, 1, 1, 1)),
        pixel_spacing_mm=PIXEL_SPACING_MM,
        positions_mm=positions_mm,
        times_ms=np.tile(30.0 * np.arange(n_phases), (n_slices, 1)),
        affines=affines,
        decisions=(Decision("left out 2 series", "long-axis views", ("2ch/a", "4ch/b")),),
    )


def disc_prediction(n_slices=4, n_phases=5, sentences=(), side_mm=80.0):
    """Areas and P are those of the discs; equal areas make the volumes those of prisms.

    Each sentence becomes a reason of code few_slices.
    """
    radii = disc_radii_mm(n_phases)
    squares = np.tile([*(CENTRE_MM - side_mm / 2), side_mm], (n_slices, 1))
    cell_mm = (np.arange(48) + 0.5) / 48 * side_mm - side_mm / 2
    distance = np.hypot(cell_mm[:, None], cell_mm[None, :])
    p = 1 / (1 + np.exp((distance - radii[:, None, None]) / 0.5))
    areas = np.tile(np.pi * radii**2, (n_slices, 1))
    return Prediction(
        stack=disc_stack(n_slices, n_phases),
        rois=Rois(
            squares_mm=squares,
            scores=np.ones(n_slices),
            kept=np.zeros(n_slices, dtype=bool),
            start=n_slices // 2,
            found_by=FoundBy.DETECTOR,
        ),
        areas_mm2=areas,
        lv_probability=np.tile(p.astype(np.float32), (n_slices, 1, 1, 1)),
        reasons=tuple(Reason(Code.FEW_SLICES, sentence) for sentence in sentences),
        timings_s={"read": 1.25, "resample": 0.2, "roi": 1.0, "segment": 2.0, "volume": 0.05},
    )
