"""The torso around the heart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lvvol.phantom.body.shapes import Grid
from lvvol.phantom.body.tissue import BLOOD, LIVER
from lvvol.phantom.body.torso import draw_torso

AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
CORONAL = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0))


def painted(torso, origin, directions, shape, step_mm=2.0):
    """Signal on one plane: columns along the first direction, rows along the second."""
    columns, rows = (step_mm * np.array(d) for d in directions)
    matrix = np.stack([np.zeros(3), rows, columns, np.array(origin, float)], axis=1)
    return torso.paint(Grid(matrix, (1, *shape)), step_mm)[0]


@pytest.fixture(scope="module")
def torso():
    return draw_torso(np.random.default_rng(7))


def test_planes_agree_where_they_cross(torso):
    axial = painted(torso, (-200.0, -150.0, -70.0), AXIAL, (150, 200))
    coronal = painted(torso, (-200.0, 10.0, 130.0), CORONAL, (160, 200))
    # Row 80 of the axial plane is at y = 10, row 100 of the coronal plane at z = -70.
    assert axial[80].std() > 0.1
    assert axial[80] == pytest.approx(coronal[100], abs=2e-3)


def test_the_body_is_fat_around_muscle_around_organs(torso):
    axial = painted(torso, (-250.0, -150.0, -70.0), AXIAL, (150, 250))
    assert (axial[:, :4] == 0.0).all()  # air outside the arms
    assert (axial[:5] == 0.0).all()
    # From the front, in the right half: air, thin skin, fat, then liver.
    ray = axial[:, 90]
    skin = int(np.flatnonzero(ray)[0])
    assert (ray[skin + 2 : skin + 4] < -0.4).all()
    liver = ray[60:80]
    assert np.median(liver) == pytest.approx(LIVER, rel=0.1)
    assert axial[60:90, 100:116].max() == pytest.approx(0.95 * BLOOD, rel=0.05)  # vena cava


def test_arms_hang_beside_the_chest(torso):
    axial = painted(torso, (-250.0, 15.0, -20.0), AXIAL, (1, 250))[0]
    inside = np.flatnonzero(axial)
    reach = 2.0 * inside - 250.0
    assert reach.min() < -torso.half_width_mm - 30.0
    assert reach.max() > torso.half_width_mm + 30.0


def test_breasts_protrude_to_the_front():
    plain = replace(draw_torso(np.random.default_rng(3)), breast_mm=0.0)
    with_breasts = replace(plain, breast_mm=20.0)
    first, second = (
        painted(t, (-150.0, -170.0, 0.0), AXIAL, (100, 150)) for t in (plain, with_breasts)
    )
    more = (second != 0.0).sum(axis=0) - (first != 0.0).sum(axis=0)
    assert (more >= 0).all()
    assert more.max() * 2.0 > 8.0
    assert more[70:80].max() <= 2  # little over the breastbone
