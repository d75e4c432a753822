"""Wall time, time of each stage and peak memory of `lvvol predict` in a new process.

``python -m benchmarks.speed.whole_command STUDY`` runs it five times and writes
``results/whole_command.json``. Peak memory is the highest of all runs.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.command import run
from benchmarks.timing import times_ms


def measure(study: Path, runs: int) -> dict[str, Any]:
    """Run the command `runs` times, each in a new process, and return medians."""
    stages_s = []

    def predict() -> None:
        done = subprocess.run(
            [sys.executable, "-m", "lvvol", "predict", str(study), "--json"],
            capture_output=True,
            text=True,
            check=True,
        )
        stages_s.append(json.loads(done.stdout)["timings_s"])

    walls_s = times_ms({"predict": predict}, runs, warm_ups=0)["predict"] / 1000
    # In kilobytes on Linux, in bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    median = {stage: statistics.median(s[stage] for s in stages_s) for stage in stages_s[0]}
    return {
        "study": study.name,
        "runs": runs,
        "wall_s": walls_s.median,
        "walls_s": walls_s.values.tolist(),
        "stages_s": {**median, "start, imports and output": walls_s.median - sum(median.values())},
        "peak_memory_mb": peak / 2**20,
    }


def main(study: Path) -> dict[str, Any]:
    """Measure five runs."""
    return measure(study, runs=5)


if __name__ == "__main__":
    run(main, __doc__, "STUDY", results="whole_command")
