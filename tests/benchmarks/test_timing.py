"""Alternate timing, and the figures computed from the times."""

import time

import numpy as np
import pytest

from benchmarks.timing import Samples, times_ms


def test_every_way_runs_once_per_repeat_in_turn():
    calls = []
    ways = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    times = times_ms(ways, repeats=3, warm_ups=2)
    assert "".join(calls) == "ab" * 5
    assert [len(times[name].values) for name in "ab"] == [3, 3]


def test_times_are_in_milliseconds():
    (taken,) = times_ms({"sleep": lambda: time.sleep(0.02)}, repeats=2).values()
    assert 20 <= taken.smallest < 2000


def test_freeing_a_result_takes_no_part_in_the_time():
    class SlowToFree:
        def __del__(self):
            time.sleep(0.2)

    (taken,) = times_ms({"make": SlowToFree}, repeats=1, warm_ups=0).values()
    assert taken.smallest < 200


def test_summaries():
    samples = Samples(np.array([5.0, 1.0, 3.0, 2.0, 4.0, 6.0]))
    assert samples.median == 3.5
    assert samples.smallest == 1
    # Six values: the quantiles of 0.2 and 0.8 are the second and fifth in order.
    assert samples.summary("ms") == {"ms": 3.5, "ms_20_80": [2.0, 5.0]}


def test_sums_and_ratios_are_taken_repeat_by_repeat():
    """Twice as fast in every repeat, though the machine slows down tenfold meanwhile."""
    slow, fast = Samples(np.array([2.0, 20.0, 2.0])), Samples(np.array([1.0, 10.0, 1.0]))
    assert (slow / fast).values.tolist() == [2, 2, 2]
    assert (slow + fast).values.tolist() == [3, 30, 3]
    assert (slow / 2).values.tolist() == fast.values.tolist()


def test_ratios_need_as_many_repeats():
    with pytest.raises(ValueError, match="shapes"):
        Samples(np.ones(2)) / Samples(np.ones(3))
