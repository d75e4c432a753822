"""The dense scan: all squares are inside the image, and one is near every heart."""

import numpy as np
import pytest

from lvvol.roi.propose import SIDES_MM, dense_scan
from lvvol.roi.square import overlap


def scan(rows, columns):
    return dense_scan(np.zeros((2, rows, columns), dtype=np.float32))


@pytest.mark.parametrize("shape", [(184, 184), (256, 192), (60, 400), (40, 40)])
def test_every_square_is_inside_the_image(shape):
    squares = scan(*shape)
    assert len(squares) > 0
    assert (squares[:, :2] >= 0).all()
    assert (squares[:, :2] + squares[:, 2:] <= np.array(shape) + 1e-6).all()
    assert squares[:, 2].min() == SIDES_MM[0]
    assert squares[:, 2].max() <= SIDES_MM[1]
    assert (np.diff(squares[:, 2]) >= 0).all()
    assert len(np.unique(squares, axis=0)) == len(squares)


def test_count_by_hand():
    # Sides 40 and 50 fit 60 x 50. Steps of 40 / 6: 4 rows of corners (0 to 20), 2 columns (0, 6.7).
    # Steps of 50 / 6: 2 rows of corners (0 and 8.3), 1 column.
    squares = scan(60, 50)
    assert np.unique(squares[:, 2], return_counts=True)[1].tolist() == [8, 2]
    np.testing.assert_allclose(squares[8:], [[0, 0, 50], [50 / 6, 0, 50]])


def test_an_image_too_small_for_a_heart_gives_no_proposals():
    assert scan(39, 300).shape == (0, 3)


@pytest.mark.parametrize("shape", [(256, 256), (184, 184), (230, 300), (128, 192)])
def test_any_square_inside_has_a_proposal_nearby(shape):
    rng = np.random.default_rng(2)
    proposals = scan(*shape)
    margin_mm = 20.0
    worst = 1.0
    for _ in range(1500):
        side = rng.uniform(SIDES_MM[0], min(SIDES_MM[1], min(shape) - 2 * margin_mm))
        corner = rng.uniform(margin_mm, np.array(shape) - margin_mm - side)
        worst = min(worst, overlap(proposals, np.array([*corner, side])).max())
    assert worst >= 0.6
