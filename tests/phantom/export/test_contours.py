"""Contours compared with the areas and pixels they must enclose."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lvvol.phantom import make_phantom, plant
from lvvol.phantom.export.contours import contour_files, contour_pixels
from lvvol.phantom.scanner.plan import GE


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(5, n_slices=7, n_phases=5, vendor=GE)


def shoelace(points):
    x, y = points.T
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def drawn(phantom):
    return {
        (scan.name, phase, kind): np.loadtxt(text.decode().splitlines())
        for scan, phase, kind, text in contour_files(phantom)
    }


def test_contours_enclose_the_true_areas(phantom):
    contours = drawn(phantom)
    pixel_mm2 = phantom.reading.pixel_mm**2
    tested = 0
    for z, scan in enumerate(phantom.reading.slices):
        for phase in (phantom.truth.ed_phase, phantom.truth.es_phase):
            area = phantom.truth.areas_mm2[z, phase]
            assert ((scan.name, phase, "icontour") in contours) == (area > 0)
            if area > 0:
                inner = contours[scan.name, phase, "icontour"]
                # A polygon of n points is smaller than its ellipse by 2 pi^2 / 3 n^2, and points
                # are rounded to a hundredth of a pixel.
                bound = 7 / len(inner) ** 2 + 0.02 * len(inner) * 0.01 * pixel_mm2 / area + 1e-3
                assert shoelace(inner) * pixel_mm2 == pytest.approx(area, rel=bound)
                outer = contours[scan.name, phase, "ocontour"]
                lv = phantom.subject.heart.phases[phase]
                level = phantom.subject.level_mm(scan.plane)
                true_outer = float(lv.epicardium.area_mm2(level))
                assert shoelace(outer) * pixel_mm2 == pytest.approx(true_outer, rel=bound)
                tested += 1
    assert tested >= 8


def test_contours_count_pixels_from_one_and_surround_the_cavity(phantom):
    contours = drawn(phantom)
    middle = phantom.reading.slices[3]
    for phase in (phantom.truth.ed_phase, phantom.truth.es_phase):
        points = contours[middle.name, phase, "icontour"] - 1.0
        # The slab is thin compared with the curvature here: the contour is at half coverage.
        found, _ = cv2.findContours(
            (middle.lv_coverage[phase] > 127).astype(np.uint8),
            cv2.RETR_EXTERNAL,
            cv2.CHAIN_APPROX_NONE,
        )
        (outline,) = found
        distances = [
            cv2.pointPolygonTest(points.astype(np.float32), (float(x), float(y)), True)
            for x, y in outline[:, 0]
        ]
        # Centres of edge pixels are up to a pixel's diagonal inside the edge.
        assert min(distances) > -0.3
        assert max(distances) < 1.5
        weights = middle.lv_coverage[phase].astype(float)
        r, c = (np.average(grid, weights=weights) for grid in np.indices(weights.shape))
        moments = cv2.moments(points.astype(np.float32))
        assert moments["m10"] / moments["m00"] == pytest.approx(c, abs=0.15)
        assert moments["m01"] / moments["m00"] == pytest.approx(r, abs=0.15)


def test_points_are_about_half_a_pixel_apart(phantom):
    lv = phantom.subject.heart.phases[0]
    points = contour_pixels(phantom.subject, phantom.reading.slices[3], lv.cavity)
    steps = np.linalg.norm(points - np.roll(points, 1, axis=0), axis=1)
    assert 0.25 < steps.min() < steps.max() < 0.7


def test_a_contour_is_written_as_in_sunnybrook(phantom):
    _, _, kind, text = next(contour_files(phantom))
    assert kind == "icontour"
    lines = text.decode().split("\n")
    assert lines.pop() == ""
    for line in lines:
        x, y = line.split(" ")
        assert len(x.partition(".")[2]) == len(y.partition(".")[2]) == 2


def test_a_rotated_slice_has_a_rotated_contour_and_a_lost_image_has_none(phantom):
    for seed in range(20):
        faulty = plant(phantom, ["rotated-slice", "truncated-file"], seed)
        contours = drawn(faulty)
        (turned,) = (scan for scan in faulty.reading.slices if "rotated" in scan.name)
        z = faulty.reading.slices.index(turned)
        if (turned.name, 0, "icontour") in contours:
            area = phantom.truth.areas_mm2[z, 0]
            inner = contours[turned.name, 0, "icontour"]
            assert shoelace(inner) * phantom.reading.pixel_mm**2 == pytest.approx(area, rel=0.01)
            original = drawn(phantom)[phantom.reading.slices[z].name, 0, "icontour"]
            assert np.abs(inner - original).max() > 1.0
        (cut,) = (scan for scan in faulty.reading.slices if scan.cut)
        for phase in cut.cut:
            assert (cut.name, phase, "icontour") not in contours
