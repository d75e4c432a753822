"""What a study costs by stage, and from that what many studies would.

``python -m benchmarks.cohorts.stages STUDY...`` measures processor seconds, not wall time, so that
other work on the machine counts little.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import command
from lvvol.dicom import load_study
from lvvol.dicom.headers import read_patient
from lvvol.model import load_model
from lvvol.provenance import Provenance
from lvvol.report.files import DEFAULT
from lvvol.report.write import write_result

REPEATS = 3
EFFICIENCY = 0.9
"""Of the cores: the rest waits, for the disk or for the last studies."""

COHORTS = (100_000, 10_000_000)


def seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor seconds of a call, and what it returns."""
    began = time.process_time()
    returned = function()
    return time.process_time() - began, returned


def measure(study: Path, repeats: int = REPEATS) -> dict[str, float]:
    """Return processor seconds by stage, and bytes read and written, of a study."""
    model = load_model()
    model.predict(study, threads=1)  # warm
    times: dict[str, list[float]] = {"read": [], "measure": [], "write": [], "write json": []}
    with tempfile.TemporaryDirectory() as place:
        for _ in range(repeats):
            read_s, stack = seconds(lambda: load_study(study))
            measure_s, prediction = seconds(lambda: model.predict(stack, threads=1))  # noqa: B023
            origin = Provenance(study=study, patient=read_patient(study, stack))
            both = [
                seconds(lambda names=names: write_result(prediction, place, names, origin))  # noqa: B023
                for names in (("json",), DEFAULT)
            ]
            for name, value in zip(
                ("read", "measure", "write json", "write"),
                (read_s, measure_s, both[0][0], both[1][0]),
                strict=True,
            ):
                times[name].append(value)
        written = sum(path.stat().st_size for path in both[1][1])
    return {
        **{f"{name.replace(' ', '_')}_cpu_s": statistics.median(v) for name, v in times.items()},
        "read_mb": sum(p.stat().st_size for p in study.rglob("*") if p.is_file()) / 1e6,
        "written_mb": written / 1e6,
    }


def estimate(stages: dict[str, float], n: int) -> dict[str, float]:
    """Return what `n` such studies would cost.

    Parameters
    ----------
    stages : dict of str to float
        From `measure`.
    n : int
        Number of studies.

    Returns
    -------
    dict of str to float
        Core hours with pictures and with numbers alone, terabytes read and written.
    """
    core = stages["read_cpu_s"] + stages["measure_cpu_s"]
    hours = n / 3600 / EFFICIENCY
    return {
        "studies": n,
        "core_hours": hours * (core + stages["write_cpu_s"]),
        "core_hours_json": hours * (core + stages["write_json_cpu_s"]),
        "read_tb": n * stages["read_mb"] / 1e6,
        "written_tb": n * stages["written_mb"] / 1e6,
    }


def main(*studies: Path) -> dict[str, Any]:
    """Measure studies, and estimate cohorts of their mean."""
    measured = {study.name: measure(study) for study in studies}
    mean = {
        key: statistics.mean(stages[key] for stages in measured.values())
        for key in next(iter(measured.values()))
    }
    return {"studies": measured, "mean": mean, "estimates": [estimate(mean, n) for n in COHORTS]}


if __name__ == "__main__":
    command.run(main, __doc__, "STUDY...", results="cohort_stages")
