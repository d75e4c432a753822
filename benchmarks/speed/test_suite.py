"""The cases of the suite; `benchmarks.speed.suite` runs them and keeps their statistics."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.speed import growth, limits, throughput
from benchmarks.speed.contests import CONTESTS, OURS, Contest, Settings, enter, missing
from benchmarks.timing import Samples
from lvvol.model import Model

THREADS = (1, 2)
WAYS = [
    pytest.param(contest, way, id=f"{contest.group}-{contest.threads}-{way}")
    for contest in CONTESTS
    for way in contest.ways
]


@pytest.mark.parametrize(("contest", "way"), WAYS)
def test_contest(
    contest: Contest, way: str, settings: Settings, figures: dict[str, Any], benchmark: Any
) -> None:
    """A way does the work rightly, and takes this long; a peer's rounds alternate with lvvol's."""
    name(benchmark, contest.group, contest.threads, way)
    reason = missing(way, settings)
    if reason is not None:
        figures.setdefault("skipped", {})[f"{contest.group}/{contest.threads}/{way}"] = reason
        pytest.skip(reason)
    entry, ours = enter(contest, way, settings), enter(contest, OURS, settings)
    entry.check(entry.run())
    ours_s: list[float] = []

    def run_ours() -> None:
        ours_s.append(timed_s(ours.run))

    benchmark.pedantic(
        entry.run,
        setup=None if way == OURS else run_ours,
        rounds=settings.rounds,
        warmup_rounds=settings.warm_ups,
    )
    if way != OURS:
        theirs, paired = np.array(benchmark.stats.stats.data), np.array(ours_s)
        ratio = Samples(theirs) / Samples(paired[-len(theirs) :])  # the first was warm-up
        benchmark.extra_info |= ratio.summary("times_as_long")


def name(benchmark: Any, work: str, threads: int, way: str) -> None:
    """Put a case into the table of its work and number of threads."""
    benchmark.group = f"{work}, {threads or 'any'} thread{'s' * (threads != 1)}"
    benchmark.extra_info |= {"work": work, "threads": threads, "way": way}


def timed_s(run: Any) -> float:
    """Return the seconds of a call; the time to free its result is not included."""
    began = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - began
    del result
    return seconds


@pytest.mark.parametrize("threads", THREADS)
def test_cold_command(
    threads: int, settings: Settings, figures: dict[str, Any], benchmark: Any
) -> None:
    """`lvvol predict` in a new process."""
    name(benchmark, "cold command", threads, OURS)
    stages: list[dict[str, float]] = []

    def predict() -> None:
        arguments = ["predict", str(settings.study), "--json", "--threads", str(threads)]
        done = subprocess.run(
            [sys.executable, "-m", "lvvol", *arguments], capture_output=True, text=True, check=True
        )
        stages.append(json.loads(done.stdout)["timings_s"])

    benchmark.pedantic(predict, rounds=1 if settings.short else 7, warmup_rounds=settings.warm_ups)
    wall_s = float(np.median(benchmark.stats.stats.data))
    of_stages = {name: float(np.median([run[name] for run in stages])) for name in stages[0]}
    rest = {"start, imports and output": wall_s - sum(of_stages.values())}
    figures.setdefault("cold", {})[str(threads)] = {
        "wall_s": wall_s,
        "stages_s": of_stages | rest,
    }


@pytest.mark.parametrize("threads", THREADS)
def test_studies_in_a_row(threads: int, settings: Settings, figures: dict[str, Any]) -> None:
    """Many studies with one model: none slower than the first, and no memory lost."""
    row = throughput.in_a_row(settings.study, 2 if settings.short else 50, threads)
    figures.setdefault("row", {})[str(threads)] = row
    if not settings.short:  # two studies of some milliseconds are noise
        throughput.check(row)


@pytest.mark.parametrize("axis", growth.AXES)
def test_growth(
    axis: str, settings: Settings, figures: dict[str, Any], model: Model, tmp_path: Path
) -> None:
    """Time and memory grow no faster than the work."""
    rounds = 1 if settings.short else 5
    found = growth.measure(axis, model, tmp_path, rounds=rounds, short=settings.short)
    figures.setdefault("growth", {})[axis] = found
    if not settings.short:  # sizes are too near to one another
        growth.check(axis, "time", found["slope"])
    growth.check(axis, "memory", found["memory_slope"])


def test_more_threads_are_not_slower(
    settings: Settings, figures: dict[str, Any], model: Model
) -> None:
    """Two threads take no longer than one, within the noise."""
    found = growth.over_threads(model, settings.study, rounds=settings.rounds)
    figures.setdefault("growth", {})["threads"] = found
    if not settings.short:
        assert found["slope"] < growth.STEEPEST - 1, found


@pytest.mark.parametrize("threads", THREADS)
def test_limits(threads: int, settings: Settings, figures: dict[str, Any], model: Model) -> None:
    """No stage multiplies faster than the machine can, or its work was counted wrongly."""
    found = limits.measure(
        model, settings.study, threads, rounds=settings.rounds, short=settings.short
    )
    figures.setdefault("limits", {})[str(threads)] = found
    for stage, row in found["stages"].items():
        # Winograd's convolution saves multiply-adds that are counted, at most three of four.
        assert settings.short or row["share_of_multiply_adds"] < 4, stage
