"""The whole `lvvol predict` as a cold process: seconds of each stage, wall time, peak memory.

``python -m benchmarks.speed.whole_command STUDY`` runs it several times and writes
``results/whole_command.json``. Peak memory is that of the largest run.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.command import read_paths
from benchmarks.machine import write_results


def measure(study: Path, runs: int) -> dict[str, object]:
    """Run the command `runs` times, each in a new process, and return medians."""
    walls_s, stages_s = [], []
    for _ in range(runs):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "lvvol", "predict", str(study), "--json"],
            capture_output=True,
            text=True,
            check=True,
        )
        walls_s.append(time.perf_counter() - start)
        stages_s.append(json.loads(done.stdout)["timings_s"])
    # Linux counts kilobytes, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    median = {stage: statistics.median(s[stage] for s in stages_s) for stage in stages_s[0]}
    wall_s = statistics.median(walls_s)
    return {
        "study": study.name,
        "runs": runs,
        "wall_s": wall_s,
        "walls_s": walls_s,
        "stages_s": {**median, "start, imports and output": wall_s - sum(median.values())},
        "peak_memory_mb": peak / 2**20,
    }


def main(study: Path) -> None:
    """Measure, write."""
    print(write_results("whole_command", measure(study, runs=5)))


if __name__ == "__main__":
    main(*read_paths(__doc__, "STUDY"))
