"""Checks of a measurement: reasons for a reader to doubt it.

Each check is one function that returns warnings, or nothing where the measurement passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lvvol.cine import CineStack
from lvvol.errors import ImageSizeError, NoMotionError, RoiNotFoundError
from lvvol.motion import change_over_cycle
from lvvol.roi import FoundBy, Rois
from lvvol.typing import Bool, Float32, Float64

if TYPE_CHECKING:
    from lvvol.prediction import Prediction

PLAUSIBLE_EDV_ML = (30.0, 500.0)
"""EDV of nearly all patients, children above infancy and dilated hearts included."""

PLAUSIBLE_EF_PERCENT = (10.0, 85.0)
"""EF of nearly all patients, severe heart failure and hypertrophy included."""

MAX_AREA_DISAGREEMENT = 0.15
"""Difference of the areas from O and from P, summed over slices, relative to the larger sum."""

NOTABLE_AREA_MM2 = 300.0
"""A cavity of 20 mm in diameter; smaller ones near the apex change a volume little."""

MAX_DIP = 0.5
"""Area of a slice relative to the smaller one of its neighbours, below which it is a gap."""

MAX_END_AREA = 0.5
"""Area of the first or last slice at ED relative to the largest, above which the LV goes on."""

TRACE_AREA = 0.1
"""Area relative to the largest, below which a slice counts as empty in the search for an apex."""

MAX_ABRUPT_AREA = 0.4
"""Area of the last slice with a cavity relative to the largest, at both ends: no taper above it."""

MIN_CHANGE = 0.03
"""Least change over the cycle, in the slice of most change; 0.19 or more in 324 patients."""

MIN_GROWTH = 1.25
"""Least growth of differences from successive phases to half a cycle: 1.01 at most for noise alone,
3.2 or more in the slice of most growth of the five real studies."""

MIN_GROWTH_PHASES = 8
"""Phases below which half a cycle is too few steps to tell motion from noise."""

MIN_EDV_ML = 1.0
"""Below the EDV of any heart: a newborn's is about 5 mL."""

MIN_FIELD_MM = 100.0
"""Longer side of an image below which no heart fits, with the chest wall and lung around it."""

PLAUSIBLE_LENGTH = (1.0, 2.4)
"""Length of the cavity by its largest diameter at ED: 322 of 324 patients lie within."""

PLAUSIBLE_DIAMETER_MM = (20.0, 90.0)
"""Largest diameter of the cavity at ED, from a circle of its area: all of 324 patients."""

MAX_OUTSIDE = 0.1
"""Share of an ROI outside the image, above which the cavity may be cut off."""


def refuse_small_images(stack: CineStack) -> None:
    """Refuse images in which no heart fits (`MIN_FIELD_MM`).

    Parameters
    ----------
    stack : CineStack
        A stack as it was read.

    Raises
    ------
    ImageSizeError
        If the longer side of the images is below `MIN_FIELD_MM`.
    """
    height_mm, width_mm = np.multiply(stack.images.shape[2:], stack.pixel_spacing_mm)
    if max(height_mm, width_mm) < MIN_FIELD_MM:
        raise ImageSizeError(
            f"stack: expected images of at least {MIN_FIELD_MM:.0f} mm, found {height_mm:.0f} x "
            f"{width_mm:.0f} mm; check Pixel Spacing"
        )


def refuse_empty(prediction: Prediction) -> None:
    """Refuse squares without a cavity (`MIN_EDV_ML`), as networks without training find them.

    Parameters
    ----------
    prediction : Prediction
        Any measurement.

    Raises
    ------
    RoiNotFoundError
        If EDV is below `MIN_EDV_ML` or NaN.
    """
    if not prediction.edv_ml >= MIN_EDV_ML:  # negated, so that NaN fails too
        raise RoiNotFoundError(
            "squares that look like a left ventricle hold no cavity: "
            f"EDV {prediction.edv_ml:.1f} mL; check the images, and weights of your own"
        )


