"""Studies in a row with a loaded model, in a process of its own: time, stages and memory."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.command import call_apart
from benchmarks.speed import growth
from lvvol.bench import peak_memory_mb
from lvvol.model import load_model

MAY_GROW_MB = 20.0
"""Memory that may come on top between the third study of a row and the last."""


def in_a_row(study: Path, count: int, threads: int) -> dict[str, Any]:
    """Measure a study `count` times in a new process."""
    return dict(call_apart(_here, str(study), count, threads))


def _here(study: str, count: int, threads: int) -> dict[str, Any]:
    began = time.perf_counter()
    model = load_model()
    loading_s = time.perf_counter() - began
    studies_s, stages, peaks_mb = [], [], []
    for _ in range(count + 1):  # the first is warm-up
        began = time.perf_counter()
        prediction = model.predict(study, threads=threads)
        studies_s.append(time.perf_counter() - began)
        stages.append(prediction.timings_s)
        peaks_mb.append(peak_memory_mb())
    warm_s = median(studies_s[1:])
    of_stages = {stage: median(run[stage] for run in stages[1:]) for stage in stages[0]}
    return {
        "threads": threads,
        "studies": count,
        "load_model_s": loading_s,
        "first_s": studies_s[0],
        "study_s": warm_s,
        "slowest_s": max(studies_s[1:]),
        "studies_per_minute": 60 * count / sum(studies_s[1:]),
        "stages_s": of_stages,
        "shares": {
            stage: seconds / sum(of_stages.values()) for stage, seconds in of_stages.items()
        },
        "peak_mb": peaks_mb[-1],
        "grown_mb": peaks_mb[-1] - peaks_mb[min(3, count)],
        "late_over_early": median(studies_s[-count // 3 :])
        / median(studies_s[1 : 1 + -(-count // 3)]),
    }


def check(row: dict[str, Any]) -> None:
    """Raise AssertionError where studies become slower or need more memory in a row."""
    assert row["grown_mb"] <= MAY_GROW_MB, f"memory grew by {row['grown_mb']:.0f} MB in a row"
    late = row["late_over_early"]
    assert late <= growth.STEEPEST * 1.2, f"the last studies took {late:.2f} times as long"
