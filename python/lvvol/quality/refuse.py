"""Refusals: inputs and findings from which no volume should follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lvvol.cine import CineStack
from lvvol.errors import ImageSizeError, NoMotionError, RoiNotFoundError
from lvvol.motion import change_over_cycle, coherence, growth_over_cycle
from lvvol.quality.cavity import PLAUSIBLE_EF_PERCENT
from lvvol.quality.roi import window_of
from lvvol.typing import Float32

if TYPE_CHECKING:
    from lvvol.prediction import Prediction

MIN_CHANGE = 0.03
"""Least change over the cycle, in the slice of most change; 0.19 or more in 324 patients."""

MIN_GROWTH = 1.25
"""Least growth of differences from successive phases to half a cycle: 1.01 at most for noise alone,
3.2 or more in the slice of most growth of the five real studies."""

MIN_GROWTH_PHASES = 8
"""Phases below which half a cycle is too few steps to tell motion from noise by growth."""

MIN_COHERENCE = 0.42
"""Least share of the change that pixels within 12 mm have in common, median over slices, in studies
of fewer phases: 0.53 or more in 74 patients' pairs of ED and ES, up to 0.37 for one image with new
noise at each phase, on pixels of 1.5 to 4 mm."""

MIN_EDV_ML = 1.0
"""Below the EDV of any heart: a newborn's is about 5 mL."""

MIN_FIELD_MM = 100.0
"""Longer side of an image below which no heart fits, with the chest wall and lung around it."""


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
    """Refuse a ventricle that does not beat (`MIN_CHANGE`, `MIN_GROWTH`, `MIN_COHERENCE`).

    Images that change by noise alone are refused only if EF is implausibly small as well: phases in
    a wrong order look like noise, and noise may hide motion, but volumes can still be right.

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
        if (window := window_of(images, square_mm, prediction.stack.pixel_spacing_mm)).size
    ]
    if not windows:
        return
    if max(change_over_cycle(window) for window in windows) < MIN_CHANGE:
        raise NoMotionError(
            "stack: expected a beating heart, found images that do not change over the cycle where "
            "the LV is; check that the phases are those of a cine (lvvol inspect --png)"
        )
    still = prediction.edv_ml > 0 and prediction.ef_percent < PLAUSIBLE_EF_PERCENT[0]
    if still and _changes_by_noise(windows):
        raise NoMotionError(
            "stack: expected a beating heart, found phases that differ by noise alone where the LV "
            "is; check that they are those of a cine (lvvol inspect --png)"
        )


def _changes_by_noise(windows: list[Float32]) -> bool:
    """Whether regions change by noise alone over the cycle."""
    if len(windows[0]) >= MIN_GROWTH_PHASES:
        return max(growth_over_cycle(window) for window in windows) < MIN_GROWTH
    return bool(np.median([coherence(window) for window in windows]) < MIN_COHERENCE)
