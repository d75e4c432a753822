"""The windows tried around a neighbour's ROI."""

import numpy as np
import pytest

from lvvol.roi.refine import best_around
from lvvol.roi.square import overlap

SQUARE = np.array([50.0, 70.0, 100.0])


@pytest.mark.parametrize(("side", "smallest"), [(40.0, 30.0), (30.0, 30.0), (20.0, 20.0)])
def test_150_windows_never_below_30_mm(side, smallest):
    asked = []

    def scorer(z, squares):
        asked.append(squares)
        return np.arange(len(squares))

    best_around(scorer, 0, np.array([0.0, 0.0, side]))
    (squares,) = asked
    assert squares.shape == (150, 3)
    assert squares[:, 2].min() == smallest
    assert squares[:, 2].max() == pytest.approx(1.1 * side)


def test_best_is_the_window_of_highest_score():
    truth = np.array([68.0, 72.0, 80.0])
    asked = []

    def scorer(z, squares):
        asked.append(z)
        return overlap(squares, truth)

    square, score = best_around(scorer, 3, SQUARE)
    assert asked == [3]
    # Side 80 is tried, and centres move by 10: (110, 110) is nearest to the truth's (108, 112).
    np.testing.assert_allclose(square, [70.0, 70.0, 80.0])
    assert score == pytest.approx(78 * 78 / (2 * 6400 - 78 * 78))
