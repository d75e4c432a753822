"""Closed forms of the LV, compared with hand calculation and brute force."""

from __future__ import annotations

import numpy as np
import pytest

from lvvol.phantom.body.anatomy import TruncatedEllipsoid, beating_ventricle, contraction_curve
from lvvol.phantom.body.heart import Bend
from lvvol.volume import cone_volume_ml

RADII = (24.0, 26.0, 60.0)
SOLID = TruncatedEllipsoid(RADII, centre_mm=65.0, base_mm=92.0)


@pytest.mark.parametrize(
    ("base_mm", "expected_ml"),
    [
        (65.0, 2.0 / 3.0 * np.pi * 24 * 26 * 60 / 1000),  # half
        (125.0, 4.0 / 3.0 * np.pi * 24 * 26 * 60 / 1000),  # whole
    ],
)
def test_volume_of_half_and_whole_ellipsoid(base_mm, expected_ml):
    assert TruncatedEllipsoid(RADII, 65.0, base_mm).volume_ml == pytest.approx(expected_ml)


def test_area_of_a_sphere_by_pythagoras():
    sphere = TruncatedEllipsoid((30.0, 30.0, 30.0), centre_mm=40.0, base_mm=60.0)
    # The section of a sphere of radius 30 mm at 18 mm from its centre has a radius of 24 mm.
    areas = sphere.area_mm2([22.0, 58.0, 60.5, 9.0])
    assert areas == pytest.approx([576 * np.pi, 576 * np.pi, 0.0, 0.0])


@pytest.mark.parametrize("bent", [False, True])
def test_volume_and_areas_by_counting_lattice_points(bent):
    step = 0.5
    p, q = np.meshgrid(np.arange(-45, 45, step), np.arange(-45, 45, step), indexing="ij")
    bend = Bend((2.0, 1.7), (50.0, 60.0), (0.4, 2.0), 0.03, 6.0)
    levels = np.arange(0.25, 100, step)
    areas = []
    for level in levels:
        u = np.full_like(p, level)
        x, y, _ = bend((p, q, u), 92.0) if bent else (p, q, u)
        inside = (x / 24) ** 2 + (y / 26) ** 2 + ((u - 65) / 60) ** 2 <= 1
        areas.append((inside & (u <= 92)).sum() * step**2)
    # A 0.5 mm lattice counts the area of a circle of 25 mm to about 0.3 %.
    assert areas == pytest.approx(SOLID.area_mm2(levels), abs=8.0)
    assert sum(areas) * step / 1000 == pytest.approx(SOLID.volume_ml, rel=1e-3)


def test_eq_3_converges_to_the_closed_form_for_dense_slices():
    errors = []
    for gap in (8.0, 2.0, 0.25):
        levels = np.arange(0.0, 100.0, gap)
        volume = cone_volume_ml(SOLID.area_mm2(levels), levels)
        errors.append(abs(float(volume) - SOLID.volume_ml))
        # Eq. 3 does not know the position of the base between two slices: its error is at most two
        # thirds of the basal area times the gap there, and far less elsewhere.
        assert errors[-1] < 0.7 * float(SOLID.area_mm2(92.0)) * gap / 1000
    assert errors[2] < 0.005 * SOLID.volume_ml


@pytest.mark.parametrize("n_phases", [2, 3, 20, 30])
def test_contraction_is_lowest_at_ed_only_and_highest_at_es_only(n_phases):
    es_phase = max(1, round(0.36 * n_phases))
    curve = contraction_curve(n_phases, es_phase)
    assert curve[0] == 0.0
    assert curve[es_phase] == 1.0
    others = np.delete(curve, [0, es_phase])
    assert ((others > 0) & (others < 1)).all()


def test_contraction_keeps_muscle_volume_thickens_the_wall_and_lowers_the_base():
    volumes = np.array([150.0, 100.0, 60.0, 120.0])
    beat = beating_ventricle(
        volumes, length_mm=90.0, shortening=0.15, wall_mm=9.0, eccentricity=1.04
    )
    assert [lv.cavity.volume_ml for lv in beat] == pytest.approx(volumes)
    muscle = [lv.epicardium.volume_ml - lv.cavity.volume_ml for lv in beat]
    assert muscle == pytest.approx([muscle[0]] * 4)
    wall = [lv.epicardium.radii_mm[0] - lv.cavity.radii_mm[0] for lv in beat]
    assert wall[0] == pytest.approx(9.0)
    assert wall[2] > wall[1] > wall[3] > wall[0]
    assert beat[2].cavity.base_mm < beat[0].cavity.base_mm - 5.0
    length = beat[2].cavity.base_mm - (beat[2].cavity.centre_mm - beat[2].cavity.radii_mm[2])
    assert length == pytest.approx(90.0 * 0.85)
    assert beat[0].cavity.radii_mm[0] / beat[0].cavity.radii_mm[1] == pytest.approx(1.04)
    assert [lv.contraction for lv in beat] == pytest.approx([0.0, 5 / 9, 1.0, 1 / 3])
