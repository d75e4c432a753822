"""How fast this machine copies and multiplies, and how near to that each stage comes.

Bytes and multiply-adds are those that a stage cannot do without, counted from shapes: every input
read once and every output written once. A stage that is limited by neither, such as decoding, is
far from both limits for that reason.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.speed import inference
from benchmarks.speed.plain_pipeline import files_of
from benchmarks.timing import times_ms
from lvvol.model import Model
from lvvol.model import files_of as weights_files
from lvvol.networks.configs import CONTEXT_CHANNELS, PATCH_SIZE
from lvvol.prediction import Prediction
from lvvol.preprocess import to_working_stack
from lvvol.roi import WINDOW_SIZE
from lvvol.roi.phases import N_WINDOW_PHASES

FLOAT = 4
"""Bytes of a float32."""

TAPS = 4
"""Multiply-adds of a linear sample of an image."""


@dataclass(frozen=True)
class Work:
    """What a stage must do at least.

    Parameters
    ----------
    moved_bytes : int
        Inputs read once and outputs written once.
    multiply_adds : int
        In float32.
    """

    moved_bytes: int
    multiply_adds: int = 0


def machine_limits(threads: int, *, short: bool = False) -> dict[str, float]:
    """Return bytes a second that a copy reads and writes, and multiply-adds a second of a matmul.

    Both are the best of several tries, with `threads` threads.
    """
    n_bytes, side, tries = (2**22, 256, 2) if short else (2**28, 3072, 3)
    from_parts = np.array_split(np.ones(n_bytes, np.uint8), threads)
    to_parts = np.array_split(np.ones(n_bytes, np.uint8), threads)
    left, right = torch.rand(side, side), torch.rand(side, side)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    with ThreadPoolExecutor(threads) as pool:
        times = times_ms(
            {
                "copy": lambda: list(pool.map(np.copyto, to_parts, from_parts)),
                "matmul": partial(torch.matmul, left, right),
            },
            tries,
        )
    torch.set_num_threads(before)
    return {
        "bytes_per_s": 2 * n_bytes / times["copy"].smallest * 1000,
        "multiply_adds_per_s": side**3 / times["matmul"].smallest * 1000,
    }


def count(model: Model, study: Path) -> tuple[Prediction, dict[str, Work]]:
    """Measure a study and return what each stage of it must do at least."""
    scored: list[int] = []

    def counting(windows: Any, **options: Any) -> Any:
        scored.append(len(windows))
        return model.roi_classifier(windows, **options)

    prediction = replace(model, roi_classifier=counting).predict(study)
    stack = prediction.stack
    working = to_working_stack(stack).images
    n_windows, n_patches = sum(scored), stack.n_slices * stack.n_phases
    _, of_window = inference.multiply_adds()
    of_patch = sum(
        inference.multiply_adds_of_patch(path) for path in weights_files(model.weights)[2:]
    )
    window = N_WINDOW_PHASES * WINDOW_SIZE**2
    plane = PATCH_SIZE**2
    seen = working.nbytes * N_WINDOW_PHASES // max(stack.n_phases, N_WINDOW_PHASES)
    return prediction, {
        "read": Work(sum(path.stat().st_size for path in files_of(study)) + stack.images.nbytes),
        # Images are read for their ranks, then again to be mapped.
        "resample": Work(2 * stack.images.nbytes + working.nbytes, TAPS * working.size),
        # Windows are written, then read by the classifier.
        "roi": Work(seen + 2 * n_windows * window * FLOAT, n_windows * (of_window + TAPS * window)),
        "segment": Work(
            working.nbytes
            + 2 * n_patches * CONTEXT_CHANNELS * plane * FLOAT
            + prediction.lv_probability.nbytes,
            n_patches * (of_patch + TAPS * CONTEXT_CHANNELS * plane),
        ),
        "volume": Work(prediction.lv_probability.nbytes + prediction.areas_mm2.nbytes),
    }


def shares(
    work: dict[str, Work], stages_s: dict[str, float], limits: dict[str, float]
) -> dict[str, dict[str, float]]:
    """Return each stage's work, and the least time for it as a share of the time taken."""
    table = {}
    for stage, each in work.items():
        copy_s = each.moved_bytes / limits["bytes_per_s"]
        multiply_s = each.multiply_adds / limits["multiply_adds_per_s"]
        table[stage] = {
            "megabytes": each.moved_bytes / 1e6,
            "million_multiply_adds": each.multiply_adds / 1e6,
            "seconds": stages_s[stage],
            "share_of_bandwidth": copy_s / stages_s[stage],
            "share_of_multiply_adds": multiply_s / stages_s[stage],
        }
    return table


def measure(model: Model, study: Path, threads: int, *, rounds: int, short: bool) -> dict[str, Any]:
    """Return the machine's limits and each stage's share of them, measured alternately."""
    _, work = count(model, study)
    best = machine_limits(threads, short=short)
    runs: list[dict[str, float]] = []
    for _ in range(rounds):
        runs.append(dict(model.predict(study, threads=threads).timings_s))
        again = machine_limits(threads, short=short)
        best = {name: max(value, again[name]) for name, value in best.items()}
    stages_s = {stage: float(np.median([run[stage] for run in runs])) for stage in runs[0]}
    return {"limits": best, "stages": shares(work, stages_s, best)}
