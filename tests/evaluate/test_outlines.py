"""Distances between outlines, by hand and as SimpleITK computes them."""

import math

import numpy as np
import pytest
import SimpleITK as sitk

from lvvol.evaluate.outlines import outline_distances
from tests.support.synthetic_datasets import disc


def square(top, left, side, shape=(1, 60, 60)):
    mask = np.zeros(shape, dtype=bool)
    mask[:, top : top + side, left : left + side] = True
    return mask


def test_equal_masks_are_nowhere_apart():
    assert outline_distances(square(10, 10, 20), square(10, 10, 20)) == (0, 0)


def test_a_square_within_a_square_by_hand():
    # Sides of 21 and 11 pixels about one centre: every inner pixel is 5 mm from the outer outline.
    # Outer pixels are 5 mm from the inner outline, further towards the corners: those k = 1 to 5
    # columns beyond it by hypot(5, k), on both sides of each of four sides; corners count once.
    hausdorff95, mean = outline_distances(square(15, 15, 11), square(10, 10, 21))
    beyond = [math.hypot(5, k) for k in range(1, 5)] * 8 + [math.hypot(5, 5)] * 4
    outer = [5.0] * 44 + beyond
    assert hausdorff95 == pytest.approx(np.percentile(outer, 95))
    assert mean == pytest.approx((sum(outer) + 5.0 * 40) / (len(outer) + 40))


def test_distances_are_those_of_simpleitk():
    a, b = disc(20, (50, 46)), disc(14, (44, 52))
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (a, b)]
    outlines = [sitk.LabelContour(image, fullyConnected=False) for image in images]
    distances = []
    for outline, other in (outlines, outlines[::-1]):
        away = sitk.Abs(sitk.SignedMaurerDistanceMap(other, squaredDistance=False))
        distances.append(sitk.GetArrayFromImage(away)[sitk.GetArrayFromImage(outline) > 0])
    hausdorff95, mean = outline_distances(a[None], b[None])
    assert hausdorff95 == pytest.approx(max(np.percentile(each, 95) for each in distances))
    assert mean == pytest.approx(np.concatenate(distances).mean())


def test_slices_that_one_mask_misses_have_no_distance():
    ours = np.concatenate([square(10, 10, 20), square(10, 10, 20)])
    theirs = np.concatenate([square(10, 12, 20), np.zeros((1, 60, 60), dtype=bool)])
    assert outline_distances(ours, theirs)[0] == 2
    assert all(map(math.isnan, outline_distances(ours[1:], theirs[1:])))


def test_a_mask_at_the_edge_of_the_image_has_an_outline_there():
    assert outline_distances(square(0, 0, 60), square(0, 0, 58))[0] == pytest.approx(2, abs=0.01)
