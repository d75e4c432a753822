"""Checks of the cavity: areas, volumes and shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from lvvol.status import Code, Reason
from lvvol.typing import Float64

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

MAX_APICAL_AREA = 0.5
"""Area of the apical end slice at ED relative to the largest, above which the LV goes on."""

MAX_BASAL_AREA = 0.7
"""The same for the basal end, where the LV is wide up to the valve. In 323 patients, end areas up
to 0.7 go with no larger error of EDV than small ones."""

MAX_OPEN = 0.5
"""Difference between the first and the last volume relative to the stroke volume: at most 0.2 in
the five real studies; 0.6 or more in their first halves and quarters."""

MIN_CYCLE_PHASES = 3
"""Phases below which there is no course over the cycle."""

TRACE_AREA = 0.1
"""Area relative to the largest, below which a slice counts as empty in the search for an apex."""

MAX_ABRUPT_AREA = 0.4
"""Area of the last slice with a cavity relative to the largest, at both ends: no taper above it."""

PLAUSIBLE_LENGTH = (1.0, 2.4)
"""Length of the cavity by its largest diameter at ED: 322 of 324 patients lie within."""

PLAUSIBLE_DIAMETER_MM = (20.0, 90.0)
"""Largest diameter of the cavity at ED, from a circle of its area: all of 324 patients."""


def check_edv(edv_ml: float) -> list[Reason]:
    """Check that EDV is that of a human heart (`PLAUSIBLE_EDV_ML`)."""
    low, high = PLAUSIBLE_EDV_ML
    if low <= edv_ml <= high:
        return []
    text = (
        f"EDV {edv_ml:.0f} mL is outside {low:.0f} to {high:.0f} mL. Check that the ROIs hold the "
        "LV."
    )
    return [Reason(Code.VOLUME_IMPLAUSIBLE, text)]


def check_ef(ef_percent: float) -> list[Reason]:
    """Check that EF is that of a living heart (`PLAUSIBLE_EF_PERCENT`).

    NaN passes: EF is NaN where EDV is 0, which `check_edv` covers.
    """
    low, high = PLAUSIBLE_EF_PERCENT
    if not (ef_percent < low or ef_percent > high):
        return []
    text = (
        f"EF {ef_percent:.0f} % is outside {low:.0f} to {high:.0f} %. Check the contours at ED "
        "and ES."
    )
    return [Reason(Code.EF_IMPLAUSIBLE, text)]


def check_agreement(phase: str, areas_mm2: Float64, probability_areas_mm2: Float64) -> list[Reason]:
    """Check that O and P agree on the area of one phase (`MAX_AREA_DISAGREEMENT`)."""
    total, other = float(areas_mm2.sum()), float(probability_areas_mm2.sum())
    if abs(total - other) <= MAX_AREA_DISAGREEMENT * max(total, other):
        return []
    text = (
        f"The two area estimates disagree at {phase}: {total / 100:.0f} cm2 and "
        f"{other / 100:.0f} cm2 over all slices. Check the contours at {phase}."
    )
    return [Reason(Code.AREAS_DISAGREE, text)]


def check_gaps(phase: str, areas_mm2: Float64, slices: Sequence[int] | None = None) -> list[Reason]:
    """Check that no slice falls far below both neighbours (`MAX_DIP`): a cavity has no gaps.

    `slices` numbers the areas from 0, where some slices are left out.
    """
    numbers = range(len(areas_mm2)) if slices is None else slices
    lower_neighbour = np.minimum(areas_mm2[:-2], areas_mm2[2:])
    gaps = (lower_neighbour > NOTABLE_AREA_MM2) & (areas_mm2[1:-1] < MAX_DIP * lower_neighbour)
    return [
        Reason(
            Code.AREAS_UNEVEN,
            f"In slice {numbers[z] + 1} at {phase} the cavity, {areas_mm2[z]:.0f} mm2, is far "
            "smaller than in both neighbours. Check its contour.",
        )
        for z in (np.flatnonzero(gaps) + 1).tolist()
    ]


def check_stack_ends(ed_areas_mm2: Float64, apex: Literal["first", "last"] | None) -> list[Reason]:
    """Check that the stack covers the LV (`MAX_APICAL_AREA`, `MAX_BASAL_AREA`).

    Where the apex is unknown, the end with the larger cavity counts as the base.
    """
    ends = (("first", float(ed_areas_mm2[0])), ("last", float(ed_areas_mm2[-1])))
    apical = apex or min(ends, key=lambda end: end[1])[0]
    reasons = []
    for end, area_mm2 in ends:
        limit = MAX_APICAL_AREA if end == apical else MAX_BASAL_AREA
        if area_mm2 > limit * ed_areas_mm2.max():
            name = "apex" if end == apical else "base"
            code = Code.APEX_NOT_COVERED if end == apical else Code.BASE_NOT_COVERED
            text = (
                f"The {end} slice still holds a large cavity at ED: the stack may miss the {name}. "
                "Look for slices that were not exported."
            )
            reasons.append(Reason(code if apex else Code.END_NOT_COVERED, text))
    return reasons


def check_taper(ed_areas_mm2: Float64) -> list[Reason]:
    """Check that the cavity tapers towards one end at least, the apex (`MAX_ABRUPT_AREA`)."""
    largest = ed_areas_mm2.max()
    held = np.flatnonzero(ed_areas_mm2 >= TRACE_AREA * largest)
    first, last = int(held[0]), int(held[-1])
    if largest <= 0 or first == 0 or last == len(ed_areas_mm2) - 1:
        return []
    if min(ed_areas_mm2[first], ed_areas_mm2[last]) <= MAX_ABRUPT_AREA * largest:
        return []
    text = (
        "The cavity ends abruptly at both ends at ED, with no taper to an apex: slices beyond may "
        "have been missed. Check the outermost contours and the slices beside them."
    )
    return [Reason(Code.NO_TAPER, text)]


def check_cycle(volumes_ml: Float64) -> list[Reason]:
    """Check that the volume returns to its start, as over a whole cycle (`MAX_OPEN`)."""
    stroke_ml = float(volumes_ml.max() - volumes_ml.min())
    if len(volumes_ml) < MIN_CYCLE_PHASES or stroke_ml <= 0:
        return []
    share = float(abs(volumes_ml[-1] - volumes_ml[0])) / stroke_ml
    if share <= MAX_OPEN:
        return []
    text = (
        f"The volume at the last phase differs from that at the first by {100 * share:.0f} % of "
        "the stroke volume: the cine may cover only a part of the cycle, and ESV be too large. "
        "Look for missing phases."
    )
    return [Reason(Code.CYCLE_NOT_COVERED, text)]


def check_shape(ed_areas_mm2: Float64, slice_gaps_mm: Float64) -> list[Reason]:
    """Check the size of the cavity at ED (`PLAUSIBLE_DIAMETER_MM`, `PLAUSIBLE_LENGTH`).

    A wrong pixel spacing changes its diameter, wrong positions change its length.
    """
    largest = ed_areas_mm2.max()
    if largest <= 0:
        return []
    diameter_mm = 2.0 * float(np.sqrt(largest / np.pi))
    low, high = PLAUSIBLE_DIAMETER_MM
    reasons = []
    if not low <= diameter_mm <= high:
        text = (
            f"The cavity is {diameter_mm:.0f} mm wide at ED, outside {low:.0f} to {high:.0f} mm: "
            "Pixel Spacing may be wrong. Compare it with the protocol."
        )
        reasons.append(Reason(Code.SHAPE_IMPLAUSIBLE, text))
    held = np.flatnonzero(ed_areas_mm2 >= TRACE_AREA * largest)
    gap_mm = float(np.median(slice_gaps_mm))
    # Every slice stands for half a gap on either side.
    length_mm = float(slice_gaps_mm[held[0] : held[-1]].sum()) + gap_mm
    low, high = PLAUSIBLE_LENGTH
    if not low <= length_mm / diameter_mm <= high:
        text = (
            f"The cavity is {length_mm:.0f} mm long and {diameter_mm:.0f} mm wide at ED, not the "
            "shape of an LV: slices may be missed, or Pixel Spacing or slice positions be wrong."
        )
        reasons.append(Reason(Code.SHAPE_IMPLAUSIBLE, text))
    return reasons
