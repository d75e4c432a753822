"""Checks of a measurement: what should make a reader doubt it."""

from __future__ import annotations

import numpy as np

from lvvol.roi import FoundBy, Rois
from lvvol.typing import Float64
from lvvol.volume import ejection_fraction_percent

_LARGEST_DISAGREEMENT_PERCENT = 15.0
_END_SLICE_SHARE = 0.5
_LARGE_SHARE = 0.4
_TRACE_SHARE = 0.1
_NOTABLE_AREA_MM2 = 300.0
_LARGEST_SHARE_OUTSIDE = 0.1
_PLAUSIBLE_EF_PERCENT = (10.0, 85.0)
_PLAUSIBLE_EDV_ML = (30.0, 500.0)


def doubts(
    areas_mm2: Float64,
    likelihood_areas_mm2: Float64,
    volumes_ml: Float64,
    rois: Rois,
    field_mm: tuple[float, float],
) -> tuple[str, ...]:
    """Return warnings about a measurement, none if nothing speaks against it.

    Parameters
    ----------
    areas_mm2 : ndarray, shape (slice, phase)
        Cavity areas from O.
    likelihood_areas_mm2 : ndarray, shape (slice, phase)
        Cavity areas from P; a second opinion of the same network.
    volumes_ml : ndarray, shape (phase,)
        Volumes from `areas_mm2`.
    rois : Rois
        The squares the areas were measured in.
    field_mm : (float, float)
        Height and width of the images.

    Returns
    -------
    tuple of str
        One sentence each, slices and phases counted from 1.
    """
    found = []
    ed, es = int(volumes_ml.argmax()), int(volumes_ml.argmin())
    edv_ml, esv_ml = float(volumes_ml[ed]), float(volumes_ml[es])
    low, high = _PLAUSIBLE_EDV_ML
    if not low <= edv_ml <= high:
        found.append(f"EDV {edv_ml:.0f} mL is outside {low:.0f} to {high:.0f} mL")
    ef_percent = float(ejection_fraction_percent(edv_ml, esv_ml))
    low, high = _PLAUSIBLE_EF_PERCENT
    if ef_percent < low or ef_percent > high:  # NaN is neither: EDV has told
        found.append(f"EF {ef_percent:.0f} % is outside {low:.0f} to {high:.0f} %")
    for name, phase in (("ED", ed), ("ES", es)):
        total, other = float(areas_mm2[:, phase].sum()), float(likelihood_areas_mm2[:, phase].sum())
        if abs(total - other) > _LARGEST_DISAGREEMENT_PERCENT / 100 * max(total, other):
            found.append(
                f"the two area estimates disagree at {name}: {total / 100:.0f} cm2 and "
                f"{other / 100:.0f} cm2 over all slices"
            )
        found += [
            f"slice {z + 1} at {name}: {areas_mm2[z, phase]:.0f} mm2 is far below both neighbours"
            for z in _dips(areas_mm2[:, phase])
        ]
    for z, place in ((0, "first"), (-1, "last")):
        if areas_mm2[z, ed] > _END_SLICE_SHARE * areas_mm2[:, ed].max():
            found.append(
                f"the {place} slice still holds a large cavity at ED: "
                "the stack may end inside the LV"
            )
    if _ends_abruptly(areas_mm2[:, ed]):
        found.append(
            "the cavity ends abruptly at both ends at ED, with no taper to an apex: "
            "slices beyond may have been missed"
        )
    middle = len(rois.squares) // 2
    if rois.found_by is FoundBy.DENSE_SCAN:
        found.append(
            "nothing that the detector proposed looks like an LV: "
            f"the square of slice {rois.start + 1} comes from a search of every place"
        )
    elif rois.start != middle:
        found.append(
            f"nothing in the middle slice, {middle + 1}, looks like an LV: "
            f"the search began in slice {rois.start + 1}"
        )
    doubtful = rois.kept & (areas_mm2[:, ed] > _NOTABLE_AREA_MM2)
    if doubtful.any():
        slices = ", ".join(str(z + 1) for z in np.flatnonzero(doubtful))
        found.append(f"slices {slices}: no window looks like an LV, yet an area was found")
    cut_off = (_outside_shares(rois.squares, field_mm) > _LARGEST_SHARE_OUTSIDE) & (
        areas_mm2[:, ed] > _NOTABLE_AREA_MM2
    )
    if cut_off.any():
        slices = ", ".join(str(z + 1) for z in np.flatnonzero(cut_off))
        found.append(f"slices {slices}: the ROI reaches beyond the image, which may cut off the LV")
    return tuple(found)


def _outside_shares(squares: Float64, field_mm: tuple[float, float]) -> Float64:
    """Return the share of each square that lies outside the image."""
    ends = np.minimum(squares[:, :2] + squares[:, 2:], field_mm)
    inside = np.clip(ends - np.maximum(squares[:, :2], 0.0), 0.0, None).prod(axis=1)
    return np.asarray(1.0 - inside / squares[:, 2] ** 2)


def _dips(areas_mm2: Float64) -> list[int]:
    """Return the slices that hold less than half of either neighbour: a cavity has no such gap."""
    lower_neighbour = np.minimum(areas_mm2[:-2], areas_mm2[2:])
    dips = (lower_neighbour > _NOTABLE_AREA_MM2) & (areas_mm2[1:-1] < lower_neighbour / 2)
    return [int(z) for z in np.flatnonzero(dips) + 1]


def _ends_abruptly(areas_mm2: Float64) -> bool:
    """Tell whether the cavity falls from large to nothing on both sides of its slices."""
    largest = areas_mm2.max()
    held = np.flatnonzero(areas_mm2 >= _TRACE_SHARE * largest)
    first, last = int(held[0]), int(held[-1])
    if largest <= 0 or first == 0 or last == len(areas_mm2) - 1:
        return False
    return bool(min(areas_mm2[first], areas_mm2[last]) > _LARGE_SHARE * largest)
