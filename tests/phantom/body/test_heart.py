"""The beating heart."""

from __future__ import annotations

import numpy as np
import pytest

from lvvol.phantom.body.shapes import Grid
from lvvol.phantom.scanner.plan import draw_beating_heart


@pytest.fixture(scope="module")
def heart():
    return draw_beating_heart(np.random.default_rng(2), 20, 150.0, 60.0)


def short_axis(u_mm, n=70, step_mm=2.0):
    """Sample positions of a short-axis plane in heart coordinates."""
    low = -0.5 * step_mm * (n - 1)
    matrix = [[0, 0, step_mm, low + 15.0], [0, step_mm, 0, low], [0, 0, 0, u_mm]]
    grid = Grid(np.array(matrix, float), (1, n, n))
    x, y, z = (p.ravel() for p in grid.points())
    return grid, np.arange(n * n), (x, y, z)


@pytest.mark.parametrize("level", [0.4, 0.8, 1.2])
def test_the_cycle_is_smooth_and_closed(heart, level):
    place = short_axis(level * heart.phases[0].cavity.base_mm)
    signals = np.stack([heart.paint(*place, t, 2.0)[0].signal for t in range(20)])
    steps = np.abs(np.roll(signals, -1, axis=0) - signals).mean(axis=1)
    assert (steps > 0.0).all()  # blood moves even in diastasis
    assert steps[-1] <= steps[:-1].max()
    assert steps.max() < 0.35 * np.abs(signals).mean()


def test_papillary_muscles_are_dark_and_count_as_cavity(heart):
    canvas, cavity = heart.paint(*short_axis(0.5 * heart.phases[0].cavity.base_mm), 0, 2.0)
    within = canvas.signal[cavity == 1.0]
    muscle = within < 0.6
    assert 0.02 < muscle.mean() < 0.5
    area = cavity.sum() * 4.0
    u_mm = 0.5 * heart.phases[0].cavity.base_mm
    assert area == pytest.approx(float(heart.phases[0].cavity.area_mm2(u_mm)), rel=0.01)


def test_chambers_are_separated_by_walls(heart):
    ed = heart.phases[0]
    base, s = ed.cavity.base_mm, heart.scale
    along = np.linspace(0.0, 1.0, 400, dtype=np.float32)
    left, right = np.array([-4.0, 7.0]) * s, np.array([46.0, 20.0]) * s
    p, q = (a + (b - a) * along for a, b in zip(left, right, strict=True))
    even = np.zeros(400, np.float32)
    outer, inner = heart.chambers.distances(
        (p, q, np.full(400, np.float32(base + 20.0 * s))), s, ed, ed, even, even
    )
    assert inner[0] < -5.0  # blood in the left atrium
    assert inner[-1] < -5.0  # and in the right
    assert inner.max() > 0.0  # with a wall between them
    assert (outer < inner).all()
    assert outer.max() < 0.0  # and no gap