def refuse_motionless(prediction: Prediction) -> None:
    """Refuse a ventricle that does not beat (`MIN_CHANGE`, `MIN_GROWTH`).

    Images that change by noise alone are refused only if EF is implausibly small as well: phases in
    a wrong order look like noise, but their volumes are right.

    Parameters
    ----------
    prediction : Prediction
        The measurement of a working stack.

    Raises
    ------
    NoMotionError
        If the images do not change in any ROI, or by noise alone.
    """
    windows = [
        window
        for images, square_mm in zip(
            prediction.stack.images, prediction.rois.squares_mm, strict=True
        )
        if (window := _window(images, square_mm, prediction.stack.pixel_spacing_mm)).size
    ]
    if not windows:
        return
    change, growth = np.max([change_over_cycle(window) for window in windows], axis=0)
    if change < MIN_CHANGE:
        raise NoMotionError(
            "stack: expected a beating heart, found images that do not change over the cycle where "
            "the LV is; check that the phases are those of a cine (lvvol inspect --png)"
        )
    n_phases = prediction.stack.n_phases
    still = prediction.edv_ml > 0 and prediction.ef_percent < PLAUSIBLE_EF_PERCENT[0]
    if n_phases >= MIN_GROWTH_PHASES and growth < MIN_GROWTH and still:
        raise NoMotionError(
            "stack: expected a beating heart, found phases that differ by noise alone where the LV "
            "is; check that they are those of a cine (lvvol inspect --png)"
        )


def _window(images: Float32, square_mm: Float64, pixel_spacing_mm: tuple[float, float]) -> Float32:
    """Return the images of one slice within a square, in whole pixels."""
    (top, bottom), (left, right) = (
        np.rint(np.clip([start, start + square_mm[2]], 0, None) / pixel).astype(int)
        for start, pixel in zip(square_mm[:2], pixel_spacing_mm, strict=True)
    )
    return images[:, top:bottom, left:right]


def check(prediction: Prediction) -> tuple[str, ...]:
    """Return the warnings about a measurement.

    Parameters
    ----------
    prediction : Prediction
        Any measurement.

    Returns
    -------
    tuple of str
        One sentence each, slices and phases counted from 1; empty if every check passes.
    """
    ed, es = prediction.ed_phase, prediction.es_phase
    areas_mm2, rois = prediction.areas_mm2, prediction.rois
    probability_areas_mm2 = prediction.probability_areas_mm2
    ed_areas_mm2 = areas_mm2[:, ed]
    warnings = check_edv(prediction.edv_ml) + check_ef(prediction.ef_percent)
    for name, phase in (("ED", ed), ("ES", es)):
        warnings += check_agreement(name, areas_mm2[:, phase], probability_areas_mm2[:, phase])
        warnings += check_gaps(name, areas_mm2[:, phase])
    warnings += check_stack_ends(ed_areas_mm2)
    warnings += check_taper(ed_areas_mm2)
    warnings += check_shape(ed_areas_mm2, prediction.stack.slice_gaps_mm)
    warnings += check_search(rois)
    warnings += check_scores(rois, ed_areas_mm2)
    rows, columns = prediction.stack.images.shape[2:]
    row_mm, column_mm = prediction.stack.pixel_spacing_mm
    warnings += check_field(rois, ed_areas_mm2, (rows * row_mm, columns * column_mm))
    return tuple(warnings)


def check_edv(edv_ml: float) -> list[str]:
    """Check that EDV is that of a human heart (`PLAUSIBLE_EDV_ML`)."""
    low, high = PLAUSIBLE_EDV_ML
    if low <= edv_ml <= high:
        return []
    return [f"EDV {edv_ml:.0f} mL is outside {low:.0f} to {high:.0f} mL"]


def check_ef(ef_percent: float) -> list[str]:
    """Check that EF is that of a living heart (`PLAUSIBLE_EF_PERCENT`).

    NaN passes: EF is NaN where EDV is 0, which `check_edv` covers.
    """
    low, high = PLAUSIBLE_EF_PERCENT
    if not (ef_percent < low or ef_percent > high):
        return []
    return [f"EF {ef_percent:.0f} % is outside {low:.0f} to {high:.0f} %"]


def check_agreement(phase: str, areas_mm2: Float64, probability_areas_mm2: Float64) -> list[str]:
    """Check that O and P agree on the area of one phase (`MAX_AREA_DISAGREEMENT`)."""
    total, other = float(areas_mm2.sum()), float(probability_areas_mm2.sum())
    if abs(total - other) <= MAX_AREA_DISAGREEMENT * max(total, other):
        return []
    return [
        f"the two area estimates disagree at {phase}: {total / 100:.0f} cm2 and "
        f"{other / 100:.0f} cm2 over all slices"
    ]


def check_gaps(phase: str, areas_mm2: Float64) -> list[str]:
    """Check that no slice falls far below both neighbours (`MAX_DIP`): a cavity has no gaps."""
    lower_neighbour = np.minimum(areas_mm2[:-2], areas_mm2[2:])
    gaps = (lower_neighbour > NOTABLE_AREA_MM2) & (areas_mm2[1:-1] < MAX_DIP * lower_neighbour)
    return [
        f"slice {z + 1} at {phase}: {areas_mm2[z]:.0f} mm2 is far below both neighbours"
        for z in np.flatnonzero(gaps) + 1
    ]


