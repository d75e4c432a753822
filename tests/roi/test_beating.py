"""How much squares beat, by their slices."""

import numpy as np
import pytest

from lvvol.datasets.labelled import stack_of_planes
from lvvol.roi.beating import Beating

SHAPE = (184, 200)


def stack_with(*moving, n_phases=2, noise=0.0):
    """Return a slice in which squares (top, left, side) are bright, each by its own change."""
    images = np.zeros((1, n_phases, *SHAPE), np.float32)
    for (top, left, side), change in moving:
        images[0, 1::2, top : top + side, left : left + side] += change
    images += noise * np.random.default_rng(0).standard_normal(images.shape)
    return stack_of_planes(images.astype(np.float32), np.zeros(1))


HEART, AORTA = (40, 60, 48), (120, 120, 32)


def test_the_square_that_beats_most_is_1_and_others_are_shares_of_it():
    beating = Beating(stack_with((HEART, 1.0), (AORTA, 0.25)))
    assert beating(0, np.array(HEART, float)) == pytest.approx(1.0)
    # A square of the aorta's size that lies in the heart changes four times as much.
    assert beating(0, np.array(AORTA, float)) == pytest.approx(0.25)
    assert beating(0, np.array([0.0, 140.0, 48.0])) == 0


def test_half_the_heart_beats_half_as_much():
    beating = Beating(stack_with((HEART, 1.0)))
    assert beating(0, np.array([40.0, 84.0, 48.0])) == pytest.approx(0.5)


def test_a_square_beyond_the_image_is_moved_inside():
    beating = Beating(stack_with(((0, 0, 40), 1.0)))
    assert beating(0, np.array([-12.0, -9.0, 40.0])) == pytest.approx(1.0)
    assert beating(0, np.array([-500.0, -500.0, 400.0])) == pytest.approx(1.0)


@pytest.mark.parametrize("moving", [(), ((HEART, 0.0),)])
def test_where_nothing_changes_motion_says_nothing(moving):
    assert Beating(stack_with(*moving))(0, np.array(HEART, float)) == 1


def test_an_image_smaller_than_a_block():
    stack = stack_of_planes(np.zeros((1, 2, 3, 3), np.float32), np.zeros(1))
    assert Beating(stack)(0, np.array([0.0, 0.0, 3.0])) == 1


def test_the_order_of_phases_does_not_matter():
    stack = stack_with((HEART, 1.0), (AORTA, 0.5), n_phases=6, noise=0.1)
    turned = stack_of_planes(stack.images[:, [0, 3, 2, 5, 4, 1]], np.zeros(1))
    square = np.array(AORTA, float)
    assert Beating(turned)(0, square) == pytest.approx(Beating(stack)(0, square), rel=0.05)


def test_the_median_is_over_the_slices_given():
    planes = [stack_with((HEART, 1.0), (AORTA, share)).images[0] for share in (0.1, 0.3, 0.9)]
    beating = Beating(stack_of_planes(np.stack(planes), np.arange(3.0)))
    squares = np.tile(np.array(AORTA, float), (3, 1))
    assert beating.typical(squares, np.array([True, True, True])) == pytest.approx(0.3)
    assert beating.typical(squares, np.array([False, False, True])) == pytest.approx(0.9)
    assert beating.typical(squares, np.zeros(3, bool)) == 1
