"""Distances, coverage and painting."""

from __future__ import annotations

import numpy as np
import pytest

from lvvol.phantom.body.shapes import (
    Canvas,
    Grid,
    Profile,
    capsule,
    coverage,
    draw_field,
    ellipsoid,
    oval,
    smooth_cut,
    smooth_union,
)


def at(*places):
    return tuple(np.array(v, np.float32) for v in zip(*places, strict=True))


def test_ellipsoid_of_equal_radii_is_a_sphere():
    points = at((1, 2, 3), (4, 2, 3), (1, 2, 13), (1, 9, 3))
    assert ellipsoid(points, (1, 2, 3), (5, 5, 5)) == pytest.approx([-5, -2, 5, 2], abs=1e-5)


def test_ellipsoid_is_exact_to_first_order_at_its_surface():
    # On the ellipsoid's axes, the distance of a point near the surface is known.
    points = at((10.1, 0, 0), (0, 19.9, 0), (0, 0, 40.2))
    assert ellipsoid(points, (0, 0, 0), (10, 20, 40)) == pytest.approx([0.1, -0.1, 0.2], abs=2e-3)


def test_capsule_distance_is_from_its_segment():
    points = at((5, 3, 0), (-4, 0, 3), (14, 0, 0), (5, 0, 0))
    assert capsule(points, (0, 0, 0), (10, 0, 0), 2.0) == pytest.approx([1, 3, 2, -2])


def test_smooth_union_adds_only_near_both_solids():
    first, second = np.array([1.0, 0.0, -3.0]), np.array([1.0, 9.0, 2.0])
    joined = smooth_union(first, second, 4.0)
    assert joined == pytest.approx([0.0, 0.0, -3.0])


def test_coverage_of_a_straight_edge():
    distance = np.array([-2.0, -0.5, 0.0, 0.25, 3.0], np.float32)
    assert coverage(distance, 1.0) == pytest.approx([1.0, 1.0, 0.5, 0.25, 0.0])


def test_smooth_cut_removes_only_near_both_solids():
    first, second = np.array([1.0, 0.0, -3.0]), np.array([1.0, -9.0, 2.0])
    assert smooth_cut(first, second, 4.0) == pytest.approx([2.0, 0.0, 2.0])


def test_an_oval_lies_between_ellipse_and_rectangle():
    x, y = np.array([30.0, 0.0, 18.0, 30.0]), np.array([0.0, 25.0, 16.0, 20.0])
    distance = oval(x, y, np.float32(30.0), np.float32(20.0))
    # On its axes; inside the rectangle but outside the ellipse; at the rectangle's corner.
    assert distance[:2] == pytest.approx([0.0, 5.0], abs=1e-3)
    assert distance[2] < 0.0 < distance[3]


def test_a_profile_is_linear_between_its_heights_and_constant_beyond():
    profile = Profile((-10, 0, 20), (1.0, 2.0, 4.0))
    heights = np.array([-50, -10, -5, 0, 15, 20, 90], np.float32)
    assert profile(heights) == pytest.approx([1.0, 1.0, 1.5, 2.0, 3.5, 4.0, 4.0])


def test_later_paint_covers_earlier():
    canvas = Canvas(at((0, 0, 0)))
    canvas.paint(np.array([0.5], np.float32), 8.0)
    canvas.paint(np.array([0.25], np.float32), 2.0)
    assert canvas.signal == pytest.approx([0.75 * 4.0 + 0.25 * 2.0])
    assert canvas.covered == pytest.approx([0.625])


def test_a_part_of_a_canvas_paints_only_its_samples():
    canvas = Canvas(at((0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0)))
    with canvas.part(canvas.points[0] > 0.5) as right, right.part(right.points[0] > 1.5) as end:
        assert end.where.tolist() == [2, 3]
        end.paint(np.array([1.0, 0.5], np.float32), 4.0)
    assert canvas.signal.tolist() == [0.0, 0.0, 4.0, 2.0]
    assert canvas.covered.tolist() == [0.0, 0.0, 1.0, 0.5]


GRID = Grid(
    np.array([[0.0, 2.0, 0.0, 5.0], [0.0, 0.0, 3.0, 6.0], [4.0, 0.0, 0.0, 7.0]]), (2, 5, 40)
)


def test_a_grid_can_be_cropped_and_scaled_and_has_a_middle():
    x, y, z = GRID.points()
    assert (x[1, 2, 3], y[1, 2, 3], z[1, 2, 3]) == (9.0, 15.0, 11.0)
    part = GRID.cropped(slice(1, 4), slice(2, 40)).points()
    assert all((a == b[:, 1:4, 2:]).all() for a, b in zip(part, (x, y, z), strict=True))
    scaled = GRID.scaled((1.0, 2.0, 0.5), (0.0, 1.0, -1.0)).points()
    assert all((a == b).all() for a, b in zip(scaled, (x, 2 * y + 1, z / 2 - 1), strict=True))
    assert GRID.middle().shape == (1, 5, 40)
    assert (GRID.middle().points()[2] == 9.0).all()


def test_a_field_is_the_sum_of_its_waves():
    field = draw_field(np.random.default_rng(0), (20.0, 30.0, 50.0), 7)
    place = np.stack(GRID.points(), axis=-1).astype(np.float64)
    waves = np.cos(place @ field.waves_per_mm.T + field.phases)
    assert field(GRID) == pytest.approx(waves.sum(axis=-1) * np.sqrt(2 / 7), abs=1e-5)
    turned = np.cos(place @ field.waves_per_mm.T + field.phases + 0.5)
    assert field.turned(0.5)(GRID) == pytest.approx(turned.sum(axis=-1) * np.sqrt(2 / 7), abs=1e-5)


def test_a_field_has_mean_0_and_variance_1():
    rng = np.random.default_rng(0)
    grid = Grid(np.diag([197.0, 31.0, 17.0, 0.0])[:3], (20, 50, 50))
    values = draw_field(rng, 20.0, 8)(grid)
    assert values.mean() == pytest.approx(0.0, abs=0.05)
    assert values.std() == pytest.approx(1.0, abs=0.05)
