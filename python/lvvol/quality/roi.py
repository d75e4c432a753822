"""Checks of the ROIs: how they were found and where they lie."""

from __future__ import annotations

import numpy as np

from lvvol.cine import CineStack
from lvvol.quality.cavity import NOTABLE_AREA_MM2
from lvvol.roi import LOWEST_BEATING, Beating, FoundBy, Rois
from lvvol.status import Code, Reason
from lvvol.typing import Bool, Float32, Float64

MAX_OUTSIDE = 0.1
"""Share of an ROI outside the image, above which the cavity may be cut off."""


def check_search(rois: Rois) -> list[Reason]:
    """Check that the search for the LV began in the middle slice, with the detector's proposal."""
    middle = len(rois.squares_mm) // 2
    if rois.found_by is FoundBy.DENSE_SCAN:
        text = (
            "Nothing that the detector proposed looks like an LV: the ROI of slice "
            f"{rois.start + 1} comes from a search of every place. Check that it holds the LV."
        )
        return [Reason(Code.ROI_DOUBTFUL, text)]
    if rois.start != middle:
        text = (
            f"Nothing in the middle slice, {middle + 1}, looks like an LV: the search began in "
            f"slice {rois.start + 1}. Check that the ROIs hold the LV."
        )
        return [Reason(Code.ROI_DOUBTFUL, text)]
    return []


def check_beating(working: CineStack, rois: Rois) -> list[Reason]:
    """Check that the slices in which a window looks like an LV beat (`LOWEST_BEATING`)."""
    if Beating(working).typical(rois.squares_mm, ~rois.kept) >= LOWEST_BEATING:
        return []
    text = (
        "The ROIs hardly change over the cycle, other places in their slices much more: they may "
        "show something beside the heart. Check that they hold the LV."
    )
    return [Reason(Code.ROI_DOUBTFUL, text)]


def check_scores(rois: Rois, ed_areas_mm2: Float64) -> list[Reason]:
    """Check that no notable area comes from a slice in which no window looks like an LV."""
    doubtful = rois.kept & (ed_areas_mm2 > NOTABLE_AREA_MM2)
    if not doubtful.any():
        return []
    text = (
        f"In slices {_listed(doubtful)} no window looks like an LV, yet a cavity was found. Check "
        "its contours."
    )
    return [Reason(Code.ROI_DOUBTFUL, text)]


def check_field(rois: Rois, ed_areas_mm2: Float64, field_mm: tuple[float, float]) -> list[Reason]:
    """Check that no ROI with a notable area reaches beyond the image (`MAX_OUTSIDE`)."""
    squares_mm = rois.squares_mm
    ends_mm = np.minimum(squares_mm[:, :2] + squares_mm[:, 2:], field_mm)
    inside_mm2 = np.clip(ends_mm - np.maximum(squares_mm[:, :2], 0.0), 0.0, None).prod(axis=1)
    outside = 1.0 - inside_mm2 / squares_mm[:, 2] ** 2
    cut_off = (outside > MAX_OUTSIDE) & (ed_areas_mm2 > NOTABLE_AREA_MM2)
    if not cut_off.any():
        return []
    text = (
        f"In slices {_listed(cut_off)} the ROI reaches beyond the image, which may cut off the LV."
    )
    return [Reason(Code.ROI_CUT_OFF, text)]


def _listed(slices: Bool) -> str:
    """Return the numbers of the slices that are set, from 1."""
    return ", ".join(str(z + 1) for z in np.flatnonzero(slices))


def window_of(
    images: Float32, square_mm: Float64, pixel_spacing_mm: tuple[float, float]
) -> Float32:
    """Return the images of one slice within a square, in whole pixels."""
    (top, bottom), (left, right) = (
        np.rint(np.clip([start, start + square_mm[2]], 0, None) / pixel).astype(int)
        for start, pixel in zip(square_mm[:2], pixel_spacing_mm, strict=True)
    )
    return images[:, top:bottom, left:right]
