"""The windows tried around a neighbour's ROI."""

import numpy as np
import pytest

from lvvol.roi.refine import best_around, windows_around
from lvvol.roi.square import overlap

SQUARE = np.array([50.0, 70.0, 100.0])


def test_count_sides_and_moves():
    windows = windows_around(SQUARE)
    assert windows.shape == (150, 3)
    assert len(np.unique(windows.round(9), axis=0)) == 150
    assert np.unique(windows[:, 2].round(9)).tolist() == [60, 70, 80, 90, 100, 110]
    moves = windows[:, :2] + windows[:, 2:] / 2 - (SQUARE[:2] + 50)
    assert np.unique(moves.round(9)).tolist() == [-20, -10, 0, 10, 20]


def test_the_square_itself_is_among_them():
    assert np.isclose(windows_around(SQUARE), SQUARE).all(axis=1).any()


@pytest.mark.parametrize(("side", "smallest"), [(40.0, 30.0), (30.0, 30.0), (20.0, 20.0)])
def test_windows_never_shrink_below_30_mm(side, smallest):
    windows = windows_around(np.array([0.0, 0.0, side]))
    assert windows[:, 2].min() == smallest
    assert windows[:, 2].max() == pytest.approx(1.1 * side)


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
