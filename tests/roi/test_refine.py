"""The windows tried around a neighbour's ROI."""

import numpy as np
import pytest

from lvvol import load_model, load_study
from lvvol.preprocess import to_working_stack
from lvvol.roi import CascadeProposer, WindowScorer
from lvvol.roi.refine import LOWEST_SCORE, best_around, windows_around
from lvvol.roi.square import overlap

SQUARE = np.array([50.0, 70.0, 100.0])


class RecordingScorer:
    """Scores by a function and records the windows."""

    def __init__(self, score):
        self.score = score
        self.slices, self.squares = [], []

    def __call__(self, z, squares):
        self.slices.append(z)
        self.squares.append(squares)
        return self.score(squares)


@pytest.mark.parametrize(("side", "smallest"), [(40.0, 30.0), (30.0, 30.0), (20.0, 20.0)])
def test_150_windows_never_below_30_mm(side, smallest):
    windows = windows_around(np.array([0.0, 0.0, side]))
    assert windows.shape == (6, 5, 5, 3)
    assert windows[..., 2].min() == smallest
    assert windows[..., 2].max() == pytest.approx(1.1 * side)


def test_best_is_the_window_of_highest_score():
    truth = np.array([68.0, 72.0, 80.0])
    scorer = RecordingScorer(lambda squares: overlap(squares, truth))
    square, score = best_around(scorer, 3, SQUARE)
    assert set(scorer.slices) == {3}
    # Side 80 is tried, and centres move by 10: (110, 110) is nearest to the true (108, 112).
    np.testing.assert_allclose(square, [70.0, 70.0, 80.0])
    assert score == pytest.approx(78 * 78 / (2 * 6400 - 78 * 78))


@pytest.mark.parametrize("z", [0, 2, 5])
@pytest.mark.parametrize("seed", range(20))
def test_a_single_maximum_is_found_wherever_it_is(z, seed):
    rng = np.random.default_rng(seed)
    windows = windows_around(SQUARE)
    truth = windows.reshape(-1, 3)[rng.integers(150)] + rng.uniform(-2, 2, 3)
    scorer = RecordingScorer(lambda squares: overlap(squares, truth))
    square, score = best_around(scorer, z, SQUARE)
    assert score == overlap(windows, truth).max()
    assert overlap(square, truth) == score


def test_no_window_is_scored_twice_and_few_are_scored():
    scorer = RecordingScorer(lambda squares: overlap(squares, SQUARE))
    best_around(scorer, 0, SQUARE)
    asked = np.concatenate(scorer.squares)
    assert len(np.unique(asked, axis=0)) == len(asked)
    assert 27 < len(asked) < 80


def test_the_search_ends_if_all_scores_are_equal():
    scorer = RecordingScorer(lambda squares: np.zeros(len(squares)))
    square, score = best_around(scorer, 0, SQUARE)
    assert score == 0
    assert square in windows_around(SQUARE)


@pytest.mark.real_data
@pytest.mark.parametrize("study", ["dsb2_dicom/501", "sunnybrook/SCD_IMAGES_01/SCD0000201"])
def test_the_result_is_the_best_of_all_windows(real_data, study):
    """Slice by slice as in the search, on studies left out of training."""
    working = to_working_stack(load_study(real_data / study))
    model = load_model()
    scorer = WindowScorer(working, model.roi_classifier)
    middle = working.n_slices // 2
    square = CascadeProposer(model.detector)(working.images[middle])[0]
    believed = 0
    for z in range(middle, working.n_slices):
        windows = windows_around(square).reshape(-1, 3)
        scores = scorer(z, windows)
        found, _ = best_around(scorer, z, square)
        if scores.max() >= LOWEST_SCORE:
            believed += 1
            np.testing.assert_array_equal(found, windows[scores.argmax()])
            square = found
    assert believed >= 3
