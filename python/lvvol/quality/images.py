"""Checks of the images: noise, blur, ghosts, and grey values that jump between phases.

Figures come from 348 training and validation patients and from the five real studies and four
phantoms, untouched and spoiled.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lvvol.cine import CineStack
from lvvol.quality.roi import window_of
from lvvol.roi import Rois
from lvvol.status import Code, Reason
from lvvol.typing import Float32, Float64

MAX_NOISE = 0.028
"""Noise by the contrast in the ROI: at most 0.022 in patients. Volumes fall by 15 % or more from
about 0.03 on."""

MAX_EDGE_MM = 9.6
"""Width of the sharpest edges in the ROI: at most 9.4 mm in patients; 9.8 mm or more after a blur
by two pixels, which makes ESV up to 40 % larger."""

MAX_GHOST = 0.2
"""Strength of a copy of the image within it: at most 0.09 in patients; above 0.5 for a copy of
15 %."""

MAX_JUMP = 0.08
"""Difference of an image's mean rank from the median over phases: at most 0.05 in patients."""

_CAVITY = 0.3
"""Area relative to the largest, above which a slice's ROI shows walls and blood on every side."""

_SMOOTHING = np.exp(-0.5 * np.arange(-3.0, 4.0) ** 2).astype(np.float32)
_SMOOTHING /= _SMOOTHING.sum()
_MIN_WINDOW = 20
_LEAST_CONTRAST = 0.01
_PHASES, _SLICES = 2, 5
_GHOST_SHIFTS = (0.15, 0.5)
_TREND_DEGREE = 6


def check_sharpness(working: CineStack, rois: Rois, ed_areas_mm2: Float64) -> list[Reason]:
    """Check noise and blur in the ROIs with a notable cavity (`MAX_NOISE`, `MAX_EDGE_MM`)."""
    measured = [
        noise_and_edge(window)
        for z in np.flatnonzero(ed_areas_mm2 > _CAVITY * ed_areas_mm2.max())
        for window in _few(
            window_of(working.images[z], rois.squares_mm[z], working.pixel_spacing_mm), _PHASES
        )
        if min(window.shape) >= _MIN_WINDOW and np.ptp(window) > _LEAST_CONTRAST
    ]
    if not measured:
        return []
    noise, edge_mm = np.median(measured, axis=0)
    reasons = []
    if noise > MAX_NOISE:
        text = (
            f"The images are noisy: noise is {100 * noise:.1f} % of the contrast around the LV, "
            f"above {100 * MAX_NOISE:.1f} %. Volumes are likely too small; check the contours."
        )
        reasons.append(Reason(Code.NOISY, text))
    if edge_mm > MAX_EDGE_MM:
        text = (
            f"The images are blurred: edges around the LV are {edge_mm:.1f} mm wide, above "
            f"{MAX_EDGE_MM:.1f} mm. ESV is likely too large; check the contours at ES."
        )
        reasons.append(Reason(Code.BLURRED, text))
    return reasons


def noise_and_edge(window: Float32) -> tuple[float, float]:
    """Measure the noise of an image relative to its contrast, and the width of its edges.

    Parameters
    ----------
    window : ndarray of float32, shape (row, column)
        Pixels of 1 mm; at least 20 rows and columns.

    Returns
    -------
    noise : float
        Standard deviation by the contrast between percentiles 5 and 95, from second differences in
        both directions (Immerkaer, Computer Vision and Image Understanding 64:300, 1996), as a
        median that edges do not change.
    edge_mm : float
        That contrast by the gradient at percentile 95, after smoothing by 1 mm.
    """
    low, high = _percentiles(window, (5.0, 95.0))
    contrast = float(high - low) + 1e-3
    second = np.diff(np.diff(window, n=2, axis=0), n=2, axis=1)
    # 6: root of the sum of squared weights; 0.6745: median of |x| for a normal x.
    noise = float(_percentiles(np.abs(second), (50.0,))[0]) / 0.6745 / 6
    smooth = _smoothed(_smoothed(window).T)
    down, right = np.gradient(smooth)
    steepest = float(_percentiles(np.sqrt(down**2 + right**2), (95.0,))[0]) + 1e-6
    return noise / contrast, contrast / steepest


