"""Whether lvvol is still as much faster than its peers as the last committed run says.

``python -m benchmarks.speed.guard`` measures windows and resampling again, beside OpenCV and
SimpleITK on one thread, and compares the ratios of times with those in ``results/windows.json`` and
``results/resampling.json``. Times depend on the machine; ratios of one run hardly do. A ratio that
has fallen by more than 30 % ends the command with exit code 1. Whatever seems to have fallen is
measured twice more, and its best ratio counts, as other work on the machine only ever lowers it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.command import run
from benchmarks.pages.files import figure, read_results
from benchmarks.speed import resampling, windows

MAY_FALL = 0.3
TRIES = 3
_REPEATS = 7

Ratios = dict[str, float]


def ratios_of_windows(report: Mapping[str, Any]) -> Ratios:
    """Return how many times as long OpenCV takes to cut windows, on one thread."""
    kinds = ("classifier", "segmentation")
    return {f"windows, {k}": float(figure(report, f"{k}/1 thread/ratio")) for k in kinds}


def ratios_of_resampling(report: Mapping[str, Any]) -> Ratios:
    """Return how many times as long each library takes to resample floats, on one thread."""
    return {
        f"resampling, {case['case']}, {library}": float(ratio)
        for case in report["cases"]
        if (case["threads"], case["pixels"]) == (1, "float32")
        for library, ratio in case["times_as_long"].items()
    }


def measure_windows() -> Ratios:
    """Measure both kinds of windows."""
    studies = [windows.planes(11, 30) for _ in range(windows.STUDIES)]
    segmentation = [windows.segmentation_case(images) for images in studies]
    return ratios_of_windows(
        {
            "classifier": windows.measure([windows.classifier_case(studies[0], 5000)], _REPEATS),
            "segmentation": windows.measure(segmentation, _REPEATS),
        }
    )


def measure_resampling() -> Ratios:
    """Measure all maps."""
    return ratios_of_resampling(
        resampling.measure(rounds=_REPEATS, threads=(1,), dtypes=(np.float32,))
    )


MEASURED: dict[str, tuple[Callable[[Mapping[str, Any]], Ratios], Callable[[], Ratios]]] = {
    "windows": (ratios_of_windows, measure_windows),
    "resampling": (ratios_of_resampling, measure_resampling),
}
"""By result file: which ratios it has, and how they are measured again."""


def fallen(committed: Ratios, now: Ratios) -> list[str]:
    """Return the ratios that fell by more than `MAY_FALL`.

    Examples
    --------
    >>> fallen({"a": 5.0, "b": 5.0}, {"a": 3.6, "b": 3.4})
    ['b']
    """
    return [name for name, ratio in committed.items() if now[name] < (1 - MAY_FALL) * ratio]


def best_of_tries(committed: Ratios, measure: Callable[[], Ratios]) -> Ratios:
    """Return the best ratio of each name; what has not fallen is not measured again."""
    best: Ratios = dict.fromkeys(committed, 0.0)
    for _ in range(TRIES):
        now = measure()
        best = {name: max(ratio, now[name]) for name, ratio in best.items()}
        if not fallen(committed, best):
            break
    return best


def main() -> None:
    """Print every ratio, then and now; exit with 1 if one has fallen too far."""
    too_low = []
    for name, (ratios, measure) in MEASURED.items():
        committed = ratios(read_results(name))
        best = best_of_tries(committed, measure)
        for each, before in committed.items():
            print(f"{each:48} {before:6.2f} times as long, now {best[each]:6.2f}")
        too_low += fallen(committed, best)
    if too_low:
        sys.exit(f"fallen by more than {100 * MAY_FALL:.0f} %: {', '.join(too_low)}")


if __name__ == "__main__":
    run(main, __doc__)