def check_stack_ends(ed_areas_mm2: Float64) -> list[str]:
    """Check that the cavity is small in the first and last slice (`MAX_END_AREA`)."""
    return [
        f"the {place} slice still holds a large cavity at ED: the stack may end inside the LV"
        for z, place in ((0, "first"), (-1, "last"))
        if ed_areas_mm2[z] > MAX_END_AREA * ed_areas_mm2.max()
    ]


def check_taper(ed_areas_mm2: Float64) -> list[str]:
    """Check that the cavity tapers towards one end at least, the apex (`MAX_ABRUPT_AREA`)."""
    largest = ed_areas_mm2.max()
    held = np.flatnonzero(ed_areas_mm2 >= TRACE_AREA * largest)
    first, last = int(held[0]), int(held[-1])
    if largest <= 0 or first == 0 or last == len(ed_areas_mm2) - 1:
        return []
    if min(ed_areas_mm2[first], ed_areas_mm2[last]) <= MAX_ABRUPT_AREA * largest:
        return []
    return [
        "the cavity ends abruptly at both ends at ED, with no taper to an apex: "
        "slices beyond may have been missed"
    ]


def check_shape(ed_areas_mm2: Float64, slice_gaps_mm: Float64) -> list[str]:
    """Check the size of the cavity at ED (`PLAUSIBLE_DIAMETER_MM`, `PLAUSIBLE_LENGTH`).

    A wrong pixel spacing changes its diameter, wrong positions change its length.
    """
    largest = ed_areas_mm2.max()
    if largest <= 0:
        return []
    diameter_mm = 2.0 * float(np.sqrt(largest / np.pi))
    low, high = PLAUSIBLE_DIAMETER_MM
    warnings = []
    if not low <= diameter_mm <= high:
        warnings.append(
            f"the cavity is {diameter_mm:.0f} mm wide at ED, outside {low:.0f} to {high:.0f} mm: "
            "the pixel spacing may be wrong"
        )
    held = np.flatnonzero(ed_areas_mm2 >= TRACE_AREA * largest)
    gap_mm = float(np.median(slice_gaps_mm))
    # Every slice stands for half a gap on either side.
    length_mm = float(slice_gaps_mm[held[0] : held[-1]].sum()) + gap_mm
    low, high = PLAUSIBLE_LENGTH
    if not low <= length_mm / diameter_mm <= high:
        warnings.append(
            f"the cavity is {length_mm:.0f} mm long and {diameter_mm:.0f} mm wide at ED, not the "
            "shape of an LV: slices may be missed, or pixel spacing or slice positions wrong"
        )
    return warnings


def check_search(rois: Rois) -> list[str]:
    """Check that the search for the LV began in the middle slice, with the detector's proposal."""
    middle = len(rois.squares_mm) // 2
    if rois.found_by is FoundBy.DENSE_SCAN:
        return [
            "nothing that the detector proposed looks like an LV: "
            f"the square of slice {rois.start + 1} comes from a search of every place"
        ]
    if rois.start != middle:
        return [
            f"nothing in the middle slice, {middle + 1}, looks like an LV: "
            f"the search began in slice {rois.start + 1}"
        ]
    return []


def check_scores(rois: Rois, ed_areas_mm2: Float64) -> list[str]:
    """Check that no notable area comes from a slice in which no window looks like an LV."""
    doubtful = rois.kept & (ed_areas_mm2 > NOTABLE_AREA_MM2)
    if not doubtful.any():
        return []
    return [f"slices {_listed(doubtful)}: no window looks like an LV, yet an area was found"]


def check_field(rois: Rois, ed_areas_mm2: Float64, field_mm: tuple[float, float]) -> list[str]:
    """Check that no ROI with a notable area reaches beyond the image (`MAX_OUTSIDE`)."""
    squares_mm = rois.squares_mm
    ends_mm = np.minimum(squares_mm[:, :2] + squares_mm[:, 2:], field_mm)
    inside_mm2 = np.clip(ends_mm - np.maximum(squares_mm[:, :2], 0.0), 0.0, None).prod(axis=1)
    outside = 1.0 - inside_mm2 / squares_mm[:, 2] ** 2
    cut_off = (outside > MAX_OUTSIDE) & (ed_areas_mm2 > NOTABLE_AREA_MM2)
    if not cut_off.any():
        return []
    return [
        f"slices {_listed(cut_off)}: the ROI reaches beyond the image, which may cut off the LV"
    ]


def _listed(slices: Bool) -> str:
    """Return the numbers of the slices that are set, from 1."""
    return ", ".join(str(z + 1) for z in np.flatnonzero(slices))
