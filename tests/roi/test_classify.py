"""`WindowScorer` extracts the classifier's windows."""

import numpy as np
import pytest

from lvvol.datasets.labelled import stack_of_planes
from lvvol.roi import WindowScorer


@pytest.fixture
def stack():
    images = np.random.default_rng(0).random((3, 20, 60, 70), dtype=np.float32)
    return stack_of_planes(images, 8.0 * np.arange(3))


def test_windows_are_pixels_at_six_phases_minus_their_mean(stack):
    seen = []

    def score(windows):
        seen.append(windows)
        return np.array([0.25, 0.75])

    squares = np.array([[10.0, 20.0, 25.0], [35.0, 45.0, 25.0]])
    assert WindowScorer(stack, score)(1, squares).tolist() == [0.25, 0.75]
    (windows,) = seen
    assert windows.shape == (2, 6, 25, 25)
    assert windows.dtype == np.float32
    six = stack.images[1, [0, 4, 8, 12, 16, 0]]
    for window, pixels in zip(windows, (six[:, 10:35, 20:45], six[:, 35:, 45:]), strict=True):
        np.testing.assert_allclose(window, pixels - pixels.mean(), atol=1e-6)


def test_edge_pixels_are_repeated_beyond_the_image(stack):
    def score(windows):
        above = windows[0, :, :5]
        np.testing.assert_allclose(above, np.repeat(windows[0, :, 5:6], 5, axis=1), atol=1e-6)
        return np.zeros(1)

    WindowScorer(stack, score)(0, np.array([[-5.0, 10.0, 25.0]]))


def test_squares_of_any_memory_layout_are_accepted(stack):
    def score(windows):
        return windows.std(axis=(1, 2, 3)).astype(np.float64)

    squares = np.array([[10.0, 20.0, 30.0], [5.0, 4.0, 40.0]])
    scorer = WindowScorer(stack, score)
    np.testing.assert_array_equal(
        scorer(2, np.asfortranarray(squares)[::-1]), scorer(2, squares)[::-1]
    )
