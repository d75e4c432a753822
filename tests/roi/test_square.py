"""Squares of masks of known area, and overlaps of squares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvvol.roi.square import CAVITY_FILL, SMALLEST_SIDE_MM, labelled_square, overlap

corners = st.floats(-50, 250)
squares = st.tuples(corners, corners, st.floats(30, 180)).map(np.array)


def test_square_of_a_rectangle_by_hand():
    mask = np.zeros((184, 184), dtype=bool)
    mask[40:94, 20:70] = True  # 54 x 50 = 2700 mm2, 27 % of 100 x 100, around (67, 45)
    np.testing.assert_allclose(labelled_square(mask), [17.0, -5.0, 100.0])


def test_square_of_a_disc_is_centred_on_it():
    rows, columns = np.indices((184, 184)) + 0.5
    mask = np.hypot(rows - 90.25, columns - 101.75) < 28
    top, left, side = labelled_square(mask)
    assert side == pytest.approx(np.sqrt(np.pi * 28**2 / CAVITY_FILL), rel=0.01)
    assert (top + side / 2, left + side / 2) == pytest.approx((90.25, 101.75), abs=0.05)


def test_a_cavity_of_one_pixel_gets_the_smallest_square():
    mask = np.zeros((60, 80), dtype=bool)
    mask[7, 30] = True
    half = SMALLEST_SIDE_MM / 2
    assert labelled_square(mask).tolist() == [7.5 - half, 30.5 - half, SMALLEST_SIDE_MM]


def test_no_cavity_no_square():
    assert labelled_square(np.zeros((60, 80), dtype=bool)) is None


@pytest.mark.parametrize(
    ("other", "iou"),
    [
        ([0.0, 0.0, 10.0], 1.0),
        ([5.0, 5.0, 10.0], 25 / 175),
        ([2.0, 3.0, 5.0], 25 / 100),  # inside
        ([-5.0, 0.0, 20.0], 100 / 400),  # around
        ([0.0, 10.0, 10.0], 0.0),  # side by side
        ([20.0, 20.0, 5.0], 0.0),  # apart along both axes
    ],
)
def test_overlap_by_hand(other, iou):
    assert overlap(np.array(other), np.array([0.0, 0.0, 10.0])) == pytest.approx(iou)


def test_overlap_is_vectorised():
    many = np.random.default_rng(0).uniform(20, 90, (4, 3, 3))
    one = np.array([30.0, 40.0, 50.0])
    together = overlap(many, one)
    assert together.shape == (4, 3)
    for index in np.ndindex(4, 3):
        assert together[index] == overlap(many[index], one)


@given(squares, squares)
def test_overlap_is_symmetric_and_from_0_to_1(a, b):
    iou = float(overlap(a, b))
    assert iou == pytest.approx(float(overlap(b, a)), abs=1e-9)
    assert 0 <= iou <= 1 + 1e-9
    # The bound is reached with the smaller square inside the larger one.
    assert iou <= (min(a[2], b[2]) / max(a[2], b[2])) ** 2 + 1e-9


@given(squares, squares, st.floats(-100, 100), st.floats(0.1, 10))
def test_overlap_is_invariant_to_shift_and_scale(a, b, shift, scale):
    moved = [square * scale + np.array([shift, -shift, 0.0]) for square in (a, b)]
    assert float(overlap(*moved)) == pytest.approx(float(overlap(a, b)), abs=1e-6)
