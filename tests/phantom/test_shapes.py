"""Distances, coverage and paint."""

from __future__ import annotations

import numpy as np
import pytest

from lvvol.phantom.shapes import (
    Canvas,
    capsule,
    coverage,
    draw_field,
    ellipsoid,
    smooth_union,
)


def at(*places):
    return tuple(np.array(v, np.float32) for v in zip(*places, strict=True))


def test_ellipsoid_of_equal_radii_is_a_sphere():
    points = at((1, 2, 3), (4, 2, 3), (1, 2, 13), (1, 9, 3))
    assert ellipsoid(points, (1, 2, 3), (5, 5, 5)) == pytest.approx([-5, -2, 5, 2], abs=1e-5)


def test_ellipsoid_is_exact_to_first_order_at_its_surface():
    # On the axes of the ellipsoid the distance of a point just off the surface is plain.
    points = at((10.1, 0, 0), (0, 19.9, 0), (0, 0, 40.2))
    assert ellipsoid(points, (0, 0, 0), (10, 20, 40)) == pytest.approx([0.1, -0.1, 0.2], abs=2e-3)


def test_capsule_measures_from_its_segment():
    points = at((5, 3, 0), (-4, 0, 3), (14, 0, 0), (5, 0, 0))
    assert capsule(points, (0, 0, 0), (10, 0, 0), 2.0) == pytest.approx([1, 3, 2, -2])


def test_smooth_union_only_adds_and_only_near_both():
    first, second = np.array([1.0, 0.0, -3.0]), np.array([1.0, 9.0, 2.0])
    joined = smooth_union(first, second, 4.0)
    assert joined == pytest.approx([0.0, 0.0, -3.0])


def test_coverage_of_a_straight_edge():
    distance = np.array([-2.0, -0.5, 0.0, 0.25, 3.0], np.float32)
    assert coverage(distance, 1.0) == pytest.approx([1.0, 1.0, 0.5, 0.25, 0.0])


def test_later_paint_covers_earlier():
    canvas = Canvas((1,))
    canvas.paint(np.array([0.5], np.float32), 8.0)
    canvas.paint(np.array([0.25], np.float32), 2.0)
    assert canvas.signal == pytest.approx([0.75 * 4.0 + 0.25 * 2.0])
    assert canvas.covered == pytest.approx([0.625])


def test_a_field_has_mean_0_and_variance_1():
    rng = np.random.default_rng(0)
    points = tuple(rng.uniform(-2000, 2000, 20000).astype(np.float32) for _ in range(3))
    values = draw_field(rng, 20.0, 8)(points)
    assert values.mean() == pytest.approx(0.0, abs=0.05)
    assert values.std() == pytest.approx(1.0, abs=0.05)
