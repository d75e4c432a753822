"""Contours of P against shapes whose areas are known, and areas against the contours."""

import numpy as np
import pytest

from lvvol.contours import areas_in_contours_mm2, enclosed_area, find_contours
from tests.support.discs import CENTRE_MM, ED_RADIUS_MM, disc_prediction


def contours_of(lv_probability, square):
    (found,) = find_contours(lv_probability[None], np.array([square]))
    return found


def shoelace(points):
    row, column = points.T
    return abs(np.dot(row, np.roll(column, 1)) - np.dot(column, np.roll(row, 1))) / 2


def half_plane(size=48):
    """P rises by 1/48 a column; it passes one half at the square's middle."""
    return np.tile((np.arange(size, dtype=np.float32) + 0.5) / size, (size, 1))


def random_maps(count, size=48):
    """Smooth at no scale, so that every way to pass a square of four nodes occurs."""
    return np.random.default_rng(3).random((count, size, size), dtype=np.float32)


def test_a_disc_s_contour_has_its_radius_everywhere_in_mm():
    prediction = disc_prediction()
    (contour,) = contours_of(prediction.lv_probability[0, 0], prediction.rois.squares_mm[0])
    radii = np.hypot(*(contour - CENTRE_MM).T)
    # A cell of P is 1.67 mm; a contour through cell centres would stray by half of that.
    assert np.abs(radii - ED_RADIUS_MM).max() < 0.25
    assert shoelace(contour) == pytest.approx(np.pi * ED_RADIUS_MM**2, rel=0.01)


def test_the_contour_runs_where_p_is_half_between_two_cells():
    (contour,) = contours_of(half_plane(), [10.0, 20.0, 48.0])
    # 1 mm a cell: P = 0.5 at column 24, which is 20 + 24 mm; closed along the far edge at 68 mm.
    assert contour[:, 1].min() == pytest.approx(44.0, abs=1e-5)
    assert contour[:, 1].max() == pytest.approx(68.0, abs=1e-9)
    assert contour[:, 0].min() == pytest.approx(10.0, abs=1e-9)
    assert contour[:, 0].max() == pytest.approx(58.0, abs=1e-9)


def test_holes_and_second_regions_are_contours_too():
    p = np.zeros((48, 48), np.float32)
    p[4:20, 4:20] = 1
    p[10:14, 10:14] = 0
    p[30:40, 30:40] = 1
    contours = contours_of(p, [0.0, 0.0, 48.0])
    assert len(contours) == 3
    # Cavity is enclosed clockwise, a hole the other way. Corners are cut by 1/8 cell each.
    assert sorted(enclosed_area(contour) for contour in contours) == pytest.approx(
        [-(4 * 4 - 4 / 8), 10 * 10 - 4 / 8, 16 * 16 - 4 / 8]
    )


@pytest.mark.parametrize("level", [0.0, 0.49])
def test_no_cavity_no_contour(level):
    p = np.full((48, 48), level, np.float32)
    assert contours_of(p, [0.0, 0.0, 80.0]) == []
    assert areas_in_contours_mm2(p[None], np.array([[0.0, 0.0, 80.0]])) == [0.0]


def test_a_single_cell_is_not_smoothed_away():
    p = np.zeros((48, 48), np.float32)
    p[20, 30] = 1
    (contour,) = contours_of(p, [0.0, 0.0, 48.0])
    assert contour.mean(axis=0) == pytest.approx([20.5, 30.5], abs=0.05)


@pytest.mark.parametrize(("middle", "regions"), [(0.6, 1), (0.4, 2)])
def test_corners_that_touch_are_joined_where_the_middle_is_inside(middle, regions):
    p = np.zeros((48, 48), np.float32)
    p[20, 20] = p[21, 21] = 2 * middle - p[20, 21]
    assert len(contours_of(p, [0.0, 0.0, 48.0])) == regions


def test_areas_are_those_of_the_polygons():
    maps = random_maps(20)
    squares = np.tile([5.0, 7.0, 70.0], (20, 1))
    enclosed = [sum(map(enclosed_area, found)) for found in find_contours(maps, squares)]
    np.testing.assert_allclose(areas_in_contours_mm2(maps, squares), enclosed, rtol=1e-9)


def test_polygons_leave_out_what_the_complement_encloses():
    """Cavity and its complement fill the square."""
    maps, squares = random_maps(5), np.tile([0.0, 0.0, 48.0], (5, 1))
    both = areas_in_contours_mm2(maps, squares) + areas_in_contours_mm2(1 - maps, squares)
    np.testing.assert_allclose(both, 48.0**2, rtol=1e-6)


def test_polygons_are_those_of_contourpy():
    contourpy = pytest.importorskip("contourpy")
    p = random_maps(1)[0]
    p[[0, -1]] = p[:, [0, -1]] = 0  # contourpy leaves polygons open at the edge
    places = np.arange(48) + 0.5
    other = contourpy.contour_generator(places, places, p, corner_mask=False).lines(0.5)
    ours = contours_of(p, [0.0, 0.0, 48.0])
    assert len(ours) == len(other) > 50
    assert sorted(map(shoelace, ours)) == pytest.approx(
        sorted(shoelace(line[:-1, ::-1]) for line in other), rel=1e-5
    )


@pytest.mark.parametrize("shape", [(48, 48), (2, 48, 40)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="expected squares"):
        areas_in_contours_mm2(np.zeros(shape, np.float32), np.zeros((2, 3)))
