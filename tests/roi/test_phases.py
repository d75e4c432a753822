"""The six phases of a window."""

import numpy as np
import pytest

from lvvol.roi.phases import window_phases


@pytest.mark.parametrize(
    ("n_phases", "expected"),
    [
        (1, [0, 0, 0, 0, 0, 0]),
        (2, [0, 0, 1, 1, 0, 0]),
        (7, [0, 1, 3, 4, 6, 0]),  # nearest to 0, 1.4, 2.8, 4.2, 5.6, 7
        (20, [0, 4, 8, 12, 16, 0]),
        (25, [0, 5, 10, 15, 20, 0]),
        (30, [0, 6, 12, 18, 24, 0]),
    ],
)
def test_six_phases_by_hand(n_phases, expected):
    phases = window_phases(n_phases)
    assert phases.tolist() == expected
    assert phases.dtype == np.int64


@pytest.mark.parametrize("n_phases", range(2, 61))
def test_phases_are_evenly_spaced_and_start_and_end_at_the_r_wave(n_phases):
    phases = window_phases(n_phases)
    assert phases[0] == phases[-1] == 0
    assert ((phases >= 0) & (phases < n_phases)).all()
    unwrapped = [*phases[:-1], n_phases]
    for k, phase in enumerate(unwrapped[:-1]):
        away = abs(phase - k * n_phases / 5)
        assert min(away, n_phases - away) <= 0.5


def test_other_counts():
    assert window_phases(10, 2).tolist() == [0, 0]
    assert window_phases(10, 3).tolist() == [0, 5, 0]


@pytest.mark.parametrize(("n_phases", "count"), [(0, 6), (-1, 6), (10, 1)])
def test_invalid_counts_are_refused(n_phases, count):
    with pytest.raises(ValueError, match=f"got {n_phases} and {count}"):
        window_phases(n_phases, count)
