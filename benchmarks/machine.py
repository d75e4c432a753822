"""What a result file says of the machine and the code it was made with."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def describe() -> dict[str, Any]:
    """Return processor, cores, memory, versions and commit as plain values."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        processor = next((x.split(": ")[1] for x in lines if x.startswith("model name")), processor)
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in ("lvvol", "numpy", "torch", "pydicom")},
        "commit": commit.stdout.strip() or "unknown",
    }


def _version(name: str) -> str | None:
    """Return a package's version; None where it is not installed, as torch need not be."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def write_results(name: str, results: dict[str, Any]) -> Path:
    """Write results with the machine's description to ``results/<name>.json``."""
    path = RESULTS / f"{name}.json"
    part = path.with_suffix(".part")
    part.write_text(
        json.dumps({"machine": describe(), **results}, indent=1) + "\n", encoding="utf-8"
    )
    part.replace(path)
    return path
