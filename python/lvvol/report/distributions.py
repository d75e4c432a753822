"""How sure EDV, ESV and EF are: their predicted distributions, in SVG."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lvvol.prediction import Interval, Prediction
from lvvol.report.curve import ticks
from lvvol.report.text import format_interval, format_number
from lvvol.typing import Float64
from lvvol.volume import ejection_fraction_percent

WIDTH, HEIGHT = 640, 132
_LEFT, _RIGHT, _TOP, _FLOOR = 16, 16, 24, 88
_NOTABLE = 0.003
"""Density relative to the largest, below which the axis may end."""

_INSIDE = 0.4  # probability; half of it lies below 0 where ESV is 0

_SMOOTHING = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16  # of 1 %: the samples of EF are few


@dataclass(frozen=True, eq=False)
class _Hump:
    """The distribution of one quantity, by places along its axis, and what is stated of it."""

    name: str
    style: str
    places: Float64
    density: Float64
    value: float
    interval: Interval


def draw_distributions(prediction: Prediction) -> tuple[str, ...]:
    """Draw the distributions of EDV and ESV, and of EF.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.

    Returns
    -------
    tuple of str
        Two pictures, coloured by the classes of the page's style sheet: volumes in mL and EF in
        percent, each with the value as a line and the interval as a bar. None without intervals.
    """
    found, cumulative = prediction.intervals, prediction.distribution()
    if found is None or cumulative is None:
        return ()
    between_ml = np.arange(1, cumulative.shape[1], dtype=np.float64) - 0.5
    edv, esv = np.diff(cumulative, axis=1)
    ef = _shares(ejection_fraction_percent(*found.joint.samples()))
    volumes = [
        _Hump("ESV", "es", between_ml, esv, prediction.esv_ml, found.esv_interval_ml),
        _Hump("EDV", "ed", between_ml, edv, prediction.edv_ml, found.edv_interval_ml),
    ]
    percent = np.arange(101, dtype=np.float64)
    fractions = [_Hump("EF", "ef", percent, ef, prediction.ef_percent, found.ef_interval_percent)]
    # Volumes beyond the 599 mL of the distribution have nothing to draw.
    shown = (
        [hump for hump in humps if hump.density.sum() > _INSIDE] for humps in (volumes, fractions)
    )
    return tuple(
        _draw(humps, unit) for humps, unit in zip(shown, ("mL", "%"), strict=True) if humps
    )


def _shares(percent: Float64) -> Float64:
    """Return the share of samples around each whole number from 0 to 100."""
    counts = np.histogram(percent, np.arange(-0.5, 101.5))[0] / max(len(percent), 1)
    return np.convolve(counts, _SMOOTHING, mode="same")


def _draw(humps: list[_Hump], unit: str) -> str:
    """Draw distributions over one axis, each as high as the picture, since widths say it all."""
    reach = np.concatenate(
        [[*hump.interval, *hump.places[_notable(hump)][[0, -1]]] for hump in humps]
    )
    low, high = float(np.floor(reach.min())), float(np.ceil(reach.max())) + 1.0

    def across(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * (WIDTH - _LEFT - _RIGHT)

    parts = [f'<path class="rule" d="M{_LEFT} {_FLOOR}H{WIDTH - _RIGHT}"/>']
    for value in ticks(low, high, 8):
        x = across(value)
        parts.append(f'<text class="tick low" x="{x:.1f}" y="{HEIGHT - 8}">{value:g}</text>')
    parts.append(f'<text class="tick" x="{WIDTH - 2}" y="{HEIGHT - 8}">{unit}</text>')
    for row, hump in enumerate(humps):
        heights = hump.density / hump.density.max() * (_FLOOR - _TOP)
        shown = _notable(hump)
        xs = [across(place) for place in hump.places[shown]]
        points = "".join(
            f"L{x:.1f} {_FLOOR - up:.1f}" for x, up in zip(xs, heights[shown], strict=True)
        )
        outline = f"M{xs[0]:.1f} {_FLOOR}{points}L{xs[-1]:.1f} {_FLOOR}Z"
        x, (first, last) = across(hump.value), map(across, hump.interval)
        y = _FLOOR + 8 + 9 * row
        parts.append(f'<path class="density {hump.style}" d="{outline}"/>')
        parts.append(f'<path class="value {hump.style}" d="M{x:.1f} {_TOP - 8}V{_FLOOR}"/>')
        parts.append(f'<path class="span {hump.style}" d="M{first:.1f} {y}H{last:.1f}"/>')
        # ESV is the smaller: its name goes to the left, so that the two never meet.
        side, shift = ("end", -5) if hump.name == "ESV" else ("start", 5)
        parts.append(
            f'<text class="mark {hump.style}" x="{x + shift:.1f}" y="{_TOP - 4}" '
            f'text-anchor="{side}">{hump.name}</text>'
        )
    label = "; ".join(
        f"{hump.name} {format_number(hump.value)} {unit} {format_interval(hump.interval)}"
        for hump in humps
    )
    return (
        f'<svg class="curve distribution" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Predicted distribution: {label}">{"".join(parts)}</svg>'
    )


def _notable(hump: _Hump) -> slice:
    """Return the part of a distribution that is not almost impossible."""
    likely = np.flatnonzero(hump.density > _NOTABLE * hump.density.max())
    return slice(int(likely[0]), int(likely[-1]) + 1)
