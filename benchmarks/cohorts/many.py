"""Many small phantoms in one run: rate, memory, and what is left after kills.

``python -m benchmarks.cohorts.many`` measures 500 studies in one run, and again with 20 kills;
``--studies`` and ``--kills`` ask for others. The studies lie among the system's temporary files.
Ten phantoms are drawn; all others are links to their files, in folders of their own.
"""

from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import command
from lvvol.bench import peak_memory_mb
from lvvol.cohort.item import SUMMARY, Item, name_items
from lvvol.cohort.measure import Settings, measure_item
from lvvol.cohort.record import RECORD
from lvvol.cohort.run import run
from lvvol.cohort.summary import summarise
from lvvol.model import load_model
from lvvol.phantom import make_phantom, write_study

DISTINCT = 10
SLICES, PHASES = 7, 8
ALONE = 20
"""Studies whose rate in one thread is measured."""

TIMES = ("read_s", "measure_s", "write_s", "finished")


def make_studies(folder: Path, n: int, distinct: int = DISTINCT) -> list[Path]:
    """Write studies; beyond a few they are links."""
    for number in range(n):
        study = folder / f"p{number:05d}"
        if number < distinct:
            write_study(make_phantom(number, n_slices=SLICES, n_phases=PHASES), study)
        else:
            shutil.copytree(folder / f"p{number % distinct:05d}", study, copy_function=os.link)
    return sorted(folder.iterdir())


def items_of(folder: Path, n: int) -> list[Item]:
    """Return the first studies of a folder, named."""
    return name_items([Item(path) for path in sorted(folder.iterdir())[:n]])


def seconds_alone(folder: str, out: str, n: int) -> list[float]:
    """Return the seconds of each study in one thread, with a warm model."""
    model, seconds = load_model(), []
    for item in items_of(Path(folder), n + 1):
        began = time.perf_counter()
        measure_item(item, Path(out), Settings(), model)
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def measure_all(folder: str, out: str, n: int, cores: int) -> dict[str, float]:
    """Measure studies in one run; return its seconds and the peak memory of the process."""
    model, items = load_model(), items_of(Path(folder), n)
    began = time.perf_counter()
    tally = run(items, Path(out), Settings(), model, threads=cores)
    wall_s = time.perf_counter() - began
    assert tally.done == n, tally
    return {"wall_s": wall_s, "peak_memory_mb": peak_memory_mb()}


def kill_and_repeat(folder: Path, out: Path, n: int, kills: int, seed: int = 0) -> dict[str, Any]:
    """Kill runs at random moments, then finish; return what was kept and what was done again."""
    draw = random.Random(seed)
    script = (
        "import sys; from benchmarks.cohorts.many import measure_all; "
        "measure_all(sys.argv[1], sys.argv[2], int(sys.argv[3]), 0)"
    )
    kept_at: list[int] = []
    for _ in range(kills):
        child = subprocess.Popen([sys.executable, "-c", script, str(folder), str(out), str(n)])
        before = len(list(out.glob(f"*/{RECORD}")))
        began = time.monotonic()
        # From its start on: some kills hit before the first study, some while files are written.
        while time.monotonic() - began < 600 and child.poll() is None:
            if len(list(out.glob(f"*/{RECORD}"))) > before:
                break
            time.sleep(0.05)
        time.sleep(draw.uniform(0, 2))
        child.send_signal(signal.SIGKILL)
        child.wait()
        kept_at.append(len(list(out.glob(f"*/{RECORD}"))))
    times = {path: path.stat().st_mtime_ns for path in out.glob(f"*/{RECORD}")}
    measure_all(str(folder), str(out), n, 0)
    touched = sum(path.stat().st_mtime_ns != at for path, at in times.items())
    return {"kept": kept_at, "finished_and_done_again": touched}


def rows(out: Path) -> list[dict[str, str]]:
    """Return the summary without times."""
    summarise(out)
    with (out / SUMMARY).open(newline="") as file:
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]


def main(
    *, studies: str = "500", kills: str = "20", cores: str = "0", distinct: str = str(DISTINCT)
) -> dict[str, Any]:
    """Measure rate, memory and kills."""
    n, n_cores = int(studies), int(cores) or len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="lvvol-cohort-") as place:
        folder = Path(place) / "studies"
        make_studies(folder, n, int(distinct))
        alone = command.call_apart(seconds_alone, str(folder), f"{place}/alone", min(ALONE, n - 1))
        few = command.call_apart(measure_all, str(folder), f"{place}/few", max(1, n // 10), n_cores)
        whole = command.call_apart(measure_all, str(folder), f"{place}/whole", n, n_cores)
        report = {
            "studies": n,
            "cores": n_cores,
            "slices": SLICES,
            "phases": PHASES,
            "alone_s": statistics.median(alone),
            "alone_mean_s": statistics.mean(alone),
            "together": whole,
            "rate_per_hour": 3600 * n / whole["wall_s"],
            "of_one_thread_times_cores": n * statistics.mean(alone) / whole["wall_s"] / n_cores,
            "tenth": few,
            "memory_ratio": whole["peak_memory_mb"] / few["peak_memory_mb"],
        }
        if int(kills):
            killed = kill_and_repeat(folder, Path(place) / "killed", n, int(kills))
            same = rows(Path(place) / "killed") == rows(Path(place) / "whole")
            report |= {"kills": killed, "same_rows_after_kills": same}
    return report


if __name__ == "__main__":
    command.run(main, __doc__, "--studies", "--kills", "--cores", results="cohort")
