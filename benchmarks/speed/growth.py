"""Whether time and memory grow no faster than the work: slices, phases, matrix, studies, threads.

The slope of the logarithm of time over that of size is 1 where twice the work takes twice as long,
and 2 where it takes four times as long. A fixed cost lowers it.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.command import call_apart
from benchmarks.timing import times_ms
from lvvol.bench import peak_memory_mb
from lvvol.model import Model, load_model
from lvvol.phantom import make_phantom, write_study

STEEPEST = 1.25
"""Largest slope that passes. Sizes span a factor of four, where times would have to be wrong by
40 % to raise a slope of 1 to it, and a quadratic step that takes a fifth of the time of the
smallest size raises it above."""

AXES = ("slices", "phases", "pixels", "studies")


def sizes(axis: str, *, short: bool) -> list[int]:
    """Return the sizes of an axis; those of `pixels` are rows of the matrix."""
    if short:
        return {"slices": [4, 8], "phases": [3, 6], "pixels": [64, 80], "studies": [1, 2]}[axis]
    return {
        "slices": [6, 12, 24],
        "phases": [15, 30, 60],
        "pixels": [128, 256, 512],
        "studies": [1, 2, 4, 8],
    }[axis]


def write_phantom(axis: str, size: int, folder: Path, *, short: bool) -> Path:
    """Write the phantom of a size; the other sizes are moderate."""
    n = {"slices": 5, "phases": 4, "pixels": 64} if short else {
        "slices": 9, "phases": 10 if axis == "pixels" else 20, "pixels": 192
    }  # fmt: skip
    n[axis] = size
    phantom = make_phantom(8, n_slices=n["slices"], n_phases=n["phases"], rows=n["pixels"])
    return write_study(phantom, folder / f"{axis}-{size}")


def slope(amounts: npt.ArrayLike, taken: npt.ArrayLike) -> float:
    """Return the slope of a straight line through the logarithms.

    Examples
    --------
    >>> round(slope([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    return float(np.polyfit(np.log(amounts), np.log(taken), 1)[0])


def check(axis: str, what: str, steepness: float) -> None:
    """Raise AssertionError where something grows faster than the work."""
    assert steepness <= STEEPEST, (
        f"{what} over {axis}: expected a slope of at most {STEEPEST}, got {steepness:.2f}"
    )


def measure(axis: str, model: Model, folder: Path, *, rounds: int, short: bool) -> dict[str, Any]:
    """Time all sizes alternately, and return medians and slopes, of memory too.

    Memory is the peak of a new process. Several studies are the same one measured again.
    """
    each = sizes(axis, short=short)
    if axis == "studies":
        one = write_phantom("slices", 4 if short else 12, folder, short=short)
        studies = [[one] * size for size in each]
    else:
        studies = [[write_phantom(axis, size, folder, short=short)] for size in each]
    stages: dict[int, list[dict[str, float]]] = {size: [] for size in each}

    def predict(size: int, paths: list[Path]) -> None:
        runs = [model.predict(path).timings_s for path in paths]
        stages[size].append({stage: sum(run[stage] for run in runs) for stage in runs[0]})

    ways = {size: partial(predict, size, paths) for size, paths in zip(each, studies, strict=True)}
    times = times_ms(ways, rounds)
    milliseconds = [times[size].median for size in each]
    peaks_mb = [call_apart(peak_mb, [str(path) for path in paths]) for paths in studies]
    amounts = [size**2 if axis == "pixels" else size for size in each]
    names = stages[each[0]][0]
    of_stages = {
        stage: [float(np.median([run[stage] for run in stages[size]])) for size in each]
        for stage in names
    }
    return {
        "sizes": each,
        "ms": milliseconds,
        "peak_mb": peaks_mb,
        "slope": slope(amounts, milliseconds),
        "memory_slope": slope(amounts, peaks_mb),
        "stage_slopes": {stage: slope(amounts, taken) for stage, taken in of_stages.items()},
    }


def over_threads(model: Model, study: Path, *, rounds: int) -> dict[str, Any]:
    """Time one study with one thread up to as many as there are cores, alternately."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    each = sorted({1, 2, cores or 1})
    times = times_ms({n: partial(model.predict, study, threads=n) for n in each}, rounds)
    milliseconds = [times[n].median for n in each]
    return {"sizes": each, "ms": milliseconds, "slope": slope(each, milliseconds)}


def peak_mb(studies: list[str]) -> float:
    """Return the peak memory of this process, after measuring studies in it."""
    model = load_model()
    for study in studies:
        model.predict(study)
    return peak_memory_mb()
