"""The common pixel grid of all slices."""

import numpy as np
import pytest

from lvvol import load_study
from tests.support.studies import COLUMNS, DOWN, NORMAL, RIGHT, ROWS, pixels_of


def base(study, n=5, **tags):
    for index in range(n):
        study.slice(index, 2, SeriesNumber=index + 1, **tags)


def world(stack, slice_index, row, column):
    return stack.affines[slice_index] @ [row, column, 0, 1]


def test_equal_grids_are_unchanged(study):
    base(study)
    study.slice(5, 2, SeriesNumber=9, offset_mm=tuple(1.4 * DOWN - 1.2 * RIGHT))  # below one pixel
    stack = load_study(study.folder)
    np.testing.assert_array_equal(stack.images[5, 1], pixels_of(5, 1))
    expected = np.array([10, 20, 30]) + 40 * NORMAL + 1.4 * DOWN - 1.2 * RIGHT
    np.testing.assert_allclose(world(stack, 5, 0, 0), [*expected, 1])
    assert not any("Shifted" in d.what or "Resampled" in d.what for d in stack.decisions)


def test_shifted_field_of_view_is_moved_by_whole_pixels(study):
    base(study)
    # 3.2 rows down and 4 columns to the left.
    offset = 3.2 * 1.5 * DOWN - 4 * 1.25 * RIGHT
    study.slice(5, 2, SeriesNumber=9, offset_mm=tuple(offset))
    stack = load_study(study.folder)
    expected = np.zeros((ROWS, COLUMNS))
    expected[3:, : COLUMNS - 4] = pixels_of(5, 1)[: ROWS - 3, 4:]
    np.testing.assert_array_equal(stack.images[5, 1], expected)
    # Pixel (2, 7) of the file is now (5, 3), at the same position.
    place = np.array([10, 20, 30]) + 40 * NORMAL + offset + 2 * 1.5 * DOWN + 7 * 1.25 * RIGHT
    np.testing.assert_allclose(world(stack, 5, 5, 3), [*place, 1])
    assert any("Shifted series 9 by 3 rows and -4 columns" in d.what for d in stack.decisions)


@pytest.mark.parametrize(("rows", "columns"), [(30, 16), (20, 28)])
def test_other_matrix_is_cropped_and_padded(study, rows, columns):
    base(study)
    study.slice(5, 2, SeriesNumber=9, rows=rows, columns=columns)
    stack = load_study(study.folder)
    r, c = min(rows, ROWS), min(columns, COLUMNS)
    np.testing.assert_array_equal(
        stack.images[5, 1, :r, :c], pixels_of(5, 1, rows, columns)[:r, :c]
    )
    assert not stack.images[5, 1, r:].any()
    assert not stack.images[5, 1, :, c:].any()


def test_slice_outside_the_grid_is_empty(study):
    base(study)
    study.slice(5, 2, SeriesNumber=9, offset_mm=tuple(100 * DOWN))
    assert not load_study(study.folder).images[5].any()


def test_rotated_slice_is_rotated_back(study):
    """A quarter turn with square pixels: every pixel returns to its place."""
    square = {"PixelSpacing": [1.5, 1.5], "rows": 24, "columns": 24}
    base(study, **square)
    # Its rows point down and its columns left; its first pixel is at the top right of the grid.
    study.slice(
        5,
        2,
        SeriesNumber=9,
        ImageOrientationPatient=[*DOWN, *-RIGHT],
        offset_mm=tuple(23 * 1.5 * RIGHT),
        **square,
    )
    stack = load_study(study.folder)
    # Row r, column c of the file is at row c, column 23 - r of the grid.
    expected = pixels_of(5, 1, 24, 24).T[:, ::-1]
    np.testing.assert_allclose(stack.images[5, 1], expected, rtol=1e-5)
    np.testing.assert_allclose(stack.affines[5, :3, :2], stack.affines[0, :3, :2], atol=1e-9)
    assert any("rotated by 90.0 degrees" in d.why for d in stack.decisions)


def test_other_pixel_spacing_is_resampled(study):
    base(study)
    spacing = (1.8, 1.6)
    study.slice(5, 2, SeriesNumber=9, PixelSpacing=list(spacing), rows=22, columns=18)
    stack = load_study(study.folder)
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    source = [rows * 1.5 / 1.8, columns * 1.25 / 1.6]
    # Linear interpolation preserves the linear ramp of 4 per row and 1 per column.
    expected = 2000 * 5 + 100 + 4 * source[0] + source[1]
    inside = (source[0] <= 21) & (source[1] <= 17)
    assert inside.sum() > 400
    np.testing.assert_allclose(stack.images[5, 1][inside], expected[inside], rtol=1e-5)
    assert any("Resampled series 9" in d.what for d in stack.decisions)


def test_grid_is_that_of_the_majority(study):
    study.slice(0, 2, SeriesNumber=1, rows=30, columns=30)
    for index in (1, 2, 3):
        study.slice(index, 2, SeriesNumber=index + 1)
    study.slice(4, 2, SeriesNumber=8, rows=32, columns=32)
    assert load_study(study.folder).images.shape[2:] == (ROWS, COLUMNS)


def test_slightly_different_pixel_spacing_is_resampled(study):
    """0.8 % larger pixels stay within one pixel everywhere, but cover 1.6 % more area."""
    for index in range(4):
        study.slice(index, 3, SeriesNumber=index + 1)
    study.slice(4, 3, SeriesNumber=9, PixelSpacing=[1.5 * 1.008, 1.25 * 1.008])
    stack = load_study(study.folder)
    assert any(d.what.startswith("Resampled series 9") for d in stack.decisions)
    column_mm = np.linalg.norm(stack.affines[4][:3, 1])
    assert column_mm == pytest.approx(1.25)
