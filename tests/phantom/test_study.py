"""A phantom study in memory."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lvvol.phantom import make_phantom
from lvvol.phantom.plan import GE, SIEMENS, draw_beating_heart, draw_pose
from lvvol.phantom.render import SLAB_SAMPLES
from lvvol.phantom.views import draw_short_axis
from lvvol.volume import cone_volume_ml


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(5, n_phases=4)


def levels_mm(phantom):
    """Heart coordinate u of the plane of each slice."""
    to_heart = np.linalg.inv(phantom.heart_to_patient)
    return (to_heart @ phantom.affines @ (100.0, 100.0, 0.0, 1.0))[:, 2]


def test_same_seed_same_study_other_seed_other_study():
    first, again, other = (make_phantom(s, n_slices=3, n_phases=2) for s in (3, 3, 4))
    assert (first.images == again.images).all()
    assert (first.affines == again.affines).all()
    assert first.truth.to_dict() == again.truth.to_dict()
    assert first.uid("study") == again.uid("study")
    assert first.truth.edv_ml != other.truth.edv_ml
    assert first.uid("study") != other.uid("study")


def test_volumes_are_those_asked_for():
    truth = make_phantom(1, n_slices=3, n_phases=5, edv_ml=200.0, ef_percent=40.0).truth
    assert truth.ed_phase == 0
    assert truth.edv_ml == pytest.approx(200.0)
    assert truth.esv_ml == pytest.approx(120.0)
    assert truth.ef_percent == pytest.approx(40.0)
    assert truth.volumes_ml[truth.es_phase] == truth.esv_ml


def test_volumes_drawn_stay_in_range():
    for seed in range(4):
        truth = make_phantom(seed, n_slices=3, n_phases=2).truth
        assert 80 <= truth.edv_ml <= 280
        assert 20 <= truth.ef_percent <= 70


@pytest.mark.parametrize("edv_ml", [80.0, 150.0, 215.0, 280.0])
@pytest.mark.parametrize("vendor", [SIEMENS, GE])
def test_slices_cover_the_heart(edv_ml, vendor):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        heart = draw_beating_heart(rng, 2, edv_ml, 50.0)
        pose = draw_pose(rng, heart)
        planes, levels = draw_short_axis(rng, heart, pose, vendor, None)
        assert 9 <= len(planes) == len(levels) <= 12
        assert planes[0].shape[0] == 256
        assert 192 <= planes[0].shape[1] <= 256
        assert 1.2 <= planes[0].pixel_mm <= 1.6
        gaps = np.diff([plane.affine[:3, 3] @ plane.affine[:3, 2] for plane in planes])
        assert gaps == pytest.approx([gaps[0]] * (len(planes) - 1))
        assert 8.0 <= round(gaps[0], 6) <= 10.0
        areas = heart.phases[0].cavity.area_mm2(levels)
        # At most the last millimetres of the base lie beyond the last slice.
        assert areas[0] == 0.0
        assert heart.phases[0].cavity.base_mm - levels[-1] < 3.0
        # Eq. 3 misses at most two thirds of the basal area times the gap.
        bound = 0.7 * areas.max() * gaps[0] / 1000
        assert float(cone_volume_ml(areas, levels)) == pytest.approx(edv_ml, abs=bound)


def test_slice_volumes_are_right_on_average():
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(100):
        volume = float(rng.uniform(80, 280))
        heart = draw_beating_heart(rng, 20, volume, 50.0)
        levels = rng.uniform(0, 9) + 9.0 * np.arange(-1, 16)
        areas = heart.phases[0].cavity.area_mm2(levels)
        errors.append(float(cone_volume_ml(areas, levels)) / volume - 1)
    # The end beyond the base counts a third of a gap where half is due: 1.5 mm of about 90 mm,
    # times the basal area over the mean one (about 1.1).
    assert np.mean(errors) == pytest.approx(-0.02, abs=0.01)


def test_areas_are_the_closed_form_at_the_slices(phantom):
    u = levels_mm(phantom)
    assert np.diff(u) == pytest.approx(np.diff(phantom.positions_mm))
    assert phantom.truth.slice_volumes_ml == pytest.approx(
        [cone_volume_ml(a, u) for a in phantom.truth.areas_mm2.T]
    )


def test_painted_cavity_has_the_true_area(phantom):
    areas = phantom.truth.areas_mm2
    painted = phantom.lv_coverage.sum(axis=(2, 3), dtype=float) / 255
    painted *= np.prod(phantom.pixel_spacing_mm)
    u = levels_mm(phantom)
    for phase in (phantom.truth.ed_phase, phantom.truth.es_phase):
        full = np.flatnonzero(areas[:, phase] > 0)[
            1:-2
        ]  # neither the slab at the apex nor the base
        assert len(full) >= 4
        # A slab's mean area differs from its middle's by the curvature: V'' t^2 / 24, under 1.5 %.
        assert painted[full, phase] == pytest.approx(areas[full, phase], rel=0.02)
        # Whole stack: slabs of the stated thickness, nothing counted twice.
        gap = np.diff(u)[0]
        volume = painted[:, phase].sum() * gap / 1000
        bound = areas[:, phase].max() * gap / 1000 / 2
        assert volume == pytest.approx(phantom.truth.volumes_ml[phase], abs=bound)
    assert SLAB_SAMPLES >= 3


def test_blood_is_bright_and_the_wall_dark(phantom):
    middle = len(phantom.images) // 2
    for phase in (phantom.truth.ed_phase, phantom.truth.es_phase):
        image = phantom.images[middle, phase]
        cavity = (phantom.lv_coverage[middle, phase] > 127).astype(np.uint8)
        near, far = (
            cv2.dilate(cavity, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (n, n))) for n in (5, 9)
        )
        blood = np.median(image[cavity > 0])
        wall = np.median(image[(far > 0) & (near == 0)])
        assert blood > 1.7 * wall
        assert np.percentile(image, 5) < 0.15 * blood  # air and lung


def test_the_most_basal_slice_loses_the_lv_in_systole():
    phantom = make_phantom(2, n_phases=3, ef_percent=65.0)
    ed, es = phantom.truth.ed_phase, phantom.truth.es_phase
    holds_lv = phantom.truth.areas_mm2 > 0
    assert np.flatnonzero(holds_lv[:, es]).max() < np.flatnonzero(holds_lv[:, ed]).max()


def test_two_chamber_plane_holds_the_axis(phantom):
    to_heart = np.linalg.inv(phantom.heart_to_patient) @ phantom.long_axis_affine
    corners = np.array([[0, 0, 0, 1], [255, 0, 0, 1], [0, 255, 0, 1]], float).T
    p, _, u = (to_heart @ corners)[:3]
    assert p == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)
    assert u[1] < u[0]  # the base is up
    # Along the axis: blood within, lung or chest wall far beyond the apex.
    column, row = np.linalg.inv(to_heart)[[1, 0]] @ (0.0, 0.0, 40.0, 1.0)
    image = phantom.long_axis_images[0]
    assert image[int(row), int(column)] > np.percentile(image, 80)


def test_cine_stack_holds_the_same_images(phantom):
    stack = phantom.to_cine_stack()
    assert (stack.images == phantom.images).all()
    assert stack.images.dtype == np.float32
    normal = stack.affines[0, :3, 2]
    assert np.linalg.norm(normal) == pytest.approx(1.0)
    assert stack.positions_mm == pytest.approx(stack.affines[:, :3, 3] @ normal)
    assert stack.times_ms[:, 0] == pytest.approx([0.0] * stack.n_slices)
    assert (np.diff(stack.times_ms, axis=1) > 0).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("n_slices", 2),
        ("n_phases", 1),
        ("edv_ml", 20.0),
        ("ef_percent", 95.0),
        ("edv_ml", float("nan")),
    ],
)
def test_arguments_out_of_range_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name}: expected"):
        make_phantom(**{name: value})
