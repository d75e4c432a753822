"""Phantoms as labelled stacks: masks lie on the blood and have the exact volume."""

import numpy as np
import pytest

from lvvol.datasets.phantoms import phantom_labels
from lvvol.phantom import make_phantom


@pytest.fixture(scope="module", params=[2, 3, 5])
def pair(request):
    """The labels of a phantom, and its study."""
    return phantom_labels(request.param, rows=96), make_phantom(request.param, n_phases=2, rows=96)


def test_is_a_working_stack_of_ed_and_es_with_every_plane_labelled(pair):
    labels, study = pair
    assert labels.patient == f"phantom/{study.seed}"
    assert labels.stack.pixel_spacing_mm == (1.0, 1.0)
    assert labels.stack.images.shape[:2] == (len(study.reading.slices), 2)
    assert 0.0 <= labels.stack.images.min() < 0.01
    assert 0.99 < labels.stack.images.max() <= 1.0
    assert labels.labelled.all()
    np.testing.assert_array_equal(labels.stack.positions_mm, study.reading.positions_mm)


def test_volumes_are_exact(pair):
    labels, study = pair
    assert (labels.edv_ml, labels.esv_ml) == (study.truth.edv_ml, study.truth.esv_ml)
    assert labels.phase_volumes_ml == tuple(study.truth.volumes_ml)
    assert labels.edv_ml > labels.esv_ml


def test_masks_have_the_volumes(pair):
    """Areas of 1 mm pixels times the gap: each slice counts for half a gap on each side."""
    labels, _ = pair
    gap_mm = np.diff(labels.stack.positions_mm).mean()
    volumes_ml = labels.masks.sum(axis=(0, 2, 3)) * gap_mm / 1000
    # A slab at the base or apex counts fully or not at all.
    np.testing.assert_allclose(volumes_ml, labels.phase_volumes_ml, rtol=0.1)


def test_areas_are_exact_away_from_base_and_apex(pair):
    labels, study = pair
    areas_mm2 = labels.masks.sum(axis=(2, 3))
    middle = len(areas_mm2) // 2
    for z in (middle - 1, middle):
        np.testing.assert_allclose(areas_mm2[z], study.truth.areas_mm2[z], rtol=0.06)


def test_masks_are_at_the_cavity_of_the_study(pair):
    """Centres in mm from the common top left edge agree along both axes."""
    labels, study = pair
    rows, columns = np.indices(study.lv_coverage.shape[2:]) + 0.5
    for z in range(2, len(labels.masks) - 3):
        for coverage, mask in zip(study.lv_coverage[z], labels.masks[z], strict=True):
            weights = coverage / coverage.sum()
            centre = np.array([(weights * rows).sum(), (weights * columns).sum()])
            centre_mm = centre * study.pixel_spacing_mm
            found_mm = np.argwhere(mask).mean(axis=0) + 0.5
            np.testing.assert_allclose(found_mm, centre_mm, atol=0.5)


def test_masks_lie_on_bright_blood(pair):
    """In mid-stack, the myocardium, 2 to 6 mm outside the mask, is darker on all sides."""
    labels, _ = pair
    middle = len(labels.masks) // 2
    for image, mask in zip(labels.stack.images[middle], labels.masks[middle], strict=True):
        rows, columns = np.indices(mask.shape)
        row, column = np.argwhere(mask).mean(axis=0)
        around = outwards(mask, 6) & ~outwards(mask, 2)
        for side in (rows < row, rows > row, columns < column, columns > column):
            assert image[mask & side].mean() > image[around & side].mean() + 0.1


def outwards(mask, mm):
    """Dilate a mask by a number of pixels."""
    size = 2 * mm + 1
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(mask, mm), (size, size))
    return windows.any(axis=(2, 3))
