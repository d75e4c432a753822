"""DICOM attributes to an affine, and grids that share a corner."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from lvvol.geometry import GeometryError, image_affine, same_corner_map


def test_the_first_direction_is_that_of_the_columns():
    # Oblique on purpose: spacing and directions all differ.
    affine = image_affine([1, 2, 3], [0, 1, 0, 0, 0, -1], [2, 0.5])
    np.testing.assert_allclose(affine @ [0, 0, 0, 1], [1, 2, 3, 1])
    np.testing.assert_allclose(affine @ [1, 0, 0, 1], [1, 2, 1, 1])  # a row down: 2 mm along -z
    np.testing.assert_allclose(affine @ [0, 1, 0, 1], [1, 2.5, 3, 1])  # a column on: 0.5 mm along y
    np.testing.assert_allclose(affine[:3, 2], [-1, 0, 0])  # y cross -z


def test_rounded_directions_are_made_orthonormal():
    affine = image_affine([0, 0, 0], [0.7071, 0.7071, 0, -0.7072, 0.7070, 0], [1.4, 1.4])
    steps = affine[:3, :3] / [1.4, 1.4, 1]
    np.testing.assert_allclose(steps.T @ steps, np.eye(3), atol=1e-15)


@pytest.mark.real_data
@pytest.mark.parametrize("study", ["dsb2_dicom/1", "sunnybrook/SCD_IMAGES_01/SCD0000101"])
def test_real_planes_lie_where_simpleitk_puts_them(real_data, study):
    path = sorted((real_data / study).rglob("*.dcm"))[0]
    volume = sitk.ReadImage(str(path))
    position, orientation, spacing = (
        [float(value) for value in volume.GetMetaData(tag).split("\\")]
        for tag in ("0020|0032", "0020|0037", "0028|0030")
    )
    affine = image_affine(position, orientation, spacing)
    for row, column in ((0, 0), (17, 101), (150.5, 3)):
        expected = volume.TransformContinuousIndexToPhysicalPoint((column, row, 0))
        np.testing.assert_allclose((affine @ [row, column, 0, 1])[:3], expected, atol=0.01)


@pytest.mark.parametrize(
    ("position", "orientation", "spacing", "error", "words"),
    [
        ([0, 0], [1, 0, 0, 0, 1, 0], [1, 1], ValueError, r"position_mm.*\(3,\)"),
        ([0, 0, np.nan], [1, 0, 0, 0, 1, 0], [1, 1], GeometryError, "position_mm.*finite"),
        ([0, 0, 0], [1, 0, 0, 0, 2, 0], [1, 1], GeometryError, "orientation.*unit"),
        ([0, 0, 0], [0, 0, 0, 0, 0, 0], [1, 1], GeometryError, "orientation.*unit"),
        ([0, 0, 0], [1, 0, 0, 1, 0, 0], [1, 1], GeometryError, "orientation.*right angles"),
        ([0, 0, 0], [1, 0, 0, 0, 1, 0], [1, 0], GeometryError, "pixel_spacing_mm.*above 0"),
        ([0, 0, 0], [1, 0, 0, 0, 1, 0], [-1, 1], GeometryError, "pixel_spacing_mm.*above 0"),
    ],
)
def test_impossible_attributes_are_named(position, orientation, spacing, error, words):
    with pytest.raises(error, match=words):
        image_affine(position, orientation, spacing)


def test_grids_of_one_corner_agree_on_their_edges():
    # Pixel 0 of the coarse grid covers pixels 0 to 2 of the fine one, pixel 4 covers 12 to 14.
    matrix = same_corner_map([3, 1.5])
    np.testing.assert_allclose(matrix @ [0, 0, 1], [1, 0.25])
    np.testing.assert_allclose(matrix @ [4, 2, 1], [13, 3.25])
    np.testing.assert_allclose(matrix @ [-0.5, -0.5, 1], [-0.5, -0.5])  # the edge itself


@pytest.mark.parametrize("steps", [[0, 1], [-1, 1], [np.inf, 1], [1], [1, 1, 1]])
def test_steps_that_are_none_are_refused(steps):
    with pytest.raises(ValueError, match="steps: expected"):
        same_corner_map(steps)
