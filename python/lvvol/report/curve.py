"""The volume of every phase as a curve, in SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lvvol.prediction import Prediction
from lvvol.quantities import phase_times_ms
from lvvol.typing import Float64

WIDTH, HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 40, 44


@dataclass(frozen=True)
class Curve:
    """A drawn curve.

    Parameters
    ----------
    svg : str
        The picture, coloured by the classes of the page's style sheet.
    xs : list of float
        Place of each phase along the picture, for a cursor.
    """

    svg: str
    xs: list[float]


def draw_curve(prediction: Prediction) -> Curve:
    """Draw the volume-time curve with ED and ES.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.

    Returns
    -------
    Curve
        Over the time after the R wave, or over phases where times are unknown.
    """
    volumes_ml = prediction.volumes_ml
    times_ms = phase_times_ms(prediction.stack)
    across = np.arange(1.0, len(volumes_ml) + 1) if times_ms is None else times_ms
    x_ticks, y_ticks = ticks(float(across[0]), float(across[-1]), 7), ticks(0, volumes_ml.max(), 5)
    x_from, x_to = min(float(across[0]), x_ticks[0]), float(across[-1])
    y_to = max(y_ticks[-1], float(volumes_ml.max()))
    xs = _LEFT + (across - x_from) / max(x_to - x_from, 1e-9) * (WIDTH - _LEFT - _RIGHT)
    floor = HEIGHT - _BOTTOM

    def height(value: float) -> float:
        return floor - value / max(y_to, 1e-9) * (floor - _TOP)

    parts = []
    for value in y_ticks:
        y = height(value)
        parts.append(f'<path class="rule" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}">{value:g}</text>')
    for value in x_ticks:
        x = _LEFT + (value - x_from) / max(x_to - x_from, 1e-9) * (WIDTH - _LEFT - _RIGHT)
        parts.append(f'<text class="tick low" x="{x:.1f}" y="{floor + 18}">{value:g}</text>')
    unit = "phase" if times_ms is None else "ms after the R wave"
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(f'<text class="axis" x="{middle}" y="{HEIGHT - 6}">{unit}</text>')
    parts.append(f'<text class="unit" x="{_LEFT - 8}" y="{_TOP - 24}">mL</text>')
    parts.append(f'<path class="cursor" id="cursor" d="M0 {_TOP}V{floor}" visibility="hidden"/>')
    points = " ".join(f"{x:.1f},{height(v):.1f}" for x, v in zip(xs, volumes_ml, strict=True))
    parts.append(f'<polyline class="volume" points="{points}"/>')
    for x, volume in zip(xs, volumes_ml, strict=True):
        parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{height(volume):.1f}" r="2.5"/>')
    for name, t, above in (("ED", prediction.ed_phase, True), ("ES", prediction.es_phase, False)):
        parts += _mark(name, float(xs[t]), height(float(volumes_ml[t])), above)
    label = (
        f"Volume of the left ventricle over the heart cycle: {prediction.edv_ml:.0f} mL at ED, "
        f"{prediction.esv_ml:.0f} mL at ES"
    )
    svg = (
        f'<svg class="curve" id="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{label}">{"".join(parts)}</svg>'
    )
    return Curve(svg, [round(float(x), 1) for x in xs])


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers within a range, at most so many.

    Examples
    --------
    >>> ticks(0, 193.4, 5)
    [0.0, 50.0, 100.0, 150.0]
    """
    span = high - low
    if not span > 0:
        return [low]
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * f for f in (1, 2, 5, 10) if power * f >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def _mark(name: str, x: float, y: float, above: bool) -> list[str]:
    """Mark a phase by a ring and its name, which stays within the picture."""
    anchor = "start" if x < _LEFT + 20 else "end" if x > WIDTH - _RIGHT - 20 else "middle"
    return [
        f'<circle class="{name.lower()}" cx="{x:.1f}" cy="{y:.1f}" r="5.5"/>',
        f'<text class="mark {name.lower()}" x="{x:.1f}" y="{y + (-11 if above else 21):.1f}" '
        f'text-anchor="{anchor}">{name}</text>',
    ]


def shade(areas_mm2: Float64) -> Float64:
    """Return areas as shares of the largest, 0 to 1; 0 where all are 0."""
    return np.asarray(areas_mm2 / max(float(areas_mm2.max()), 1e-9))
