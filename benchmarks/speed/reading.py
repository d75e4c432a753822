"""`load_study` beside the plain loop that everybody writes: `dcmread`, `pixel_array`, `np.stack`.

``python -m benchmarks.speed.reading DATA`` measures the five whole studies on one core and on two,
each in a process of its own and the two ways in turn, and writes ``results/reading.json``. The
files are in the disk cache. Stages are timed in runs of their own; what they leave is "rest".
"""

from __future__ import annotations

import os
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pydicom
from pydicom import config

from benchmarks.command import call_apart, read_paths
from benchmarks.machine import write_results
from lvvol import CineStack, load_study
from lvvol.dicom import load
from lvvol.dicom.files import read
from tests.support.real_studies import STUDIES

REPEATS = 15
CORES = (1, 2)

# Where the time of `load_study` goes: each function with all that it calls.
STAGES = {
    "read files": (read, "_content"),
    "parse headers": (read, "parse"),
    "take facts": (read, "images_of"),
    "find the stack": (load, "find_stack"),
    "find the grid": (load, "common_grid"),
    "decode pixels": (load, "_decode_stack"),
}


def plain_loop(study: Path) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Read every file; return pixels by SOP Instance UID, and stacked, one stack a matrix."""
    images = {}
    with config.disable_value_validation():  # its warnings would cost the loop, not lvvol
        for path in sorted(study.rglob("*.dcm")):
            ds = pydicom.dcmread(path)
            images[str(ds.SOPInstanceUID)] = ds.pixel_array
    matrices = defaultdict(list)
    for pixels in images.values():
        matrices[pixels.shape].append(pixels)
    return images, [np.stack(same) for same in matrices.values()]


def check(stack: CineStack, images: dict[str, np.ndarray]) -> None:
    """Raise AssertionError unless the stack holds the loop's pixels."""
    for uids, phases in zip(stack.sop_instance_uids, stack.images, strict=True):
        for uid, image in zip(uids, phases, strict=True):
            np.testing.assert_array_equal(image, images[uid])


@contextmanager
def timed_stages() -> Iterator[dict[str, float]]:
    """Add up the seconds that each stage takes."""
    seconds = dict.fromkeys(STAGES, 0.0)

    def timed(stage: str, function: Any) -> Any:
        def run(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                seconds[stage] += time.perf_counter() - start

        return run

    with ExitStack() as patches:
        for stage, (module, name) in STAGES.items():
            function = getattr(module, name)
            patches.enter_context(mock.patch.object(module, name, timed(stage, function)))
        yield seconds


def measure(study: Path, repeats: int) -> dict[str, Any]:
    """Time both ways in turn; return medians in ms, the median of ratios and its 20 and 80 %."""
    images, _ = plain_loop(study)
    check(load_study(study), images)
    plain_ms, load_ms, stages_ms = [], [], []
    for _ in range(repeats):
        plain_ms.append(_milliseconds(plain_loop, study))
        load_ms.append(_milliseconds(load_study, study))
        with timed_stages() as seconds:
            whole_ms = _milliseconds(load_study, study)
        told = {stage: 1000 * s for stage, s in seconds.items()}
        stages_ms.append({**told, "rest": whole_ms - sum(told.values())})
    ratios = np.array(load_ms) / np.array(plain_ms)
    return {
        "files": len(images),
        "plain_loop_ms": statistics.median(plain_ms),
        "load_study_ms": statistics.median(load_ms),
        "ratio": float(np.median(ratios)),
        "ratio_20_80": np.quantile(ratios, (0.2, 0.8)).tolist(),
        "stages_ms": {s: statistics.median(ms[s] for ms in stages_ms) for s in stages_ms[0]},
    }


def _milliseconds(function: Any, study: Path) -> float:
    start = time.perf_counter()
    result = function(study)
    taken = time.perf_counter() - start
    del result  # giving memory back is not timed
    return 1000 * taken


def measure_on(cores: int, study: Path, repeats: int) -> dict[str, Any]:
    """Measure in a new process that may use some cores only."""
    return call_apart(_measure_here, cores, str(study), repeats)


def _measure_here(cores: int, study: str, repeats: int) -> dict[str, Any]:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    return measure(Path(study), repeats)


def main(data: Path) -> None:
    """Measure all, write, print."""
    report = {
        f"{cores} core{'s' * (cores > 1)}": {
            study: measure_on(cores, data / study, REPEATS) for study in STUDIES
        }
        for cores in CORES
    }
    for cores, studies in report.items():
        for study, m in studies.items():
            print(f"{cores:8} {study:36} {m['plain_loop_ms']:6.0f} {m['load_study_ms']:6.0f} ms "
                  f"{m['ratio']:5.2f}")  # fmt: skip
    print(write_results("reading", report))


if __name__ == "__main__":
    main(*read_paths(__doc__, "DATA"))
