"""Faults planted into a phantom, checked by geometry rather than by lvvol's reader."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pydicom
import pytest

from lvvol.phantom import FAULTS, make_phantom, plant, study_files
from lvvol.phantom.scanner.plan import GE, SIEMENS


@pytest.fixture(scope="module")
def study():
    return make_phantom(3, n_slices=7, n_phases=6, rows=96)


def gaps_mm(study):
    return np.diff(study.reading.positions_mm)


def position_mm(scan):
    return scan.plane.affine[:3, 3] @ scan.plane.affine[:3, 2]


def added(before, after):
    """Scans that planting added or changed."""
    return [scan for scan in after.scans if scan not in before.scans]


def middle_of_lv(scan, phase=0):
    """Centroid of the LV's pixels in patient mm."""
    coverage = scan.lv_coverage[phase].astype(float)
    r, c = (np.average(grid, weights=coverage) for grid in np.indices(coverage.shape))
    return (scan.plane.affine @ (r, c, 0.0, 1.0))[:3]


def readable(content):
    file = pydicom.dcmread(io.BytesIO(content))
    try:
        return file.pixel_array is not None
    except ValueError:
        return False


def test_a_missing_slice_leaves_a_double_gap(study):
    for seed in range(8):
        faulty = plant(study, ["missing-slice"], seed)
        gap = gaps_mm(study)[0]
        assert sorted(gaps_mm(faulty)) == pytest.approx([gap] * 4 + [2 * gap])
        assert len(faulty.of_view("sax")) == 6
        assert added(study, faulty) == []


def test_an_interspersed_slice_divides_a_gap_unevenly(study):
    gap = gaps_mm(study)[0]
    parts = []
    for seed in range(8):
        faulty = plant(study, ["interspersed-slice"], seed)
        small, large = sorted(gaps_mm(faulty))[:2]
        assert small + large == pytest.approx(gap)
        assert sorted(gaps_mm(faulty))[2:] == pytest.approx([gap] * 5)
        parts.append(small / gap)
        (scan,) = added(study, faulty)
        assert position_mm(scan) in faulty.reading.positions_mm
    assert 0.25 <= min(parts) < max(parts) <= 0.45


def test_an_outlier_is_far_beyond_an_end_and_unused(study):
    gap = gaps_mm(study)[0]
    ends = set()
    for seed in range(8):
        faulty = plant(study, ["outlying-position"], seed)
        (scan,) = added(study, faulty)
        above = position_mm(scan) - study.reading.positions_mm[-1]
        below = study.reading.positions_mm[0] - position_mm(scan)
        assert 3.5 * gap <= max(above, below) <= 6.0 * gap
        ends.add(above > below)
        assert faulty.reading.positions_mm == pytest.approx(study.reading.positions_mm)
        assert (scan, "far from the stack") in faulty.reading.unused
    assert ends == {True, False}


@pytest.mark.parametrize("fault", ["rotated-slice", "other-spacing", "other-matrix"])
def test_another_grid_shows_the_same_slice_of_the_same_heart(study, fault):
    for seed in range(4):
        faulty = plant(study, [fault], seed)
        (scan,) = added(study, faulty)
        (old,) = set(study.scans) - set(faulty.scans)
        assert position_mm(scan) == pytest.approx(position_mm(old))
        normal = scan.plane.affine[:3, 2]
        assert normal == pytest.approx(old.plane.affine[:3, 2])
        right, down = (scan.plane.affine[:3, k] / scan.plane.pixel_mm for k in (1, 0))
        assert np.cross(right, down) == pytest.approx(normal)
        turn = np.degrees(np.arccos(right @ old.plane.affine[:3, 1] / old.plane.pixel_mm))
        ratio = scan.plane.pixel_mm / old.plane.pixel_mm
        if fault == "rotated-slice":
            assert 14.9 < turn < 90.1
        else:
            assert turn == pytest.approx(0.0, abs=1e-3)
        if fault == "other-spacing":
            assert 0.75 <= round(ratio, 3) <= 0.9 or 1.1 <= round(ratio, 3) <= 1.3
        else:
            assert ratio == pytest.approx(1.0)
        assert (scan.plane.shape != old.plane.shape) == (fault == "other-matrix")
        assert scan.images.shape[1:] == scan.plane.shape
        # Both grids have the same centre.
        for plane in (scan.plane, old.plane):
            r, c = plane.shape
            centre = (plane.affine @ ((r - 1) / 2, (c - 1) / 2, 0, 1))[:3]
            assert centre == pytest.approx(
                (
                    old.plane.affine
                    @ ((old.plane.shape[0] - 1) / 2, (old.plane.shape[1] - 1) / 2, 0, 1)
                )[:3]
            )
        if old.lv_coverage[0].sum() > 255 * 40:
            assert middle_of_lv(scan) == pytest.approx(middle_of_lv(old), abs=0.3)
        assert faulty.reading.shape == study.reading.shape
        assert faulty.reading.pixel_mm == study.reading.pixel_mm
        assert faulty.reading.slices.index(scan) == study.reading.slices.index(old)


