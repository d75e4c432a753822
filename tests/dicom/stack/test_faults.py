"""Faults of real studies, alone and in pairs: studies are read correctly and faults reported."""

from itertools import combinations

import numpy as np
import pytest

from lvvol import load_study
from lvvol.phantom import FAULTS, make_phantom, plant
from lvvol.phantom.export.files import study_files
from lvvol.phantom.export.layouts import LAYOUTS

PAIRS = [*((name,) for name in FAULTS), *combinations(FAULTS, 2)]


@pytest.fixture(scope="module")
def healthy():
    """Return a study without faults; faulty ones share its scans, so most are rendered once."""
    return make_phantom(5, n_slices=7, n_phases=5, rows=64, vendor="SIEMENS")


def write(study, folder, layout="flat"):
    """Write the files of a study."""
    for name, content in study_files(study, layout):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def decisions(stack, word):
    return [d for d in stack.decisions if d.what.startswith(word)]


def check_reading(stack, study):
    """Check the stack against the phantom's expected reading."""
    reading = study.reading
    np.testing.assert_allclose(stack.positions_mm, reading.positions_mm, atol=0.01)
    assert stack.n_phases == reading.n_phases
    assert stack.images.shape[2:] == reading.shape
    assert stack.pixel_spacing_mm == pytest.approx((reading.pixel_mm,) * 2)
    for z, scan in enumerate(reading.slices):
        at = {study.uid(scan.name, t): t for t in scan.readable}
        shown = [at[uid] for uid in stack.sop_instance_uids[z]]
        for t in scan.readable:
            assert shown[t] == t
        same_grid = (scan.plane.shape, scan.plane.pixel_mm) == (reading.shape, reading.pixel_mm)
        if same_grid and "rotated" not in scan.name:
            np.testing.assert_array_equal(stack.images[z], scan.images[shown])
        # A point of the grid is in the scanned plane.
        normal, origin = scan.plane.affine[:3, 2], scan.plane.affine[:3, 3]
        point = stack.affines[z] @ [20.0, 30.0, 0.0, 1.0]
        assert abs((point[:3] - origin) @ normal) < 0.01


def check_report(stack, study, faults):
    """Check that each fault is reported, with its files."""
    reading = study.reading
    warnings = " ".join(stack.warnings)
    n_unused = sum(len(scan.readable) for scan, _ in reading.unused)
    excluded = decisions(stack, "Excluded series")
    assert sum(len(d.files) for d in excluded) == n_unused
    if "truncated-file" in faults:
        (damaged,) = decisions(stack, "Excluded 1 truncated or damaged file")
        assert len(damaged.files) == 1
        assert "truncated or damaged" in warnings
    if {"missing-slice", "interspersed-slice"} & set(faults):
        assert "unevenly spaced" in warnings
    if "outlying-position" in faults:
        assert "Excluded 1 parallel slice from the stack" in warnings
        assert any("more than 2.5 times the median gap" in d.why for d in excluded)
    moved = [d for d in stack.decisions if d.what.startswith(("Resampled", "Shifted"))]
    for scan in reading.slices:
        file = LAYOUTS["flat"].file(study, scan, scan.readable[0])
        on_grid = (scan.plane.shape, scan.plane.pixel_mm) == (reading.shape, reading.pixel_mm)
        turned = "rotated" in scan.name
        assert any(file in d.files for d in moved) == (turned or not on_grid)
    if any(len(scan.readable) < scan.n_phases for scan in reading.slices):
        assert decisions(stack, "Filled phase")
        assert f"phases instead of {reading.n_phases}" in warnings
    if any(why == "acquired again later" for _, why in reading.unused):
        assert any("which was acquired later" in d.why for d in excluded)
    if "foreign-files" in faults:
        assert decisions(stack, "Skipped")


@pytest.mark.parametrize("faults", PAIRS, ids=" + ".join)
def test_faults_are_handled_and_reported(healthy, faults, tmp_path):
    study = plant(healthy, faults)
    write(study, tmp_path)
    stack = load_study(tmp_path)
    check_reading(stack, study)
    check_report(stack, study, faults)


@pytest.mark.parametrize("layout", ["dsb2", "sunnybrook"])
@pytest.mark.parametrize(
    "faults", [(), *((name,) for name in FAULTS), tuple(FAULTS)], ids=" + ".join
)
def test_faults_in_the_layouts_of_real_studies(layout, faults, tmp_path):
    vendor = {"dsb2": "SIEMENS", "sunnybrook": "GE MEDICAL SYSTEMS"}[layout]
    study = plant(make_phantom(6, n_slices=7, n_phases=5, rows=64, vendor=vendor), faults)
    write(study, tmp_path, layout)
    stack = load_study(tmp_path)
    check_reading(stack, study)


@pytest.mark.parametrize("seed", range(10, 22))
def test_all_faults_at_once(seed, tmp_path):
    study = plant(make_phantom(seed, n_slices=9, n_phases=5, rows=64), tuple(FAULTS))
    write(study, tmp_path)
    stack = load_study(tmp_path)
    check_reading(stack, study)
    check_report(stack, study, tuple(FAULTS))
