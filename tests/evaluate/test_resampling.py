"""The bootstrap: intervals as theory has them, and figures by hand."""

import math

import numpy as np
import pytest

from lvvol.evaluate.resampling import Resampling, error_figures, interval, value


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    values = np.random.default_rng(0).normal(50.0, 10.0, 400)
    low, high = interval(Resampling(400).mean(values))
    half = 1.96 * values.std() / math.sqrt(400)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1)


def test_the_same_seed_draws_the_same_patients():
    values = np.arange(20.0)
    first, again, other = (
        Resampling(20, 50, seed=seed).mean(values).tolist() for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_each_draw_is_a_mean_of_drawn_patients():
    draws = Resampling(2, 200)
    assert {*draws.mean(np.array([0.0, 1.0])).tolist()} == {0.0, 0.5, 1.0}


def test_unknown_values_do_not_count():
    draws = Resampling(3, 100)
    values = np.array([1.0, np.nan, 1.0])
    means = draws.mean(values)
    assert value(means) == 1
    # Of draws of the unknown patient alone there is no mean, and they do not count.
    assert np.isnan(means[1:]).any()
    assert interval(means) == (1, 1)


def test_nobody_known_gives_neither_figure_nor_interval():
    means = Resampling(3, 10).mean(np.full(3, np.nan))
    assert math.isnan(value(means))
    assert interval(means) is None


def test_limits_of_agreement_and_relative_error_by_hand():
    # Errors 3, -1, 4: mean 2, squares about it 1 + 9 + 4, over n - 1 = 2.
    figures = error_figures(Resampling(3, 0), [13.0, 19.0, 24.0], [10.0, 20.0, 20.0])
    spread = 1.96 * math.sqrt(7)
    assert value(figures["lower_limit"]) == pytest.approx(2 - spread)
    assert value(figures["upper_limit"]) == pytest.approx(2 + spread)
    assert value(figures["relative_error_percent"]) == pytest.approx(100 * (0.3 + 0.05 + 0.2) / 3)


def test_a_resample_is_what_its_patients_alone_would_give():
    rng = np.random.default_rng(3)
    measured, labelled = rng.normal(100, 30, (2, 12))
    draws = Resampling(12, 5)
    found = error_figures(draws, measured, labelled)
    counts = np.random.default_rng(0).multinomial(12, np.full(12, 1 / 12), size=5)
    for i, count in enumerate(counts, 1):
        drawn = np.repeat(np.arange(12), count)
        a, b = measured[drawn], labelled[drawn]
        assert found["correlation"][i] == pytest.approx(np.corrcoef(a, b)[0, 1])
        assert found["rmse"][i] == pytest.approx(np.sqrt(((a - b) ** 2).mean()))
        assert found["upper_limit"][i] == pytest.approx((a - b).mean() + 1.96 * (a - b).std(ddof=1))


def test_labels_of_zero_have_no_relative_error():
    figures = error_figures(Resampling(2, 0), [1.0, 3.0], [0.0, 2.0])
    assert value(figures["relative_error_percent"]) == pytest.approx(50)


def test_no_patient_to_draw_is_refused():
    with pytest.raises(ValueError, match="n_patients: expected at least 1, got 0"):
        Resampling(0)