def test_a_repeat_is_the_same_slice_later_with_other_noise(study):
    counts = set()
    for seed in range(6):
        faulty = plant(study, ["repeated-slice"], seed)
        repeats = added(study, faulty)
        counts.add(len(repeats))
        (first,) = (s for s in study.of_view("sax") if s.plane is repeats[0].plane)
        for scan in repeats:
            assert scan.plane is first.plane
            assert scan.acquired_s > max(other.acquired_s for other in study.scans)
            assert scan.interval_ms / first.interval_ms == pytest.approx(1.0, abs=0.1)
        z = study.reading.slices.index(first)
        assert faulty.reading.slices[z] is repeats[-1]
        assert {loser for loser, why in faulty.reading.unused if "again" in why} == {
            first,
            *repeats[:-1],
        }
    assert counts == {1, 2}
    # The images differ only in noise, a few percent of the signal of blood.
    difference = first.images.astype(float) - repeats[0].images
    assert difference.any()
    assert difference.std() < 0.1 * first.images.max()


def test_a_repeated_stack_replaces_the_first(study):
    faulty = plant(study, ["repeated-stack"])
    again = added(study, faulty)
    assert len(again) == 7
    assert set(faulty.reading.slices) == set(again)
    assert faulty.reading.positions_mm == pytest.approx(study.reading.positions_mm)


def test_missing_phases_leave_gaps_in_one_slice(study):
    n_lost = set()
    long_study = make_phantom(3, n_slices=5, n_phases=16, rows=64)
    for seed in range(8):
        faulty = plant(long_study, ["missing-phases"], seed)
        (scan,) = added(long_study, faulty)
        assert len(scan.readable) == 16 - len(scan.lost)
        n_lost.add(len(scan.lost))
        assert faulty.faults[0].touched == tuple((scan.name, t) for t in sorted(scan.lost))
        assert sum(len(s.stored) for s in faulty.of_view("sax")) == 80 - len(scan.lost)
    assert 1 <= min(n_lost) < max(n_lost) <= 4


def test_a_truncated_file_ends_within_its_pixel_data(study):
    for seed in range(6):
        faulty = plant(study, ["truncated-file"], seed)
        whole, cut = dict(study_files(study)), dict(study_files(faulty))
        (name,) = (n for n in whole if n != "truth.json" and whole[n] != cut[n])
        pixels = faulty.reading.shape[0] * faulty.reading.shape[1] * 2
        assert whole[name].startswith(cut[name])
        assert 0 < len(whole[name]) - len(cut[name]) < pixels
        assert readable(whole[name])
        assert not readable(cut[name])


