"""The guard of ratios: it lets noise pass and stops what became slow."""

import time

import numpy as np
import pytest

from benchmarks.pages.files import read_results
from benchmarks.speed import guard, windows


@pytest.mark.parametrize("name", guard.MEASURED)
def test_the_committed_runs_hold_ratios_to_guard(name):
    ratios, _ = guard.MEASURED[name]
    assert min(ratios(read_results(name)).values()) > 1


def test_a_noisy_try_is_repeated_and_a_good_one_is_not():
    tries = iter([{"a": 2.0}, {"a": 4.8}, {"a": 9.0}])
    assert guard.best_of_tries({"a": 5.0}, lambda: next(tries)) == {"a": 4.8}
    assert next(tries) == {"a": 9.0}


def test_it_ends_with_an_error_that_names_what_fell(monkeypatch, capsys):
    asked = []
    measure = {"windows": lambda: asked.append(1) or {"a": 3.4, "b": 5.0}}
    monkeypatch.setattr(guard, "read_results", lambda name: {"a": 5.0, "b": 5.0})
    monkeypatch.setattr(guard, "MEASURED", {n: (dict, m) for n, m in measure.items()})
    with pytest.raises(SystemExit, match=r"^fallen by more than 30 %: a$"):
        guard.main()
    assert len(asked) == guard.TRIES
    assert "a " in capsys.readouterr().out
    measure["windows"] = lambda: {"a": 3.6, "b": 9.0}
    monkeypatch.setattr(guard, "MEASURED", {n: (dict, m) for n, m in measure.items()})
    guard.main()


def test_a_slower_kernel_is_caught(monkeypatch):
    """A kernel that sleeps falls below the ratio that the same run measured without."""
    case = windows.classifier_case(windows.planes(2, 6), 150)
    monkeypatch.setattr(windows, "THREADS", (1,))

    def measured():
        found = windows.measure([case], 3)["1 thread"]
        return {"a": found["ratio"]}, found["opencv_ms"]

    before, opencv_ms = measured()
    plain = windows.by_lvvol

    def slow(case, out, threads):
        plain(case, out, threads)
        time.sleep(3 * opencv_ms / 1000)

    monkeypatch.setattr(windows, "by_lvvol", slow)
    now, _ = measured()
    assert np.isfinite(before["a"])
    assert guard.fallen(before, now) == ["a"]
