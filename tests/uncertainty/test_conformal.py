"""Scaling of claims: ranks by hand, and coverage of data whose distribution nobody was told."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvvol.uncertainty.conformal import Claim, conformal_quantile


@pytest.mark.parametrize(
    ("n", "level", "rank"),
    [
        (9, 0.9, 9),  # ten times 0.9
        (19, 0.9, 18),
        (20, 0.9, 19),  # 18.9
        (3, 0.5, 2),
        (99, 0.55, 55),  # 55.00000000000001 in floating point
        (100, 0.5, 51),  # 50.5
    ],
)
def test_ranks_by_hand(n, level, rank):
    scores = np.random.default_rng(7).permutation(n) + 1.0  # each score is its rank
    assert conformal_quantile(scores, level) == rank


@pytest.mark.parametrize(("n", "level"), [(8, 0.9), (3, 0.8), (0, 0.5)])
def test_too_few_studies_promise_nothing(n, level):
    assert conformal_quantile(np.ones(n), level) == math.inf


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.floats(0.01, 0.99))
def test_enough_scores_are_at_most_the_quantile(scores, level):
    """Each score is the further one once: the exact count behind the promise."""
    covered = [
        score <= conformal_quantile(scores[:i] + scores[i + 1 :], level)
        for i, score in enumerate(scores)
    ]
    assert sum(covered) >= level * len(scores) - 1e-9


@settings(max_examples=15)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["normal", "heavy", "skewed"]),
    st.sampled_from([0.5, 0.8, 0.9]),
)
def test_coverage_of_exchangeable_studies(seed, kind, level):
    """A claim of the wrong width and shape covers what it says once it is scaled."""
    rng = np.random.default_rng(seed)
    n, repeats = 40, 1000
    draw = {
        "normal": lambda size: rng.normal(0.0, 1.0, size),
        "heavy": lambda size: rng.standard_t(2, size),
        "skewed": lambda size: rng.exponential(1.0, size) - 0.3,
    }[kind]
    claim = Claim(0.0, -0.2, 0.5)
    of_one = np.vectorize(claim.score)
    scores = of_one(draw((repeats, n + 1)))
    covered = np.mean([row[-1] <= conformal_quantile(row[:-1], level) for row in scores])
    exact = math.ceil((n + 1) * level - 1e-9) / (n + 1)
    # Five standard deviations of the count.
    assert abs(covered - exact) < 5 * math.sqrt(exact * (1 - exact) / repeats)


@given(st.floats(-5, 5), st.floats(0.1, 3), st.floats(0.1, 3), st.floats(0.1, 4), st.floats(-9, 9))
def test_a_scaled_interval_holds_what_scores_up_to_the_scale(value, below, above, scale, truth):
    claim = Claim(value, value - below, value + above)
    low, high = claim.scaled(scale)
    score = claim.score(truth)
    if abs(score - scale) > 1e-6:
        assert (low <= truth <= high) == (score <= scale)


def test_each_side_has_its_own_width():
    claim = Claim(10.0, 8.0, 14.0)
    assert (claim.score(6.0), claim.score(18.0), claim.score(10.0)) == (2.0, 2.0, 0.0)
    assert claim.scaled(2.0) == (6.0, 18.0)


def test_a_side_of_no_width_holds_nothing():
    assert Claim(100.0, 90.0, 100.0).score(101.0) == math.inf
    assert Claim(100.0, 90.0, 100.0).score(100.0) == 0.0


@pytest.mark.parametrize(
    ("scores", "level", "message"),
    [
        ([1.0], 1.0, "level: expected above 0 and below 1, got 1.0"),
        ([1.0], 0.0, "level: expected above 0"),
        ([np.nan], 0.5, "scores: expected"),
        ([[1.0]], 0.5, r"got \(1, 1\)"),
    ],
)
def test_bad_arguments_are_refused(scores, level, message):
    with pytest.raises(ValueError, match=message):
        conformal_quantile(scores, level)
