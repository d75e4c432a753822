"""`_core.contour_coverage` against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvvol import _core


def shoelace(points):
    r, c = points.T
    return 0.5 * abs(r @ np.roll(c, -1) - c @ np.roll(r, -1))


def star(corners, seed, centre, radius):
    """Return a polygon that does not cross itself: corners in order of angle round a centre."""
    rng = np.random.default_rng(seed)
    # Equal sectors with one corner each, so that no sector spans half a turn.
    angles = 2 * np.pi * (np.arange(corners) + rng.uniform(0, 0.9, corners)) / corners
    radii = radius * rng.uniform(0.3, 1, corners)
    return np.column_stack([centre[0] + radii * np.sin(angles), centre[1] + radii * np.cos(angles)])


polygons = st.builds(
    star,
    st.integers(5, 40),
    st.integers(0, 2**31),
    st.tuples(st.floats(20, 30), st.floats(20, 30)),
    st.floats(0.1, 18),
)


@given(polygons)
def test_the_area_is_the_polygons(points):
    coverage = _core.contour_coverage(points, (50, 50))
    assert coverage.min() >= 0
    assert coverage.max() <= 1
    assert coverage.sum(dtype=np.float64) == pytest.approx(shoelace(points), rel=1e-5, abs=1e-5)


@given(polygons, st.integers(0, 40))
def test_direction_and_first_point_play_no_part(points, shift):
    expected = _core.contour_coverage(points, (50, 50))
    for same in (points[::-1].copy(), np.roll(points, shift, axis=0)):
        np.testing.assert_allclose(_core.contour_coverage(same, (50, 50)), expected, atol=1e-6)


@given(polygons, st.integers(-30, 30), st.integers(-30, 30))
def test_what_lies_outside_is_cut_off(points, down, right):
    # Moved by whole pixels, the same coverage shows through another window of the plane.
    whole = np.zeros((130, 130), np.float32)
    whole[40:90, 40:90] = _core.contour_coverage(points, (50, 50))
    moved = _core.contour_coverage(points + np.array([down, right]), (50, 50))
    expected = whole[40 - down : 90 - down, 40 - right : 90 - right]
    np.testing.assert_allclose(moved, expected, atol=1e-6)


@settings(max_examples=20)
@given(polygons)
def test_every_pixel_agrees_with_counting_points_in_it(points):
    # 40 x 40 points a pixel, each inside where a ray to the right crosses the outline an odd number
    # of times; the outline crosses some 160 of 1600 point cells, each wrong by at most a half.
    fine = 40
    r = (np.arange(50 * fine) + 0.5) / fine
    inside = np.zeros((50 * fine, 50 * fine), bool)
    for a, b in zip(points, np.roll(points, -1, axis=0), strict=True):
        for row in np.flatnonzero((a[0] <= r) != (b[0] <= r)):
            column = a[1] + (b[1] - a[1]) * (r[row] - a[0]) / (b[0] - a[0])
            inside[row, r < column] ^= True
    expected = inside.reshape(50, fine, 50, fine).mean(axis=(1, 3))
    np.testing.assert_allclose(_core.contour_coverage(points, (50, 50)), expected, atol=0.06)


def test_a_triangle_by_hand():
    # The hypotenuse cuts pixel (0, 0) and (1, 1) in half along r + c = 1 and so on.
    coverage = _core.contour_coverage(np.array([[0.0, 0], [2, 0], [0, 2]]), (2, 3))
    np.testing.assert_allclose(coverage, [[1, 0.5, 0], [0.5, 0, 0]], atol=1e-7)


def test_a_circle_has_its_area():
    angles = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    points = np.column_stack([30.3 + 20 * np.sin(angles), 28.7 + 20 * np.cos(angles)])
    area = _core.contour_coverage(points, (60, 60)).sum(dtype=np.float64)
    assert area == pytest.approx(np.pi * 400, rel=1e-5)


def test_the_outline_of_whole_pixels_is_exact():
    points = np.array([[2.0, 3], [2, 7], [5, 7], [5, 3]])
    expected = np.zeros((8, 9), np.float32)
    expected[2:5, 3:7] = 1
    np.testing.assert_array_equal(_core.contour_coverage(points, (8, 9)), expected)


def test_crossing_outlines_follow_the_documented_rule():
    # Wound twice round the same square: cut at 1.
    square = np.array([[1.0, 1], [1, 3], [3, 3], [3, 1]])
    twice = _core.contour_coverage(np.concatenate([square, square]), (4, 4))
    np.testing.assert_allclose(twice, _core.contour_coverage(square, (4, 4)), atol=1e-6)
    # A figure of eight: both halves count, each in its own pixels.
    eight = np.array([[0.0, 0], [2, 0], [0, 4], [2, 4]])
    assert _core.contour_coverage(eight, (2, 4)).sum() == pytest.approx(4)


def test_points_on_one_line_cover_nothing():
    line = np.array([[0.0, 0], [3, 3], [1.5, 1.5]])
    np.testing.assert_array_equal(_core.contour_coverage(line, (4, 4)), 0)


@pytest.mark.parametrize(
    ("points", "shape", "error", "words"),
    [
        (np.zeros((2, 2)), (4, 4), ValueError, "points.*at least 3"),
        (np.zeros((0, 2)), (4, 4), ValueError, "points.*at least 3"),
        (np.zeros((4, 3)), (4, 4), ValueError, r"points.*\(4, 3\)"),
        (np.zeros((4, 2), np.float32), (4, 4), TypeError, "points.*float32"),
        (np.full((4, 2), np.nan), (4, 4), ValueError, "points.*finite"),
        (np.full((4, 2), np.inf), (4, 4), ValueError, "points.*finite"),
        (np.zeros((2, 4)).T, (4, 4), ValueError, "points.*contiguous"),
        (np.zeros((4, 2)), (-1, 4), ValueError, "shape.*-1"),
        (np.zeros((4, 2)), (2**40, 2**40), ValueError, "shape"),
        ([[0, 0], [1, 1], [0, 1]], (4, 4), TypeError, "points.*list"),
    ],
)
def test_bad_arguments_are_named(points, shape, error, words):
    with pytest.raises(error, match=words):
        _core.contour_coverage(points, shape)
