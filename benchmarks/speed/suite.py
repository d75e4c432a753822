"""The speed of lvvol beside its peers, of whole studies, how it grows, and how far it can go.

``python -m benchmarks.speed.suite [STUDY]`` runs the cases in ``benchmarks/speed`` under
pytest-benchmark on a study, or on a phantom of 11 slices and 30 phases, and writes
``results/speed.json`` and ``docs/benchmarks.md``. With ``--size short``, it tries everything on
tiny inputs and writes nothing. A peer that is not installed is skipped and named. Where a case
fails, no results are written.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import run
from benchmarks.machine import CHECKOUT, version
from benchmarks.pages import speed
from benchmarks.timing import Samples

PACKAGES = (
    *("opencv-python-headless", "SimpleITK", "scipy", "onnxruntime", "openvino"),
    *("dicom2nifti", "pytest-benchmark"),
)


def measure(study: Path | None, *, short: bool, keywords: str = "") -> dict[str, Any]:
    """Run the cases in a new process and return their statistics, without raw rounds.

    Raises
    ------
    SystemExit
        If a case fails.
    """
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "benchmarks.json"
        command = [
            *(sys.executable, "-m", "pytest", "benchmarks/speed/test_suite.py"),
            # The options of the tests would run these in parallel or stop at a warning of a peer.
            *("-o", "addopts=--import-mode=importlib", "-o", "filterwarnings=default"),
            *("-p", "no:xdist", "-p", "no:cacheprovider", "--disable-warnings", "-q", "-rs"),
            *(f"--benchmark-json={written}", "--benchmark-group-by=group"),
            *("--benchmark-disable-gc", "--benchmark-sort=name"),
            *("--benchmark-columns=min,median,iqr,rounds", "--benchmark-name=short"),
            *(["--short"] if short else []),
            *([f"--study={study.resolve()}"] if study else []),
            *(["-k", keywords] if keywords else []),
        ]
        # In a worker of pytest-xdist, pytest-benchmark would time nothing.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")}
        done = subprocess.run(command, cwd=CHECKOUT, env=environment)
        if done.returncode:
            raise SystemExit(f"cases of the suite failed: pytest ended with {done.returncode}")
        found = json.loads(written.read_bytes())
    cases = [_statistics(case) for case in found["benchmarks"]]
    return {
        "load_average": load,
        "packages": {name: version(name) for name in PACKAGES},
        **found["figures"],
        "cases": cases,
    }


def _statistics(case: dict[str, Any]) -> dict[str, Any]:
    times = Samples(1000 * np.array(case["stats"]["data"]))
    return {
        **case["extra_info"],
        "rounds": case["stats"]["rounds"],
        **times.summary("ms"),
        "fastest_ms": times.smallest,
    }


def main(study: Path | None = None, size: str = "full") -> dict[str, Any]:
    """Measure, and return the report; the short mode ends without one."""
    if size not in ("full", "short"):
        raise SystemExit(f"--size: expected full or short, got {size}")
    report = measure(study, short=size == "short")
    if size == "short":
        print("\n\n".join(speed.blocks(report).values()))
        raise SystemExit(0)
    return report


if __name__ == "__main__":
    run(main, __doc__, "[STUDY]", "--size", results="speed")
    print(speed.write())
