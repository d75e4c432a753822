"""`_core.propose_windows` by hand and against NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvvol import _core

SQUARE = np.array([50.0, 70.0, 100.0])


def reference(square, factors, moves, reach, smallest_side):
    """Propose windows by NumPy's `linspace` and `meshgrid`."""
    sides = np.maximum(square[2] * np.array(factors), min(smallest_side, square[2]))
    shifts = np.linspace(-reach, reach, moves) if moves > 1 else np.zeros(1)
    side, down, right = np.meshgrid(sides, shifts, shifts, indexing="ij")
    centre = square[:2] + square[2] / 2
    tops = centre[0] + down * square[2] - side / 2
    lefts = centre[1] + right * square[2] - side / 2
    return np.column_stack([tops.ravel(), lefts.ravel(), side.ravel()])


def test_by_default_150_windows_of_0_6_to_1_1_sides_at_25_places():
    windows = _core.propose_windows(SQUARE)
    assert windows.shape == (150, 3)
    assert windows.dtype == np.float64
    assert len(np.unique(windows.round(9), axis=0)) == 150
    assert np.unique(windows[:, 2].round(9)).tolist() == [60, 70, 80, 90, 100, 110]
    moves = windows[:, :2] + windows[:, 2:] / 2 - (SQUARE[:2] + 50)
    assert np.unique(moves.round(9)).tolist() == [-20, -10, 0, 10, 20]
    assert np.isclose(windows, SQUARE).all(axis=1).any()


def test_order_is_by_factor_then_down_then_right():
    windows = _core.propose_windows(
        np.array([10.0, 20.0, 8.0]), factors=[1.0, 0.5], moves=2, reach=0.25
    )
    assert windows.tolist() == [
        [8, 18, 8],
        [8, 22, 8],
        [12, 18, 8],
        [12, 22, 8],
        [10, 20, 4],
        [10, 24, 4],
        [14, 20, 4],
        [14, 24, 4],
    ]


def test_the_defaults_are_numpys_to_the_last_bit():
    rng = np.random.default_rng(0)
    for _ in range(200):
        square = np.array([*rng.uniform(-50, 250, 2), rng.uniform(1, 150)])
        np.testing.assert_array_equal(
            _core.propose_windows(square, smallest_side=30),
            reference(square, (0.6, 0.7, 0.8, 0.9, 1.0, 1.1), 5, 0.2, 30),
        )


@given(
    square=st.tuples(st.floats(-300, 300), st.floats(-300, 300), st.floats(0.1, 400)),
    factors=st.lists(st.floats(0.1, 3), max_size=4),
    moves=st.integers(1, 6),
    reach=st.floats(0, 2),
    smallest_side=st.floats(0, 100),
    shape=st.tuples(st.integers(0, 300), st.integers(0, 300)),
)
def test_any_grid_agrees_with_numpy(square, factors, moves, reach, smallest_side, shape):
    square = np.array(square)
    options = {"factors": factors, "moves": moves, "reach": reach, "smallest_side": smallest_side}
    expected = reference(square, **options)
    np.testing.assert_allclose(_core.propose_windows(square, **options), expected, atol=1e-9)
    # Those with no window within rounding of the image's edge are decided the same by both.
    ends = expected[:, :2] + expected[:, 2:]
    if min(np.abs(expected[:, :2]).min(initial=1), np.abs(ends - shape).min(initial=1)) < 1e-6:
        return
    inside = (expected[:, :2] >= 0).all(axis=1) & (ends <= shape).all(axis=1)
    np.testing.assert_allclose(
        _core.propose_windows(square, **options, inside=shape), expected[inside], atol=1e-9
    )


def test_windows_that_end_at_the_edge_are_inside():
    # Centres 4, 5 and 6 of an image of 10 x 9: sides of 8 end at 0 and 10, or lie across an edge.
    windows = _core.propose_windows(
        np.array([0.0, 0.0, 10.0]), factors=[0.8], moves=3, reach=0.1, inside=(10, 9)
    )
    assert windows.tolist() == [[0, 0, 8], [0, 1, 8], [1, 0, 8], [1, 1, 8], [2, 0, 8], [2, 1, 8]]


def test_rounding_does_not_put_a_window_outside():
    # Its top, 0.3 + 0.15 - 0.1 * 0.3 - 0.42, is 0 but for rounding.
    for factor, start in itertools.product((0.6, 0.7, 0.9, 1.1), (0.0, 0.1, 0.3)):
        top = start * 0.3
        square = np.array([top + 0.3 * (factor - 1) / 2, 1.0, 0.3])
        windows = _core.propose_windows(square, factors=[factor], moves=1, inside=(10, 10))
        assert len(windows) == 1


def test_nothing_inside_gives_no_window():
    assert _core.propose_windows(SQUARE, inside=(40, 40)).shape == (0, 3)
    assert _core.propose_windows(SQUARE, inside=(0, 0)).shape == (0, 3)
    assert _core.propose_windows(SQUARE, factors=[]).shape == (0, 3)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"square": [1.0, 2, 3]}, TypeError, "square.*list"),
        ({"square": np.array([1, 2, 3])}, TypeError, "square.*int64"),
        ({"square": np.ones(4)}, ValueError, r"square.*\(4,\)"),
        ({"square": np.ones((1, 3))}, ValueError, r"square.*\(1, 3\)"),
        ({"square": np.ones(6)[::2]}, ValueError, "square.*contiguous"),
        ({"square": np.array([np.nan, 0, 9])}, ValueError, "square.*finite"),
        ({"square": np.array([0, np.inf, 9])}, ValueError, "square.*finite"),
        ({"square": np.array([0, 0, np.nan])}, ValueError, "square.*side"),
        ({"square": np.array([0.0, 0, 0])}, ValueError, "square.*side"),
        ({"square": np.array([0.0, 0, -1])}, ValueError, "square.*side"),
        ({"factors": [0.6, 0.0]}, ValueError, "factors.*above 0"),
        ({"factors": [np.nan]}, ValueError, "factors.*nan"),
        ({"factors": [1.0] * 1001}, ValueError, "factors.*1001"),
        ({"moves": 0}, ValueError, "moves.*0"),
        ({"moves": -1}, ValueError, "moves.*-1"),
        ({"moves": 1001}, ValueError, "moves.*1001"),
        (
            {"factors": [1.0] * 1000, "moves": 1000},
            ValueError,
            "at most 1000000 windows, got 1000000000",
        ),
        ({"factors": [1.0, 2.0], "moves": 1000}, ValueError, "factors, moves.* got 2000000"),
        ({"reach": -0.1}, ValueError, "reach.*-0.1"),
        ({"reach": np.inf}, ValueError, "reach.*inf"),
        ({"smallest_side": -1.0}, ValueError, "smallest_side.*-1"),
        ({"smallest_side": np.nan}, ValueError, "smallest_side.*nan"),
        ({"inside": (-1, 9)}, ValueError, "inside.*-1"),
    ],
)
def test_bad_arguments_are_named(changes, error, words):
    arguments = {"square": SQUARE, **changes}
    with pytest.raises(error, match=words):
        _core.propose_windows(**arguments)