def _percentiles(values: Float32, percents: Sequence[float]) -> Float64:
    """Return what `np.percentile` does; for few values a whole sort is several times as fast."""
    ordered = np.sort(values, axis=None)
    places = np.multiply(percents, (ordered.size - 1) / 100)
    found: Float64 = np.interp(places, np.arange(ordered.size), ordered)
    return found


def _smoothed(image: Float32) -> Float32:
    """Return an image smoothed along its rows by a Gaussian of 1 pixel; 6 columns are lost."""
    length = image.shape[1] - len(_SMOOTHING) + 1
    return sum(
        (w * image[:, i : i + length] for i, w in enumerate(_SMOOTHING)),
        np.zeros((len(image), length), np.float32),
    )


def check_ghosts(working: CineStack, ed_phase: int) -> list[Reason]:
    """Check that images do not hold shifted copies of themselves (`MAX_GHOST`)."""
    images = np.stack(_few(working.images[:, ed_phase], _SLICES))
    for axis, direction in ((1, "top to bottom"), (2, "left to right")):
        strength, shift = ghost(np.moveaxis(images, axis, -1))
        if strength > MAX_GHOST:
            shift_mm = shift * images.shape[axis] * working.pixel_spacing_mm[axis - 1]
            text = (
                f"The images hold ghosts: a copy of the image lies {shift_mm:.0f} mm beside it, "
                f"{direction}. Check the contours."
            )
            return [Reason(Code.GHOSTS, text)]
    return []


def ghost(images: Float32) -> tuple[float, float]:
    """Measure the strength of copies of images along their last axis.

    Parameters
    ----------
    images : ndarray of float32, shape (n, row, column)
        Images of one size.

    Returns
    -------
    strength : float
        Largest coefficient of the cepstrum, the Fourier series of the log power spectrum without
        its trend: about 2a for a copy of relative strength a (Bogert, Healy and Tukey, 1963).
    shift : float
        Of that copy, 0.15 to 0.5 of a row's length.
    """
    length = images.shape[-1]
    centred = images - images.mean(axis=-1, keepdims=True)
    power = (np.abs(np.fft.rfft(centred, axis=-1)) ** 2).mean(axis=(0, 1))
    # High frequencies hold noise or nothing.
    k = np.arange(1, max(len(power) * 3 // 5, 2))
    log_power = np.log(power[k] + 1e-9 * power.max() + 1e-30)
    trend = np.polynomial.polynomial.polyvander(np.log(k), min(_TREND_DEGREE, len(k) - 1))
    residual = log_power - trend @ np.linalg.lstsq(trend, log_power, rcond=None)[0]
    low, high = _GHOST_SHIFTS
    shifts = np.arange(max(1, int(low * length)), int(high * length) + 1)
    waves = np.cos(2 * np.pi * np.outer(shifts, k) / length)
    cepstrum = np.abs(waves @ residual) * 2 / len(k)
    largest = int(cepstrum.argmax())
    return float(cepstrum[largest]), float(shifts[largest] / length)


def check_grey_values(working: CineStack, excluded: Sequence[int] = ()) -> list[Reason]:
    """Check that no image is much brighter or darker than the slice's others (`MAX_JUMP`).

    Slices that are left out, from 0, do not matter.
    """
    means = working.images[:, :, ::4, ::4].mean(axis=(2, 3))
    jumps = np.abs(means - np.median(means, axis=1, keepdims=True))
    jumps[list(excluded)] = 0.0
    if jumps.max() <= MAX_JUMP:
        return []
    z, t = np.unravel_index(jumps.argmax(), jumps.shape)
    text = (
        f"Grey values jump between phases, most in slice {z + 1} at phase {t + 1}: an image is "
        "damaged, or its Rescale Slope is wrong. Check it (lvvol inspect --png)."
    )
    return [Reason(Code.GREY_VALUES_JUMP, text)]


def _few(images: Float32, count: int) -> list[Float32]:
    """Return up to `count` images, evenly spaced along the first axis."""
    chosen = np.unique(np.linspace(0, len(images) - 1, count).round().astype(int))
    return [images[i] for i in chosen]