def test_foreign_files_are_among_the_images(study):
    whole, more = dict(study_files(study)), dict(study_files(plant(study, ["foreign-files"])))
    foreign = {name: content for name, content in more.items() if name not in whole}
    assert {name: more[name] for name in whole if name != "truth.json"} == {
        name: content for name, content in whole.items() if name != "truth.json"
    }
    assert foreign["report.pdf"].startswith(b"%PDF-")
    assert foreign["empty"] == b""
    assert sum(name.startswith(".") for name in foreign) == 2
    ct = pydicom.dcmread(io.BytesIO(foreign["CT000001"]))
    assert ct.Modality == "CT"
    assert ct.StudyInstanceUID == study.uid("study")
    assert ct.pixel_array.shape == (64, 64)
    directory = pydicom.dcmread(io.BytesIO(foreign["DICOMDIR"]))
    assert directory.file_meta.MediaStorageSOPClassUID.name == "Media Storage Directory Storage"


@pytest.mark.parametrize("fault", ["truncated-file", "missing-phases"])
def test_an_incomplete_repeat_loses_to_the_complete_scan_before_it(study, fault):
    hit = missed = 0
    for seed in range(40):
        faulty = plant(study, ["repeated-slice", fault], seed)
        *_, last = (s for s in faulty.scans if "repeat" in s.name)
        if len(last.readable) == 6:
            missed += 1
            assert last in faulty.reading.slices
        else:
            hit += 1
            rivals = [s for s in faulty.of_view("sax") if s.plane is last.plane and s is not last]
            assert rivals[-1] in faulty.reading.slices
            assert (last, "incomplete") in faulty.reading.unused
    assert hit > 5
    assert missed > 5


def test_adding_a_fault_does_not_change_the_others(study):
    for seed in range(4):
        (alone,) = plant(study, ["truncated-file"], seed).faults
        rotated, truncated = plant(study, ["truncated-file", "rotated-slice"], seed).faults
        assert truncated.what == alone.what
        assert plant(study, ["rotated-slice"], seed).faults == (rotated,)


def test_every_pair_leaves_a_stack_of_the_expected_size():
    grows = {"missing-slice": -1, "interspersed-slice": 1}
    for vendor, pair in itertools.product((SIEMENS, GE), itertools.combinations(FAULTS, 2)):
        small = make_phantom(8, n_slices=5, n_phases=4, rows=64, vendor=vendor)
        faulty = plant(small, pair)
        assert {fault.name for fault in faulty.faults} == set(pair)
        expected = 5 + sum(grows.get(name, 0) for name in pair)
        assert len(faulty.reading.slices) == expected == len(faulty.truth.areas_mm2)
        assert (gaps_mm(faulty) > 1.0).all()
        assert faulty.reading.shape == small.reading.shape
        assert faulty.reading.pixel_mm == small.reading.pixel_mm
        names = [scan.name for scan in faulty.scans]
        assert len(set(names)) == len(names)
        # Every scan is either used or listed as unused, never both.
        unused = [scan for scan, _ in faulty.reading.unused]
        assert sorted(names) == sorted(s.name for s in (*faulty.reading.slices, *unused))


def test_slice_volumes_are_those_of_the_remaining_slices(study):
    faulty = plant(study, ["missing-slice"])
    assert faulty.truth.edv_ml == study.truth.edv_ml
    assert faulty.truth.slice_volumes_ml[0] != study.truth.slice_volumes_ml[0]
    assert {tuple(a) for a in faulty.truth.areas_mm2} < {tuple(a) for a in study.truth.areas_mm2}


def test_invalid_faults_and_studies_are_refused(study):
    with pytest.raises(ValueError, match="foreign-files; got lost-slice"):
        plant(study, ["missing-slice", "lost-slice"])
    with pytest.raises(ValueError, match="study: expected one without faults, got 1"):
        plant(plant(study, ["missing-slice"]), ["repeated-slice"])
    with pytest.raises(ValueError, match="at least 5 slices and 4 phases, got 4 and 6"):
        plant(make_phantom(1, n_slices=4, n_phases=6, rows=64), ["missing-slice"])
    with pytest.raises(ValueError, match="without faults, got one with missing-slice"):
        plant(study, ["missing-slice"]).to_cine_stack()
