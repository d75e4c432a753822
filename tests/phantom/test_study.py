"""A phantom study in memory."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lvvol.phantom import make_phantom
from lvvol.phantom.scanner.plan import GE, SIEMENS, draw_beating_heart, draw_pose
from lvvol.phantom.scanner.render import SLAB_SAMPLES
from lvvol.phantom.scanner.views import draw_short_axis
from lvvol.volume import cone_volume_ml


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(5, n_phases=4)


def levels_mm(phantom):
    """Heart coordinate u of the plane of each slice."""
    to_heart = np.linalg.inv(phantom.subject.heart_to_patient)
    return (to_heart @ phantom.affines @ (100.0, 100.0, 0.0, 1.0))[:, 2]


def test_same_seed_same_study_other_seed_other_study():
    first, again, other = (make_phantom(s, n_slices=3, n_phases=2, rows=64) for s in (3, 3, 4))
    assert (first.images == again.images).all()
    assert (first.affines == again.affines).all()
    assert first.truth.to_dict() == again.truth.to_dict()
    assert first.uid("study") == again.uid("study")
    assert first.truth.edv_ml != other.truth.edv_ml
    assert first.uid("study") != other.uid("study")


def test_requested_volumes_are_exact():
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
        planes = draw_short_axis(rng, heart, pose, vendor, None)
        levels = np.array([(np.linalg.inv(pose) @ plane.affine)[2, 3] for plane in planes])
        assert 9 <= len(planes) <= 12
        assert planes[0].shape[0] == 256
        assert 192 <= planes[0].shape[1] <= 256
        assert 1.2 <= planes[0].pixel_mm <= 1.6
        gaps = np.diff([plane.affine[:3, 3] @ plane.affine[:3, 2] for plane in planes])
        assert gaps == pytest.approx([gaps[0]] * (len(planes) - 1))
        assert 8.0 <= round(gaps[0], 6) <= 10.0
        areas = heart.phases[0].cavity.area_mm2(levels)
        # At most a few millimetres at the base lie beyond the last slice.
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
    # The gap at the base counts for a third where half is due: 1.5 mm of about 90 mm on average,
    # times the ratio of the basal to the mean area (about 1.1).
    assert np.mean(errors) == pytest.approx(-0.02, abs=0.01)


def test_areas_are_the_closed_form_at_the_slices(phantom):
    u = levels_mm(phantom)
    assert np.diff(u) == pytest.approx(np.diff(phantom.reading.positions_mm))
    assert phantom.truth.slice_volumes_ml == pytest.approx(
        [cone_volume_ml(a, u) for a in phantom.truth.areas_mm2.T]
    )


def test_painted_cavity_has_the_true_area(phantom):
    areas = phantom.truth.areas_mm2
    painted = phantom.lv_coverage.sum(axis=(2, 3), dtype=float) / 255
    painted *= np.prod(phantom.pixel_spacing_mm)
    u = levels_mm(phantom)
    for phase in (phantom.truth.ed_phase, phantom.truth.es_phase):
        full = np.flatnonzero(areas[:, phase] > 0)[1:-2]  # without the slabs at apex and base
        assert len(full) >= 4
        # The mean area of a slab differs from its middle's by V'' t^2 / 24, less than 1.5 %.
        assert painted[full, phase] == pytest.approx(areas[full, phase], rel=0.02)
        # The whole stack: slabs of the given thickness do not overlap.
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
        assert np.percentile(image, 5) < 0.15 * blood  # air and lungs


def test_the_most_basal_slice_loses_the_lv_in_systole():
    phantom = make_phantom(2, n_phases=3, ef_percent=65.0)
    ed, es = phantom.truth.ed_phase, phantom.truth.es_phase
    holds_lv = phantom.truth.areas_mm2 > 0
    assert np.flatnonzero(holds_lv[:, es]).max() < np.flatnonzero(holds_lv[:, ed]).max()


def test_cine_stack_holds_the_same_images(phantom):
    stack = phantom.to_cine_stack()
    assert (stack.images == phantom.images).all()
    assert stack.images.dtype == np.float32
    normal = stack.affines[0, :3, 2]
    assert np.linalg.norm(normal) == pytest.approx(1.0)
    assert stack.positions_mm == pytest.approx(stack.affines[:, :3, 3] @ normal)
    assert (np.diff(stack.times_ms, axis=1) > 0).all()


def test_times_start_as_on_the_vendors_scanners():
    for vendor, first in ((SIEMENS, 0.0), (GE, 0.5)):
        study = make_phantom(1, n_slices=3, n_phases=5, rows=64, vendor=vendor)
        for scan in study.of_view("sax"):
            # Real images start at 18.75 ms of a step of 37.5 ms (GE) and at 0 (Siemens).
            step_ms = scan.interval_ms / 5
            assert scan.times_ms == pytest.approx((np.arange(5) + first) * step_ms, abs=1e-3)
            beats = 60000 / scan.interval_ms
            whole = scan.interval_ms if vendor == SIEMENS else beats
            assert whole == pytest.approx(round(whole))
            assert 54 <= beats <= 89


def test_truth_has_the_positions_of_apex_and_base():
    study = make_phantom(6, n_slices=4, n_phases=3, rows=64)
    normal = study.affines[0, :3, 2]
    heart = study.subject.heart_to_patient
    # Heart coordinates start at the epicardial apex, and the normal points to the base.
    assert study.truth.apex_mm == pytest.approx(heart[:3, 3] @ normal)
    for phase, lv in enumerate(study.subject.heart.phases):
        base = heart @ (0.0, 0.0, lv.cavity.base_mm, 1.0)
        assert study.truth.base_mm[phase] == pytest.approx(base[:3] @ normal)
    assert study.truth.base_mm[0] > study.truth.base_mm[study.truth.es_phase]


def test_localisers_and_one_or_two_long_axis_views_as_in_real_folders():
    seen = set()
    for seed in range(30):
        study = make_phantom(seed, n_slices=3, n_phases=2, rows=64)
        long_axis = tuple(scan.view for scan in study.scans if scan.view in ("2ch", "4ch"))
        seen.add(long_axis)
        localisers = study.of_view("localizer")
        assert [scan.n_phases for scan in localisers] == [1, 1, 1]
        assert len({scan.series for scan in localisers}) == 1
        normals = np.array([scan.plane.affine[:3, 2] for scan in localisers])
        assert np.abs(normals).sum(axis=0) == pytest.approx([1, 1, 1])
        for scans in (study.scans, study.of_view("sax")):
            times = [scan.acquired_s for scan in scans]
            assert times == sorted(times)
    assert seen == {("2ch",), ("4ch",), ("2ch", "4ch")}


def test_siemens_has_a_series_per_slice_and_ge_one_for_the_stack():
    for vendor, expected in ((SIEMENS, 4), (GE, 1)):
        study = make_phantom(2, n_slices=4, n_phases=3, rows=64, vendor=vendor)
        stack = study.of_view("sax")
        assert len({scan.series for scan in stack}) == expected
        others = {scan.series for scan in study.scans if scan.view != "sax"}
        assert not others & {scan.series for scan in stack}
        first = [scan.first_instance for scan in stack]
        assert first == ([1, 1, 1, 1] if vendor == SIEMENS else [1, 4, 7, 10])


def test_fewer_rows_show_the_same_field_of_view():
    fine, coarse = (make_phantom(4, n_slices=3, n_phases=2, rows=rows) for rows in (256, 64))
    assert coarse.reading.shape[0] == 64
    # Both widths are rounded to 1e-4 mm; one is then multiplied by 4.
    assert coarse.reading.pixel_mm == pytest.approx(4 * fine.reading.pixel_mm, abs=2.6e-4)
    assert coarse.truth.areas_mm2 == pytest.approx(fine.truth.areas_mm2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("n_slices", 2),
        ("n_phases", 1),
        ("edv_ml", 20.0),
        ("ef_percent", 95.0),
        ("edv_ml", float("nan")),
        ("rows", 32),
        ("vendor", "Siemens"),
    ],
)
def test_arguments_out_of_range_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name}: expected"):
        make_phantom(**{name: value})
